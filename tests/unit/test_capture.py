"""Sources that come, go, rest and are replaced."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from fakes import HEIGHT, WIDTH, Reel, number_of, unplug

from visard.daemon.errors import SourceLost, SourceUnavailable
from visard.daemon.media.frame import Format, Frame
from visard.daemon.media.ports import Source
from visard.daemon.pipeline.capture import Capture, Presence

FORM = Format(WIDTH, HEIGHT, 100)


class Reader:
    """Reads a capture on a thread and keeps the numbers of its frames."""

    def __init__(self, capture: Capture) -> None:
        self.numbers: list[int] = []
        self.error: Exception | None = None
        self.came = threading.Condition()
        self.capture = capture
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            for frame in self.capture.frames():
                self._take(frame)
        except Exception as error:
            self.error = error

    def _take(self, frame: Frame) -> None:
        with self.came:
            self.numbers.append(number_of(frame.image))
            self.came.notify_all()

    def until(self, wanted: Callable[[], bool]) -> None:
        with self.came:
            assert self.came.wait_for(wanted, 10), self.numbers


@pytest.fixture
def capture() -> Iterator[Capture]:
    made = Capture(None, format=FORM)
    yield made
    made.stop()


def live(first: int = 0, **kwargs: Callable[[int], None]) -> Reel:
    return Reel(100_000, live=True, first=first, **kwargs)


def test_rests_until_told_what_to_read(capture: Capture) -> None:
    reader = Reader(capture)
    time.sleep(0.05)
    assert capture.presence is Presence.resting
    assert capture.gone
    assert not reader.numbers
    capture.use(live, "opening")
    reader.until(lambda: len(reader.numbers) > 2)
    assert capture.presence is Presence.here
    assert capture.why == ""
    assert reader.numbers[:3] == [0, 1, 2]


def test_another_source_takes_over_and_the_first_is_closed(capture: Capture) -> None:
    first, second = live(), live(first=1000)
    reader = Reader(capture)
    capture.use(lambda: first, "opening")
    reader.until(lambda: len(reader.numbers) > 2)
    capture.use(lambda: second, "opening")
    reader.until(lambda: reader.numbers[-1] > 1001)
    assert first.closed.is_set()
    assert not second.closed.is_set()
    assert capture.openings == 2


def test_resting_closes_the_source_even_while_it_blocks(capture: Capture) -> None:
    reel = live()
    blocked = threading.Event()

    def block(number: int) -> None:
        if number == 3:
            blocked.set()
            reel.stall(60)

    reel._before = block
    reader = Reader(capture)
    capture.use(lambda: reel, "opening")
    assert blocked.wait(10)
    capture.use(None, "nobody looks")
    assert reel.closed.is_set()
    assert (capture.presence, capture.why) == (Presence.resting, "nobody looks")
    capture.use(lambda: live(first=50), "opening")
    reader.until(lambda: 51 in reader.numbers)


def test_hurrying_tries_at_once_what_was_lost(capture: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visard.daemon.pipeline.capture.FIRST_WAIT", 1000.0)
    there = threading.Event()
    tries = []

    def opening() -> Source:
        tries.append(1)
        if not there.is_set():
            raise SourceUnavailable("no camera")
        return live()

    reader = Reader(capture)
    capture.use(opening, "opening")
    deadline = time.monotonic() + 10
    while capture.presence is not Presence.lost and time.monotonic() < deadline:
        time.sleep(0.01)
    assert capture.why == "no camera"
    there.set()
    capture.hurry()
    reader.until(lambda: bool(reader.numbers))
    assert len(tries) == 2


def test_hurrying_while_resting_opens_nothing(capture: Capture) -> None:
    reader = Reader(capture)
    capture.hurry()
    time.sleep(0.05)
    assert capture.presence is Presence.resting
    assert not reader.numbers


def test_a_source_that_opens_after_another_was_chosen_is_closed(capture: Capture) -> None:
    slow, go = live(), threading.Event()

    def opening() -> Source:
        go.wait(10)
        return slow

    reader = Reader(capture)
    capture.use(opening, "opening")
    time.sleep(0.05)
    capture.use(lambda: live(first=500), "opening")
    go.set()
    reader.until(lambda: bool(reader.numbers))
    assert reader.numbers[0] == 500
    assert slow.closed.is_set()


def test_stopping_ends_a_resting_capture(capture: Capture) -> None:
    reader = Reader(capture)
    capture.stop()
    reader.thread.join(10)
    assert not reader.thread.is_alive()
    assert reader.error is None


def test_without_a_way_to_reopen_a_lost_source_is_an_error() -> None:
    capture = Capture(Reel(10, before=unplug))
    with pytest.raises(SourceLost):
        list(capture.frames())


def test_a_finite_source_ends_it() -> None:
    assert [frame.index for frame in Capture(Reel(3)).frames()] == [0, 1, 2]


def test_other_sizes_are_fitted() -> None:
    capture = Capture(Reel(1), format=Format(640, 360, 30))
    (frame,) = capture.frames()
    assert frame.image.shape == (360, 640, 3)


def test_needs_a_source_or_a_format() -> None:
    with pytest.raises(ValueError, match="format"):
        Capture(None)
