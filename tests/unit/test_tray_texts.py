"""The tray in other languages, and its catalogues."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from menus import every
from statuses import status

from visard.daemon.api.schema import CameraInfo, Job, Problem, State
from visard.daemon.config.file import Config
from visard.tray import i18n, texts
from visard.tray.menu import menu

ENGINES = ("device-lost", "engine-demoted", "engine-not-kept", "slow-processor")
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture
def language(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("environment", "chinese"),
    [
        ({}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN"}, True),
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "de:zh_CN:en"}, True),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en_US:zh_CN"}, False),
    ],
)
def test_the_environment_chooses_the_language(
    language: pytest.MonkeyPatch, environment: dict[str, str], chinese: bool
) -> None:
    for name, value in environment.items():
        language.setenv(name, value)
    assert i18n.english() is not chinese
    assert texts.headline(None) == ("Visard 未运行" if chinese else "Visard is not running")


@pytest.mark.parametrize("state", [None, *State])
def test_the_whole_menu_is_chinese(language: pytest.MonkeyPatch, state: State | None) -> None:
    """Nothing is left in English but names, and what the daemon says of what it has no code for."""
    language.setenv("LANG", "zh_CN.UTF-8")
    problems = (
        Problem(code="no-camera", message="there is no camera"),
        Problem(code="no-output", message="there is no device"),
        *(Problem(code=code, message="of an engine", blocking=False) for code in ENGINES),
    )
    jobs = (
        Job(id=1, title="drawing a person who does not exist", progress=0.3),
        Job(id=-5, title="compiling 网络", progress=0.4),
        Job(id=0, title="preparing Hanna", step="reading", persona="hanna", progress=0.4),
    )
    cameras = [CameraInfo(id="x", name="摄像头", path="/dev/video0", busy=True, chosen=False)]
    now = status(state, problems=problems, jobs=jobs, wanted="hanna", settings=Config()) if state else None
    names = "Visard|HD Webcam|Clara|Hanna|Marco|Nico|Robin|Walter"
    labels = [re.sub(names, "", item.label) for item in every(menu(now, cameras))]
    assert [label for label in labels if re.search("[A-Za-z]", label)] == []
    assert re.search(r"\w", re.sub("Visard|Clara", "", texts.title(now)))


def test_in_english_the_daemons_own_words_are_shown(language: pytest.MonkeyPatch) -> None:
    found = Problem(code="no-output", message="there is no /dev/video9")
    assert texts.problem(found) == "There is no /dev/video9"
    language.setenv("LANG", "zh_CN.UTF-8")
    assert texts.problem(found) == "没有可供其他程序选择的虚拟摄像头。"
    assert texts.problem(Problem(code="new", message="strange")) == "Strange"


@pytest.fixture(scope="module")
def script(repository: Path) -> Path:
    pytest.importorskip("babel", reason="needs babel")
    return repository / "packaging" / "translations.py"


def run(script: Path, *arguments: str) -> list[str]:
    """Run the script; return what it complains of."""
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.splitlines()


def test_catalogues_are_complete_and_up_to_date(script: Path) -> None:
    assert run(script, "--check") == []


def test_the_check_finds_what_is_out_of_date(script: Path, tmp_path: Path) -> None:
    tray = tmp_path / "tray"
    shutil.copytree(i18n.FOLDER.parent, tray, ignore=shutil.ignore_patterns("__pycache__"))
    assert run(script, "--check", str(tray)) == []
    (tray / "new.py").write_text('_("A new text")')
    missing = "zh_CN: not translated: 'A new text'"
    assert run(script, "--check", str(tray)) == ["locale/visard.pot is out of date", missing]
    assert run(script, str(tray)) == []
    assert run(script, "--check", str(tray)) == [missing]
    translated = tray / "locale/zh_CN/LC_MESSAGES/visard.po"
    text = translated.read_text("utf-8")
    translated.write_text(text.replace('"A new text"\nmsgstr ""', '"A new text"\nmsgstr "新"'), "utf-8")
    assert run(script, "--check", str(tray)) == ["zh_CN: the .mo is out of date"]
    run(script, str(tray))
    (tray / "new.py").unlink()
    assert "zh_CN: not in the sources: 'A new text'" in run(script, "--check", str(tray))


def test_translations_keep_the_placeholders(repository: Path) -> None:
    pofile = pytest.importorskip("babel.messages.pofile", reason="needs babel")
    for path in i18n.FOLDER.glob("*/LC_MESSAGES/*.po"):
        with path.open("rb") as file:
            for message in pofile.read_po(file):
                ids = message.id if isinstance(message.id, tuple) else (message.id,)
                strings = message.string if isinstance(message.string, tuple) else (message.string,)
                wanted = fields(ids[-1])
                assert all(fields(string) == wanted for string in strings if message.id), message.id


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text)} - {None}


def test_the_package_has_the_compiled_catalogues(repository: Path) -> None:
    """They are committed, so that an editable install and a wheel have them without another step."""
    tracked = subprocess.run(
        ["git", "ls-files", "tray"], cwd=repository, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    relative = os.path.relpath(i18n.FOLDER / "zh_CN/LC_MESSAGES/visard.mo", repository)
    assert relative in tracked.stdout.split("\n")
