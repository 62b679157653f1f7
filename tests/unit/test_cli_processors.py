"""Choosing what puts a persona on, and its options, from the command line."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import dfm_files
import numpy as np
import pytest
from fake_process import fake_daemon
from fake_processor import drop_in
from PIL import Image
from test_cli import Call, call

from visard.daemon.personas.library import SHIPPED, Library
from visard.models.processor import swappers

__all__ = ["call"]


@pytest.fixture(autouse=True)
def tint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a second swapper."""
    drop_in(monkeypatch)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return Path(shutil.copy(SHIPPED / "nico" / "picture.jpg", tmp_path / "photo.jpg"))


def test_processors_are_listed_with_their_options(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(swappers.broken, "torn", "ImportError: no torn")
    status, out, err = call("processors")
    assert (status, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "covers the face with one colour" in lines["tint"]
    assert "photo or .tint" in lines["tint"]
    assert "animate" in lines["puppet"]
    assert lines["torn"].endswith("cannot be used: ImportError: no torn")
    facts = {each["name"]: each for each in json.loads(call("processors", "--json")[1])}
    assert facts["torn"]["broken"] == "ImportError: no torn"
    options = facts["tint"]["options"]["properties"]
    assert {key: options["strength"][key] for key in ("type", "minimum", "maximum", "default")} == {
        "type": "number", "minimum": 0, "maximum": 1, "default": 0.75
    }  # fmt: skip
    assert options["shade"]["enum"] == ["red", "green"]
    assert facts["mesh"]["options"]["properties"] == {}


@pytest.mark.parametrize(
    "arguments", [("run",), ("convert",), ("bench",), ("personas", "set"), ("personas", "add")]
)
def test_help_lists_every_option_with_type_range_and_default(
    call: Call, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = " ".join(call(*arguments, "--help")[1].split())
    assert "Options of tint, for --option:" in out
    for words in (
        "strength=0..1 how bright the colour is [default: 0.75]",
        "shade=red|green which colour [default: red]",
        "steps=16..64 in 16s steps of the colour [default: 32]",
        "soft=true|false soften the edge [default: false]",
        "size=0.5..2 size of the patch; none: the face's [default: none]",
    ):
        assert words in out
    assert "Options of mesh" not in out


def test_help_of_the_program_does_not_look_for_processors() -> None:
    code = "import sys, visard.daemon.cli.options as o; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split() if name.startswith("visard.models.processor")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--processor", "nonsense"), "choose auto or one of:"),
        (("--option", "strength"), "'strength' has no value; write KEY=VALUE"),
        (("--option", "=1"), "write KEY=VALUE"),
    ],
)
def test_wrong_usage_is_told(call: Call, arguments: tuple[str, ...], words: str) -> None:
    for command in (("convert", "a.mp4", "b.mp4"), ("personas", "set", "clara")):
        status, out, err = call(*command, *arguments)
        assert (status, out) == (2, "")
        assert words in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("strength=7", "tint: strength: Input should be less than or equal to 1, not '7'"),
        ("steps=17", "tint: steps: Input should be a multiple of 16"),
        ("shade=blue", "tint: shade: Input should be 'red' or 'green'"),
        ("soft=perhaps", "tint: soft: Input should be a valid boolean"),
        ("strenght=1", "tint has no option 'strenght'; there are: strength, shade, steps, soft, size"),
        ("strenght=", "tint has no option 'strenght'"),
    ],
)
def test_a_wrong_option_is_told_in_one_line_and_nothing_changes(call: Call, option: str, words: str) -> None:
    status, out, err = call("personas", "set", "clara", "--processor", "tint", "--option", option)
    assert (status, out) == (1, "")
    assert err.startswith(f"visard: {words}")
    assert err.count("\n") == 1
    assert Library().get("clara").record.processor == "auto"


def test_a_persona_remembers_its_processor_and_options(call: Call) -> None:
    choice = ("--processor", "tint", "--option", "strength=0.5", "--option", "soft=yes")
    status, out, err = call("personas", "set", "Clara", *choice)
    assert (status, err) == (0, "")
    assert out == "clara: tint strength=0.5 soft=True (before: auto)\n"
    assert "tint strength=0.5 soft=True" in call("personas", "list")[1]
    shown = call("personas", "show", "clara")[1]
    assert "strength=0.5" in shown
    assert "mesh" in shown
    facts = json.loads(call("personas", "set", "clara", "--option", "strength=", "--json")[1])
    assert (facts["processor"], facts["options"]) == ("tint", {"tint": {"soft": True}})
    assert {"mesh", "tint", "puppet"} <= set(facts["processors"])
    call("personas", "set", "clara", "--reset", "--option", "shade=green")
    assert Library().get("clara").record.options == {"tint": {"shade": "green"}}
    assert call("personas", "set", "clara", "--reset", "--processor", "auto")[0] == 0
    record = Library().get("clara").record
    assert (record.processor, record.options) == ("auto", {})
    assert call("personas", "set", "clara")[0] == 2


def test_a_running_daemon_follows(call: Call, home: Path) -> None:
    with fake_daemon(home):
        assert call("personas", "set", "clara", "--processor", "puppet")[0] == 0
        now = json.loads(call("status", "--json")[1])
        assert (now["processor"], now["mode"]) == ("puppet", "animate")


