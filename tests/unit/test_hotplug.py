"""Video devices that come and go, in a folder of the test's own."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Semaphore

import pytest
from leftovers import files_left_by, no_thread_left

from visard.daemon.devices import hotplug as module
from visard.daemon.devices.hotplug import Hotplug

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SETTLE", 0.1)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Semaphore]:
    """Can be acquired once for every call."""
    told = Semaphore(0)
    with closing(Hotplug(told.release, tmp_path)):
        yield told


def test_a_camera_is_plugged_in_let_in_and_unplugged(tmp_path: Path, told: Semaphore) -> None:
    node = tmp_path / "video3"
    node.touch()
    assert told.acquire(timeout=20)
    node.chmod(0o660)
    assert told.acquire(timeout=20)
    node.rename(tmp_path / "hidden")
    assert told.acquire(timeout=20)
    (tmp_path / "hidden").rename(node)
    assert told.acquire(timeout=20)
    node.unlink()
    assert told.acquire(timeout=20)


def test_what_belongs_together_is_told_once(
    tmp_path: Path, told: Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SETTLE", 1.0)
    monkeypatch.setattr(module, "_MAX_DELAY", 20.0)
    for number in range(4):
        (tmp_path / f"video{number}").touch()
        (tmp_path / f"video{number}").chmod(0o660)
    assert told.acquire(timeout=20)
    assert not told.acquire(timeout=1.5)


def test_it_is_told_also_while_things_go_on(
    tmp_path: Path, told: Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_DELAY", 0.3)
    deadline = time.monotonic() + 20
    while not told.acquire(blocking=False):
        assert time.monotonic() < deadline
        (tmp_path / "video0").touch()


@pytest.mark.parametrize("name", ["videodev", "media0", "v4l", "video-dec0"])
def test_other_devices_are_no_news(tmp_path: Path, told: Semaphore, name: str) -> None:
    (tmp_path / name).touch()
    assert not told.acquire(timeout=0.5)


def test_reading_and_writing_are_no_news(tmp_path: Path, told: Semaphore) -> None:
    node = tmp_path / "video0"
    node.touch()
    assert told.acquire(timeout=20)
    node.write_bytes(b"picture")
    node.read_bytes()
    assert not told.acquire(timeout=0.5)


def test_after_closing_nothing_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    told = Semaphore(0)

    def watch() -> None:
        plugs = Hotplug(told.release, tmp_path)
        (tmp_path / "video0").touch()
        plugs.close()
        plugs.close()

    assert not files_left_by(watch)
    assert no_thread_left(0)
    while told.acquire(blocking=False):  # told before it was closed
        pass
    assert not told.acquire(timeout=0.3)


def test_elsewhere_it_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with closing(Hotplug(lambda: None, tmp_path)):
        assert no_thread_left(0)


def test_where_it_cannot_watch_it_does_nothing(tmp_path: Path) -> None:
    assert not files_left_by(lambda: Hotplug(lambda: None, tmp_path / "missing").close())
