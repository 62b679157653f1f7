import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from statuses import status as status_now

from visard.daemon.api.schema import Faces, Status
from visard.daemon.cli import COMMANDS, main, options
from visard.daemon.config.settings import Mode, Settings
from visard.daemon.errors import SourceUnavailable
from visard.daemon.personas.library import SHIPPED

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process; gives exit status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from visard.daemon.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name, summary in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert summary[:40] in done.stdout
    heavy = {"numpy", "cv2", "av", "openvino", "onnxruntime", "pydantic", "rich", "PIL", "pyvirtualcam"}
    assert not heavy & set(done.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(call: Call, name: str) -> None:
    status, out, _ = call(name, "--help")
    assert status == 0
    assert out.startswith(f"Usage: visard {name}")


def test_help_of_run_does_not_load_the_networks() -> None:
    code = "import sys, visard.daemon.cli.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"cv2", "openvino", "numpy"} & set(done.stdout.split())


def test_version(call: Call) -> None:
    from importlib.metadata import version

    assert call("--version") == (0, f"visard {version('visard')}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("run", "--opacity", "2"),
        ("run", "--who", "nobody"),
        ("convert", "only-one"),
        ("personas", "add", "photo.jpg", "--name", "x"),
        ("personas", "add", "photo.jpg", "--name", "x", "--consent", "stolen"),
        ("bench", "--seconds", "soon"),
        ("personas", "generate", "--seed", "-1"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(call: Call, arguments: tuple[str, ...]) -> None:
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("visard: ")
    assert err.count("\n") == 1
    assert "--help'" in err


def test_an_error_is_one_line_and_status_1(call: Call) -> None:
    status, out, err = call("personas", "show", "nobody")
    assert (status, out) == (1, "")
    assert err.startswith("visard: there is no persona")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("personas", "show", "nobody", "--json"), 1, "persona-unknown"),
        (
            ("personas", "add", "/no/such.jpg", "--name", "x", "--consent", "self", "--json"),
            1,
            "picture-unreadable",
        ),
        (("convert", "/no/such.mp4", "out.mp4", "--json"), 1, "source-unavailable"),
        (("run", "--opacity", "2", "--json"), 2, "usage"),
        (("--json", "nonsense"), 2, "usage"),
    ],
)
def test_json_errors_are_objects(call: Call, arguments: tuple[str, ...], status: int, code: str) -> None:
    got, out, err = call(*arguments)
    assert (got, err) == (status, "")
    error = json.loads(out)["error"]
    assert error["code"] == code
    assert error["message"]


def _raise(error: BaseException) -> Callable[..., Any]:
    def command(*_: object, **__: object) -> None:
        raise error

    return command


def test_a_bug_is_one_line_too_and_a_trace_only_when_asked(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visard.daemon.foreground.run.run", _raise(ZeroDivisionError("oops")))
    status, _, err = call("run")
    assert (status, err) == (
        1,
        "visard: unexpected ZeroDivisionError: oops; run it again with -v to see where\n",
    )
    status, _, err = call("run", "-v")
    assert status == 1
    assert "Traceback" in err


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "visard: interrupted\n"),
        (SourceUnavailable("no\ncamera"), 1, "visard: no camera\n"),
        (OSError(28, "No space left on device", "x.mp4"), 1, "visard: No space left on device: x.mp4\n"),
    ],
)
def test_what_ends_a_command_is_told(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, line: str
) -> None:
    monkeypatch.setattr("visard.daemon.foreground.run.run", _raise(error))
    got, _, err = call("run")
    assert got == status
    assert err.strip("\n") == line.strip("\n")


def test_run_passes_everything_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def note(*given: Any, **named: Any) -> Status:
        asked.append((given, named))
        now = status_now()
        counted = now.numbers.model_copy(update={"frames": 9, "faces": Faces(swapped=8, covered=3)})
        return now.model_copy(update={"numbers": counted})

    monkeypatch.setattr("visard.daemon.foreground.run.run", note)
    options = "--source demo --persona marco --sink preview --sink a.mp4 --mode animate --seconds 3"
    options += " --processor mesh --option a=1"
    more = "--opacity 0.5 --keep-mouth --who largest --max-faces 2 --bystanders"
    more += " --colour mean-deviation --pan-x -0.5"
    done = call("run", *options.split(), *more.split())
    assert done == (0, "9 frames: 8 faces swapped, 3 covered, 0 shown\n", "")
    settings = Settings.model_validate(
        {
            "opacity": 0.5,
            "keep_mouth": True,
            "who": "largest",
            "max_faces": 2,
            "bystanders": True,
            "colour": "mean-deviation",
            "pan_x": -0.5,
        }
    )
    assert asked == [
        (
            ("demo", "marco", ("preview", "a.mp4"), settings, Mode.animate),
            {"processor": "mesh", "options": {"a": "1"}, "seconds": 3.0},
        )
    ]
    asked.clear()
    call("run")
    assert asked == [
        ((None, None, (), Settings(), None), {"processor": None, "options": {}, "seconds": None})
    ]


@pytest.mark.parametrize("name", ["run", "convert", "bench"])
def test_every_setting_is_an_option(name: str) -> None:
    from importlib import import_module

    command = import_module(f"visard.daemon.cli.{name}").command
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--" + field.replace("_", "-") for field in Settings.model_fields} <= options


def test_modes_are_those_of_the_recipe() -> None:
    assert tuple(Mode) == options.MODES


def test_sources_and_sinks_are_listed(call: Call) -> None:
    for name, some in (
        ("sources", "demo"),
        ("sinks", "null"),
        ("occluders", "fast"),
        ("enhancers", "gfpgan"),
    ):
        status, out, _ = call(name, "--json")
        kinds = {kind["name"]: kind for kind in json.loads(out)}
        assert status == 0
        assert kinds[some]["summary"]
        assert kinds[some]["broken"] is None
        assert some in call(name)[1]


def test_the_library_by_command(call: Call, tmp_path: Path) -> None:
    photo = shutil.copy(SHIPPED / "walter" / "picture.jpg", tmp_path / "photo.jpg")
    status, out, err = call(
        "personas", "add", str(photo), "--name", "Dad", "--consent", "permission", "--json"
    )
    assert (status, err) == (0, "")
    added = json.loads(out)
    assert (added["name"], added["consent"], added["damaged"]) == ("Dad", "permission", None)
    assert Path(added["picture"]).is_file()
    assert json.loads(call("personas", "list", "--json")[1])[-1] == added
    assert json.loads(call("personas", "show", "dad", "--json")[1]) == added
    assert call("personas", "rename", "dad", "Father")[0] == 0
    assert "consent: permission" in call("personas", "list")[1]
    status, _, err = call("personas", "remove", "father")
    assert (status, "--yes" in err) == (2, True)
    assert json.loads(call("personas", "remove", "father", "--yes", "--json")[1]) == {
        "removed": "Father",
        "restorable": True,
    }
    assert len(json.loads(call("personas", "list", "--json")[1])) == 6
    assert call("personas", "restore", "father") == (0, "Father is back\n", "")
    assert call("personas", "remove", "father", "--yes", "--forever")[0] == 0
    assert call("personas", "restore", "father")[0] == 1


def test_generate_without_its_networks_says_what_to_do(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    status, out, err = call("personas", "generate", "--seed", "3")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "random_face-2021.7.21.1-py3-none-any.whl" in err
    assert "--wheel" in err
