"""The tray's parts that need no desktop."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from statuses import status

from visard.daemon.api.schema import Event, Job, Problem, State, Status
from visard.daemon.config.file import Config
from visard.daemon.errors import DaemonAbsent, DaemonError, VisardError
from visard.tray import actions, launch, status_stream, system_gi
from visard.tray.actions import ActionRunner
from visard.tray.command import TrayRunning, single_instance
from visard.tray.status_stream import ReconnectTimer, follow, update
from visard.tray.tray import Notifications

LOST = Problem(code="camera-missing", message="the camera is gone")
MINOR = Problem(code="no-camera", message="the demo plays", blocking=False)


def event(now: Status) -> Event:
    return Event(event="status", data=now.model_dump(mode="json"))


class RecordingTimer(ReconnectTimer):
    """Notes what it is asked for, and does not wait."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def answered(self) -> None:
        self.heard.append("answered")

    def wait(self) -> None:
        self.heard.append("wait")


class FakeClient:
    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def events(self) -> Iterator[Event]:
        return iter(self._events)


def test_a_daemon_is_followed_through_its_absence() -> None:
    live, paused = status(), status(State.paused, paused=True)
    lives: Iterator[Any] = iter(
        [DaemonAbsent("none"), [event(live), event(paused)], DaemonError("odd"), [event(live)]]
    )

    def connect() -> Any:
        what = next(lives)
        if isinstance(what, VisardError):
            raise what
        return FakeClient(what)

    reconnect = RecordingTimer()
    statuses = follow(connect, reconnect)
    assert [next(statuses) for _ in range(6)] == [None, live, paused, None, None, live]
    assert reconnect.heard == ["wait", "answered", "answered", "wait", "wait", "answered"]


def test_a_daemon_of_another_version_does_not_end_the_tray() -> None:
    new = event(status())
    new.data["state"] = "dreaming"
    clients: Iterator[Any] = iter([FakeClient([new]), FakeClient([event(status())])])
    statuses = follow(lambda: next(clients), RecordingTimer())
    assert [next(statuses), next(statuses)] == [None, status()]


def test_progress_of_a_job_is_put_into_the_status() -> None:
    first = Job(id=1, title="a", progress=0.1)
    now = update(status(jobs=(first,)), Event(event="progress", data=first.model_dump() | {"progress": 0.6}))
    assert now is not None
    assert [job.progress for job in now.jobs] == [0.6]
    new = Job(id=2, title="b").model_dump()
    assert len(update(now, Event(event="progress", data=new)).jobs) == 2  # type: ignore[union-attr]
    assert update(None, Event(event="progress", data=new)) is None
    assert update(now, Event(event="alert", data=LOST.model_dump())) is now


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what happens in a folder")
def test_a_timer_is_due_when_something_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_stream, "_FIRST", 3600.0)
    reconnect = ReconnectTimer(tmp_path)
    due = threading.Event()
    thread = threading.Thread(target=lambda: (reconnect.wait(), due.set()), daemon=True)
    thread.start()
    (tmp_path / "visard.sock").touch()
    assert due.wait(60)
    reconnect.close()


def test_a_timer_without_a_folder_to_watch_waits_a_little(tmp_path: Path) -> None:
    reconnect = ReconnectTimer(tmp_path / "missing")
    reconnect.wait()
    reconnect.wait()
    reconnect.close()


def test_a_problem_is_notified_once() -> None:
    notifications = Notifications()
    assert notifications.new_texts(status()) == []
    assert notifications.new_texts(status(problems=(LOST, MINOR))) == ["The camera is gone"]
    assert notifications.new_texts(status(problems=(LOST,))) == []
    assert notifications.new_texts(status()) == []
    assert notifications.new_texts(status(problems=(LOST,))) == ["The camera is gone"]


def test_work_that_failed_is_told_once() -> None:
    notifications = Notifications()
    job = Job(id=1, title="drawing a person who does not exist", done=True, error="no network")
    assert notifications.new_texts(status(jobs=(job,))) == ["Drawing a person who does not exist: no network"]
    assert notifications.new_texts(status(jobs=(job,))) == []
    assert notifications.new_texts(status(jobs=(job,), pid=8)) != [], "another daemon counts its jobs anew"


def test_notifications_can_be_turned_off() -> None:
    silent = Config(notifications=False)
    notifications = Notifications()
    assert notifications.new_texts(status(settings=silent, problems=(LOST,))) == []
    assert notifications.new_texts(status(problems=(LOST,))) == [], "it was seen in the menu meanwhile"


def context() -> actions.ActionContext:
    nothing: Any = None
    return actions.ActionContext(nothing, nothing, nothing, nothing)


