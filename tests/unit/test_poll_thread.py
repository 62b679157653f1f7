"""A thread that waits for a file."""

import os
import sys
from collections.abc import Iterator
from threading import Event, current_thread

import pytest
from leftovers import files_left_by

from visard.daemon.devices.poll_thread import PollThread

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's eventfd")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


class Steps:
    """Counts steps and takes what is in the pipe."""

    def __init__(self, pipe: tuple[int, int], timeout: float | None = None) -> None:
        self.taken: list[bytes] = []
        self.ended = Event()
        self.fail = False
        self.first = Event()
        self.more = Event()
        self._pipe = pipe
        self._timeout = timeout

    def step(self) -> float | None:
        if self.fail:
            raise OSError("gone")
        if self.first.is_set() and self._timeout is None:
            self.taken.append(os.read(self._pipe[0], 100))
        if self.first.is_set():
            self.more.set()
        self.first.set()
        return self._timeout


def test_it_steps_at_once_and_when_the_file_speaks(pipe: tuple[int, int]) -> None:
    steps = Steps(pipe)
    thread = PollThread("test", pipe[0], steps.step, steps.ended.set)
    assert steps.first.wait(30)
    os.write(pipe[1], b"hello")
    assert steps.more.wait(30)
    assert steps.taken == [b"hello"]
    thread.close()
    assert steps.ended.is_set()


def test_it_steps_again_when_patience_ends(pipe: tuple[int, int]) -> None:
    steps = Steps(pipe, timeout=0.01)
    thread = PollThread("test", pipe[0], steps.step, steps.ended.set)
    assert steps.more.wait(30)
    thread.close()


def test_a_failing_step_ends_it(pipe: tuple[int, int]) -> None:
    steps = Steps(pipe)
    thread = PollThread("test", pipe[0], steps.step, steps.ended.set)
    assert steps.first.wait(30)
    steps.fail = True
    os.write(pipe[1], b"!")
    assert steps.ended.wait(30)
    thread.close()
    thread.close()


def test_it_can_be_closed_by_its_own_step(pipe: tuple[int, int]) -> None:
    made, ended = Event(), Event()
    threads = []

    def step() -> None:
        made.wait(30)
        threads.append(current_thread())
        thread.close()

    thread = PollThread("test", pipe[0], step, ended.set)
    made.set()
    assert ended.wait(30)
    threads[0].join(30)
    assert len(threads) == 1


def test_it_leaves_no_file_open(pipe: tuple[int, int]) -> None:
    assert not files_left_by(lambda: PollThread("test", pipe[0], lambda: None, lambda: None).close())