def test_add_takes_processor_and_options(call: Call, photo: Path) -> None:
    choice = ("--processor", "tint", "--option", "shade=green")
    status, out, _ = call(
        "personas", "add", str(photo), "--name", "N", "--consent", "self", *choice, "--json"
    )
    facts = json.loads(out)
    assert (status, facts["processor"], facts["options"]) == (0, "tint", {"tint": {"shade": "green"}})


def test_a_model_shows_what_it_makes_of_the_demo_driver_and_its_remarks_are_told(
    call: Call, tmp_path: Path
) -> None:
    model = tmp_path / "face.tint"
    model.write_bytes(b"trained")
    status, out, err = call("personas", "add", str(model), "--name", "T", "--consent", "self")
    assert (status, err) == (0, "")
    assert out.splitlines()[1:] == ["note: it looks like nobody"]
    persona = Library().get("T")
    assert (persona.picture, persona.record.files) == (None, ("model.tint",))
    with Image.open(persona.folder / "thumbnail.jpg") as thumbnail:
        centre = np.asarray(thumbnail.convert("RGB"))[thumbnail.height // 2, thumbnail.width // 2]
    assert centre[0] > 150
    assert centre[1:].max() < 40


@pytest.mark.parametrize("kind", ["saved", "photo", "model"])
def test_convert_uses_the_processor_that_was_named(
    call: Call, photo: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "face.tint").write_bytes(b"trained")
    who = {"saved": "marco", "photo": str(photo), "model": str(tmp_path / "face.tint")}[kind]
    out = tmp_path / "out.png"
    choice = ("--processor", "tint", "--option", "shade=green", "--option", "strength=1")
    status, _, err = call("convert", str(photo), str(out), "--persona", who, "--colour", "none", *choice)
    assert (status, err) == (0, "")
    with Image.open(out) as made:
        red, green, blue = np.asarray(made.convert("RGB"))[made.height // 2, made.width // 2].tolist()
    assert green > 200
    assert max(red, blue) < 60


@pytest.mark.parametrize("weak", [("--opacity", "0.5"), ("--mask-grow", "-0.1"), ("--mask-blur", "0.1")])
def test_convert_reveals_nobody_unless_asked_for(
    call: Call, photo: Path, tmp_path: Path, weak: tuple[str, str]
) -> None:
    out = tmp_path / "out.png"
    choice = ("--persona", "marco", "--processor", "tint", "--option", "strength=1")
    arguments = ("convert", str(photo), str(out), *choice, *weak)
    status, _, err = call(*arguments)
    assert status == 1
    assert err.endswith("others may recognise you; ask for it in so many words: visard convert --reveal\n")
    assert not out.exists()
    assert call(*arguments, "--reveal")[::2] == (0, "")
    with Image.open(out) as made, Image.open(photo) as before:
        share = np.asarray(made.convert("RGB"), int) - np.asarray(before.convert("RGB"), int)
    assert np.abs(share).max() > 50, "the persona is on"


def test_without_a_mode_it_is_what_the_processor_does(
    call: Call, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    from visard.daemon.foreground.jobs import Summary

    def note(start: Path, end: Path, persona: object, *_: object, **__: object) -> Summary:
        modes.append((persona.processor, persona.mode))  # type: ignore[attr-defined]
        return Summary(end)

    monkeypatch.setattr("visard.daemon.foreground.convert.convert", note)
    arguments = ("convert", str(photo), str(tmp_path / "out.png"), "--persona", "marco")
    call(*arguments)
    call(*arguments, "--processor", "puppet")
    call("personas", "set", "marco", "--processor", "puppet")
    call(*arguments)
    call(*arguments, "--mode", "swap")
    assert modes == [("mesh", "swap"), ("puppet", "animate"), ("puppet", "animate"), ("mesh", "swap")]
    status, _, err = call(*arguments, "--processor", "puppet", "--mode", "swap")
    assert (status, err) == (1, "visard: puppet can animate, not swap; use --mode animate\n")


class Terminal(io.StringIO):
    """Somebody who answers at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "given", "kept"),
    [("full\n", (), "full"), ("\n", (), None), ("", ("--option", "face_type=head"), "head")],
)
def test_what_a_trained_face_does_not_tell_is_asked_at_a_terminal(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    answer: str, given: tuple[str, ...], kept: str | None,
) -> None:  # fmt: skip
    face = dfm_files.tinted(tmp_path / "face.dfm")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    status, _, err = call("personas", "add", str(face), "--name", "T", "--consent", "self", *given)
    assert status == 0, err
    assert ("How much of the head" in err) is not bool(given)
    record = Library().get("T").record
    assert record.options.get("dfm", {}).get("face_type") == kept


def test_nobody_is_asked_where_nobody_is(call: Call, tmp_path: Path) -> None:
    face = dfm_files.tinted(tmp_path / "face.dfm")
    status, out, err = call("personas", "add", str(face), "--name", "T", "--consent", "self")
    assert (status, err) == (0, "")
    assert "whole_face is assumed" in out