def test_an_action_that_still_runs_is_not_begun_again_and_others_are() -> None:
    go, began = threading.Event(), threading.Semaphore(0)
    begun: list[str] = []

    class Slow:
        def __init__(self, name: str) -> None:
            self.name = name

        def __call__(self, _: actions.ActionContext) -> None:
            begun.append(self.name)
            began.release()
            assert go.wait(30)

    one, other = Slow("one"), Slow("other")
    runner = ActionRunner(context(), lambda _: None)
    for action in (one, one, other, one):
        runner.do(action)
    for _ in range(2):
        assert began.acquire(timeout=30)
    go.set()
    assert sorted(begun) == ["one", "other"]


def test_what_fails_is_told() -> None:
    told: list[str] = []
    done = threading.Event()

    class Failing:
        def __call__(self, _: actions.ActionContext) -> None:
            raise DaemonAbsent("no daemon answers")

    ActionRunner(context(), lambda error: (told.append(str(error)), done.set())).do(Failing())  # type: ignore[func-returns-value]
    assert done.wait(30)
    assert told == ["no daemon answers"]


def test_one_tray_for_each_user(home: Path) -> None:
    with single_instance(), pytest.raises(TrayRunning), single_instance():
        pass
    with single_instance():
        pass


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="xdg-open is Linux's")
@pytest.mark.parametrize(("status", "opened"), [(0, True), (3, False)])
def test_a_browser_that_cannot_be_found_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, opened: bool
) -> None:
    program(tmp_path, "xdg-open", f"exit {status}")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.open_browser("http://127.0.0.1/") is opened


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_the_daemon_is_started_by_systemd_or_by_itself(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = program(tmp_path, "python", f'echo "$@" >> {tmp_path}/daemon')
    program(tmp_path, "systemctl", f'echo "$@" >> {tmp_path}/systemd')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(sys, "executable", str(python))
    launch.start_daemon()
    assert (tmp_path / "daemon").read_text() == "-m visard.daemon daemon\n"
    assert not (tmp_path / "systemd").exists(), "systemd's daemon does not know VISARD_HOME"
    monkeypatch.delenv("VISARD_HOME")
    launch.start_daemon()
    assert (tmp_path / "systemd").read_text() == "--user start visard\n"
    program(tmp_path, "systemctl", "exit 5")
    launch.start_daemon()
    assert (tmp_path / "daemon").read_text().count("\n") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_daemon_that_ends_at_once_is_quoted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = program(tmp_path, "python", "echo 'visard: there is no setting colr' >&2; exit 1")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(DaemonError, match="ended at once: there is no setting colr"):
        launch.start_daemon()


def test_a_foreign_build_of_pygobject_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gi"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "_gi.cpython-27-x86_64-linux-gnu.so").touch()
    monkeypatch.setitem(sys.modules, "gi", None)
    monkeypatch.setattr(system_gi, "_places", lambda: (tmp_path,))
    assert not system_gi.find()


def test_pygobject_is_taken_alone_from_the_systems_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    package = tmp_path / "gi"
    package.mkdir()
    (package / "__init__.py").write_text("taken = True")
    (package / f"_gi{EXTENSION_SUFFIXES[0]}").touch()
    monkeypatch.setitem(sys.modules, "gi", None)
    monkeypatch.setattr(system_gi, "_places", lambda: (tmp_path / "nowhere", tmp_path))
    path = list(sys.path)
    assert system_gi.find()
    assert sys.modules["gi"].taken
    assert sys.path == path


def test_help_is_quick() -> None:
    code = "import sys; from visard.tray import command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pystray", "PIL", "gi", "httpx", "pydantic", "cv2", "numpy"} & set(done.stdout.split())


PLAIN = """
import pystray
from statuses import status
from visard.daemon.api.schema import State
from visard.tray.tray import panel_state
from visard.tray.panel.plain import PlainPanel

pystray.Icon._update_menu = lambda icon: None
clicked = []
panel = PlainPanel(panel_state(None, ()), clicked.append)
panel.show(panel_state(status(State.paused), ()))
items = [item for item in panel._icon.menu]
next(item for item in items if item.text == "Resume")(panel._icon)
camera = next(item for item in items if item.text == "Camera")
print(panel._icon.title)
print([item.text for item in items if item.checked])
print(next(iter(camera.submenu)).text)
print(clicked, panel._icon.icon.size)
"""


def test_the_panel_of_other_platforms(repository: Path) -> None:
    """Windows and macOS get pystray's own menu; here with the backend that shows nothing."""
    if find_spec("pystray") is None:  # importing it would need a display
        pytest.skip("needs pystray")
    environment = {
        **os.environ,
        "PYSTRAY_BACKEND": "dummy",
        "PYTHONPATH": str(repository / "tests"),
        "LANG": "C",
    }
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines() == [
        "Visard: Paused: others see a card",
        "['Clara', 'Swap my face']",
        "Automatic: HD Webcam",
        "[Resume()] (64, 64)",
    ]
