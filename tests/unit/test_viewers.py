"""The viewers of a device, with a file for one: opening, reading and mapping are real, by real processes.

The driver's events and real devices are in tests/e2e/test_viewers_vm.py.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Condition

import pytest
from leftovers import files_left_by, no_thread_left

from visard.daemon.devices import open_files, v4l2, v4l2loopback, viewers
from visard.daemon.devices.viewers import ViewerCount, watch_viewers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's video devices")

HOLDS = "pass"
MAPS = "import mmap; memory = mmap.mmap(file.fileno(), 4096)"
READS = "import os; os.pread(file.fileno(), 10, 0)"


class Said:
    """The counts that were told."""

    def __init__(self) -> None:
        self.all: list[int] = []
        self._changed = Condition()

    def __call__(self, count: int) -> None:
        with self._changed:
            self.all.append(count)
            self._changed.notify_all()

    def until(self, *told: int) -> None:
        """Wait for this to have been told from the beginning."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.all) >= len(told), 20), self.all
            assert self.all[: len(told)] == list(told)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "video60"
    path.write_bytes(bytes(10000))
    return path


@pytest.fixture
def said(device: Path) -> Iterator[Said]:
    said = Said()
    with closing(ViewerCount(str(device), said)):
        said.until(0)
        yield said


@contextmanager
def program(path: Path, does: str, mode: str = "r+b") -> Iterator[None]:
    """Run a process that opens ``path``, does something with ``file`` and keeps it open."""
    code = f"import sys; file = open({str(path)!r}, {mode!r}); {does}; print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield


@contextmanager
def searches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note every search of all processes."""
    real, made = v4l2.holders, []

    def search(path: str) -> list[v4l2.Holder]:
        made.append(path)
        return real(path)

    monkeypatch.setattr(v4l2, "holders", search)
    yield made


def a_probe(path: Path) -> None:
    """Open and close, as programs do that list devices; and be seen to have done so."""
    with path.open("rb"):
        pass


def test_who_maps_the_device_reads_it(device: Path, said: Said) -> None:
    with program(device, MAPS):
        said.until(0, 1)
        with program(device, MAPS):
            said.until(0, 1, 2)
        said.until(0, 1, 2, 1)
    said.until(0, 1, 2, 1, 0)


def test_who_opens_early_and_maps_late_is_found(device: Path, said: Said) -> None:
    with program(device, f"import time; time.sleep(0.5); {MAPS}"):
        said.until(0, 1)
    said.until(0, 1, 0)


def test_who_calls_read_reads_it(device: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "_NEXT_READ", 0.1)
    with program(device, READS):
        said.until(0, 1)
    said.until(0, 1, 0)


def test_an_idle_holder_is_not_taken_for_the_one_who_called_read(
    device: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "_NEXT_READ", 0.1)
    with program(device, HOLDS):
        with program(device, READS):
            said.until(0, 1)
        said.until(0, 1, 0)


@pytest.mark.parametrize(("does", "mode"), [(HOLDS, "r+b"), ("file.write(b'picture')", "ab")])
def test_who_only_holds_or_only_writes_does_not_count(device: Path, said: Said, does: str, mode: str) -> None:
    with program(device, does, mode), program(device, MAPS):
        said.until(0, 1)  # the second was seen, and so was the first
    said.until(0, 1, 0)


def test_this_process_does_not_count(device: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    with searches(monkeypatch) as made:
        a_probe(device)
        while not made:
            time.sleep(0.01)
    assert said.all == [0]


def test_a_reader_from_before_counts(device: Path) -> None:
    said = Said()
    with program(device, MAPS), closing(ViewerCount(str(device), said)):
        said.until(1)


def unlink(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("hidden"))


@pytest.mark.parametrize("vanish", [unlink, move])
def test_when_the_device_goes_nobody_reads_it(
    device: Path, said: Said, vanish: Callable[[Path], None]
) -> None:
    with program(device, MAPS):
        said.until(0, 1)
        vanish(device)
        said.until(0, 1, 0)


@pytest.mark.parametrize("vanish", [unlink, move])
def test_when_the_device_goes_the_thread_ends(device: Path, vanish: Callable[[Path], None]) -> None:
    said = Said()
    with closing(ViewerCount(str(device), said)):
        said.until(0)
        vanish(device)
        assert no_thread_left()
    assert said.all == [0]


def test_nothing_is_told_after_closing(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    listening = ViewerCount(str(device), said)
    said.until(0)
    listening.close()
    listening.close()
    with program(device, MAPS):
        pass
    assert said.all == [0]


def test_no_file_and_no_thread_is_left(device: Path) -> None:
    assert not files_left_by(lambda: ViewerCount(str(device), Said()).close())
    assert no_thread_left(0)


def test_a_storm_of_openings_does_not_become_one_of_searches(
    device: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two searches there is five times the processor time that one took."""
    ends: list[tuple[float, float]] = []

    def busy(_path: str) -> list[v4l2.Holder]:
        begin, until = time.monotonic(), time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        ends.append((begin, time.monotonic()))
        return []

    monkeypatch.setattr(v4l2, "holders", busy)
    while len(ends) < 6:
        a_probe(device)
    assert all(begin - end >= 0.1 for (_, end), (begin, _) in pairwise(ends))


