"""What systemd and desktops make of our texts."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visard.daemon.install import freedesktop, systemd
from visard.daemon.install.icons import icons


def unquoted(line: str) -> list[str]:
    """Read a line of a unit the way systemd does: quotes, backslashes, then percent signs."""
    words, word, quote, inside = [], "", "", False
    characters = iter(line)
    for char in characters:
        if char == "\\":
            word, inside = word + next(characters), True
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote, inside = char, True
        elif not quote and char == " ":
            words, word, inside = [*words, word] if inside else words, "", False
        else:
            word, inside = word + char, True
    return [found.replace("%%", "%") for found in ([*words, word] if inside else words)]


PATHS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1)


@given(st.lists(PATHS, min_size=1))
def test_units_quote_any_path(words: list[str]) -> None:
    assert unquoted(" ".join(map(systemd.quoted, words))) == words


@given(PATHS)
def test_desktop_entries_quote_any_path(word: str) -> None:
    line = freedesktop.line([word])
    if not line.startswith('"'):
        assert not re.search(r"[\s\"'\\><~|&;$*?#()`]", line), "these must be quoted"
    line = (
        line.removeprefix('"').removesuffix('"').replace("\\\\", "\\")
    )  # the file format takes one level off
    assert re.sub(r'\\(["`$\\])', r"\1", line).replace("%%", "%") == word


AWKWARD = ('/opt/a b/100%/$HOME/it\'s "x"/back\\slash;/visard',)


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze") or pytest.skip("needs systemd-analyze")
    program = tmp_path / AWKWARD[0].strip("/")
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = tmp_path / "units"
    units.mkdir()
    unit = systemd.service([str(program)], [str(program)], {"VISARD_HOME": AWKWARD[0]})
    (units / systemd.SERVICE).write_text(unit)
    (units / systemd.RETRY).write_text(systemd.retry())
    command = [verify, "verify", "--user", "--man=no", *map(str, units.iterdir())]
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=runtime, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "visard" in line]
    assert (done.returncode, said) == (0, []), done.stderr


@pytest.mark.parametrize("command", [("/usr/bin/visard",), ("env", "VISARD_HOME=/a b", *AWKWARD)])
def test_desktops_accept_the_entries(tmp_path: Path, command: tuple[str, ...]) -> None:
    validate = shutil.which("desktop-file-validate") or pytest.skip("needs desktop-file-utils")
    entries = {"menu": freedesktop.menu_entry(command), "start": freedesktop.autostart_entry(command)}
    entries["hidden"] = freedesktop.HIDDEN
    for name, text in entries.items():
        (tmp_path / f"{name}.desktop").write_text(text)
    done = subprocess.run(
        [validate, *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_drawing_is_among_the_icons() -> None:
    drawing = next(content for path, content in icons().items() if path.suffix == ".svg")
    assert drawing.startswith(b"<svg ")
