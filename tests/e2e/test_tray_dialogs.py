"""The tray's dialogues as people meet them: on a screen, answered by keyboard and mouse."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from desktop import Desktop, desktop, process, until

from visard.daemon.errors import VisardError
from visard.daemon.personas.library import SHIPPED
from visard.tray import dialogs, system_gi
from visard.tray.dialogs import ChildDialogs, Dialog, DialogsUnavailable, File, Form, Notice, Question

pytestmark = pytest.mark.slow

FORM = Form(
    title="A face", file=str(SHIPPED / "nico" / "picture.jpg"), name="Name", question="Why?",
    choices=(("self", "mine"), ("permission", "allowed")), remark="Mind", done="Add", cancel="Cancel",
)  # fmt: skip
QUESTION = Question("Sure?", "Do it?", "Yes", "No")
FILE = File("Which one?", "Choose", "Cancel", "Pictures", ("jpg", "dfm"))
NOTICE = Notice("Heard?", "This is wrong.", "sudo thing", "Copy", "Close")


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    with desktop(tmp_path_factory.mktemp("desktop")) as running:
        yield running


@pytest.fixture(params=["gtk", "tk"])
def toolkit(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name == "gtk" and not system_gi.find():
        pytest.skip("needs python3-gi for this version of Python")
    if name == "tk":
        pytest.importorskip("tkinter", reason="needs a Python with tkinter")
    return name


class Shown:
    """A dialogue on the screen."""

    def __init__(self, screen: Desktop, child: subprocess.Popen[str]) -> None:
        self._screen, self._child = screen, child

    def keys(self, *keys: str) -> None:
        """Type; a key of one letter is text, others are X names."""
        for key in keys:
            self._screen.press(key)

    def text(self, text: str) -> None:
        self._screen.type(text)

    def answer(self) -> object:
        assert self._child.stdout is not None
        return json.loads(self._child.stdout.readline())["answer"]


@contextmanager
def shown(screen: Desktop, toolkit: str, dialog: Dialog) -> Iterator[Shown]:
    code = f"import visard.tray.dialogs.__main__ as m; m.TOOLKITS = {{0: m.TOOLKITS[{toolkit!r}]}}; m.main()"
    kind = type(dialog).__name__.lower()
    command = [sys.executable, "-c", code, kind]
    with process(command, screen.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(asdict(dialog)) + "\n")
        child.stdin.flush()
        until(lambda: screen.windows(dialog.title.replace("?", "[?]")), "no window came up")
        screen.point(500, 400)  # without a window manager, keys go to what is under the mouse
        yield Shown(screen, child)


@pytest.mark.parametrize("dialog", [QUESTION, FORM, FILE, NOTICE], ids=lambda d: type(d).__name__)
def test_leaving_a_dialogue_is_a_no(screen: Desktop, toolkit: str, dialog: Dialog) -> None:
    with shown(screen, toolkit, dialog) as window:
        window.keys("Escape")
        assert window.answer() in (None, False)


def test_the_enter_key_gives_the_safe_answer(screen: Desktop, toolkit: str) -> None:
    with shown(screen, toolkit, QUESTION) as window:
        window.keys("Return")
        assert window.answer() is False


def test_yes_is_one_step_further(screen: Desktop, toolkit: str) -> None:
    with shown(screen, toolkit, QUESTION) as window:
        window.keys("Tab", "space")
        assert window.answer() is True


def test_a_form_needs_name_and_statement(screen: Desktop, toolkit: str) -> None:
    with shown(screen, toolkit, FORM) as window:
        window.text("Ann Lee")
        window.keys("Return", "Tab", "space", "shift+Tab", "Return")
        assert window.answer() == ["Ann Lee", "self"]


@pytest.mark.parametrize("name", ["photo.jpg", "face.dfm"])
def test_a_file_is_chosen(screen: Desktop, toolkit: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((SHIPPED / "nico" / "thumbnail.jpg").read_bytes())
    with shown(screen, toolkit, FILE) as window:
        window.text(str(path))
        window.keys("Return")
        assert window.answer() == str(path)


def test_a_form_also_comes_for_a_file_that_is_no_picture(
    screen: Desktop, toolkit: str, tmp_path: Path
) -> None:
    (tmp_path / "face.dfm").write_bytes(b"no picture")
    with shown(screen, toolkit, replace(FORM, file=str(tmp_path / "face.dfm"))) as window:
        window.text("Ann")
        window.keys("Tab", "space", "shift+Tab", "Return")
        assert window.answer() == ["Ann", "self"]


def test_a_notice_is_closed(screen: Desktop, toolkit: str) -> None:
    with shown(screen, toolkit, NOTICE) as window:
        window.keys("Return")
        assert window.answer() is None


def test_the_tray_takes_its_dialogues_with_it(screen: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in screen.environment.items():
        monkeypatch.setenv(name, value)
    ask = "ChildDialogs().question('Sure?', 'Do it?', 'Yes', 'No')"
    code = f"from visard.tray.dialogs import ChildDialogs; {ask}"
    with process([sys.executable, "-c", code], screen.environment) as parent:
        until(lambda: screen.windows("Sure[?]"), "no window came up")
        parent.kill()
        until(lambda: not screen.windows("Sure[?]"), "the window stays")


def test_a_dialogue_that_is_closed_from_outside_is_a_no(
    screen: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in screen.environment.items():
        monkeypatch.setenv(name, value)
    several = ChildDialogs()
    answers: list[bool] = []
    with answering(several, answers):
        until(lambda: screen.windows("Sure[?]"), "no window came up")
        several.close()
    assert answers == [False]


@contextmanager
def answering(several: ChildDialogs, answers: list[bool]) -> Iterator[None]:
    from threading import Thread

    thread = Thread(target=lambda: answers.append(several.question("Sure?", "Do it?", "Yes", "No")))
    thread.start()
    yield
    thread.join(60)


def test_without_a_display_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DialogsUnavailable, match="python3-tk") as told:
        dialogs.ChildDialogs().question("Sure?", "Do it?", "Yes", "No")
    assert isinstance(told.value, VisardError)