def test_files_of_unseen_processes_count_once_they_stay_open(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = [0]
    monkeypatch.setattr(v4l2loopback, "open_files", lambda _: opened[0])
    monkeypatch.setattr(open_files, "_UNSEEN_AGE", 0.3)
    said = Said()
    with closing(ViewerCount(str(device), said)):
        said.until(0)
        opened[0] = 1
        a_probe(device)
        said.until(0, 1)
        opened[0] = 0
        a_probe(device)
        said.until(0, 1, 0)


def test_an_unseen_probe_does_not_count(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = [0]
    monkeypatch.setattr(v4l2loopback, "open_files", lambda _: opened[0])
    monkeypatch.setattr(open_files, "_UNSEEN_AGE", 60.0)
    said = Said()
    with searches(monkeypatch) as made, closing(ViewerCount(str(device), said)):
        said.until(0)
        for opened[0] in (1, 0):
            before = len(made)
            a_probe(device)
            while len(made) == before:
                time.sleep(0.01)
        assert said.all == [0]


def test_processes_that_are_seen_are_no_strangers(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2loopback, "open_files", lambda _: 3)
    monkeypatch.setattr(open_files, "_UNSEEN_AGE", 0.0)
    said = Said()
    with (
        device.open("wb"),  # our own writer
        program(device, HOLDS),
        program(device, HOLDS, "ab"),
        closing(ViewerCount(str(device), said)),
    ):
        said.until(0)


def test_where_nobody_can_tell_viewers_are_not_counted(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert watch_viewers(str(tmp_path / "missing"), Said()) is None
    real = os.stat
    monkeypatch.setattr(
        os, "stat", lambda path, **more: real("/no" if path == "/proc/self/fd" else path, **more)
    )
    assert watch_viewers(str(device), Said()) is None
    monkeypatch.setattr(sys, "platform", "win32")
    assert watch_viewers(str(device), Said()) is None


def test_a_link_is_followed(device: Path) -> None:
    link, said = device.with_name("by-id"), Said()
    link.symlink_to(device)
    with program(device, MAPS), closing(ViewerCount(str(link), said)):
        said.until(1)


def test_the_drivers_events_have_the_kernels_layout() -> None:
    if sys.maxsize > 2**32:
        assert viewers._EVENT.size == 136
        assert viewers._EVENT.size == viewers._DEQUEUE >> 16 & 0x3FFF
    assert viewers._SUBSCRIPTION.size == viewers._SUBSCRIBE >> 16 & 0x3FFF
    assert viewers._CLIENT_USAGE == 283115521  # what v4l2-ctl is given in the driver's own reports
