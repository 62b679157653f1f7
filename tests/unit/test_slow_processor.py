"""Late is not failed: a slow processor gives few pictures, each of the newest frame, and none is blurred."""

import time
from collections.abc import Callable, Iterable, Sequence
from threading import Condition, Event
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import Basket, Reel, Truth, driver_at, face_at, number_of, swapped
from leftovers import no_thread_left

from visard.daemon.config.settings import Mode
from visard.daemon.guard import rules
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline import pipeline as module
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe
from visard.daemon.pipeline.stats import Percentiles
from visard.daemon.service import snapshot
from visard.models.face import Face, Image, Sighting
from visard.models.processor import Patch

SLOWNESS = 12
"""Frames of the camera that pass while one is being made."""
MADE = 10


class Followed(Truth):
    """A tracker that tells which frames it has looked at."""

    def __init__(self) -> None:
        super().__init__(self._note)
        self.numbers: list[int] = [-1]
        self.changed = Condition()
        self.over = False

    def _note(self, number: int) -> Sighting:
        with self.changed:
            self.numbers.append(number)
            self.changed.notify_all()
        return Sighting((face_at(*driver_at(number)),))

    def passed_on(self) -> int:
        """Return the newest frame that the next step has certainly been given."""
        return self.numbers[-2]

    def wait_until(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.over or self.numbers[-1] >= number, 60)

    def end(self) -> None:
        with self.changed:
            self.over = True
            self.changed.notify_all()


class Grey:
    """A processor that covers a face with grey; ``work`` may take as long as it likes over a frame."""

    bytes = 0

    def __init__(self, work: Callable[[int, float], None]) -> None:
        self._work = work

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> "_Answer":
        return _Answer(self._work, picture, faces)

    def adjust(self, options: object) -> bool:
        return True

    def forget(self) -> None:
        """Nothing was learned."""

    def close(self) -> None:
        """Nothing is held."""


class _Answer:
    def __init__(self, work: Callable[[int, float], None], picture: Image, faces: Sequence[Face]) -> None:
        self._work, self._picture, self._faces = work, picture, faces

    def result(self, timeout: float) -> Iterable[Patch]:
        self._work(number_of(self._picture), timeout)
        for face in self._faces:
            left, top, right, bottom = face.box
            size = round(bottom - top) + 5, round(right - left) + 5
            matrix = np.array([[1, 0, round(left) - 2], [0, 1, round(top) - 2]], np.float32)
            yield Patch(np.full((*size, 3), 200, np.uint8), np.full(size, 255, np.uint8), matrix)


def running(tracker: Truth, basket: Basket, work: Callable[[int, float], None]) -> Pipeline:
    persona = PreparedPersona("grey", "grey", Mode.swap, Grey(work))
    return Pipeline(Reel(100_000, live=True), [basket], Recipe(persona), lambda _: tracker)


def test_a_slow_processor_gives_the_newest_frame_and_is_never_blurred(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "HOLD", 0.0)  # whatever is not late is blurred at once
    monkeypatch.setattr(module, "GIVE_UP", 60.0)
    tracker, basket, enough = Followed(), Basket(), Event()
    begun: list[int] = []
    owed: list[int] = [0]
    """Of each frame: the oldest that may come next."""

    def work(number: int, _timeout: float) -> None:
        begun.append(number)
        if len(begun) > MADE:
            enough.set()
        tracker.wait_until(number + SLOWNESS)
        owed.append(tracker.passed_on())

    with running(tracker, basket, work) as pipeline:
        assert enough.wait(100)
    tracker.end()
    pipeline.settle(10)
    assert pipeline.status().drops >= MADE * (SLOWNESS - 2)
    assert all(number >= oldest for number, oldest in zip(begun, owed, strict=False))
    first = next(index for index, image in enumerate(basket.images) if swapped([image]))
    shown = swapped(basket.images[first:])
    assert len(shown) == len(basket.images[first:]), "a blur or a card went out after the first picture"
    assert shown == sorted(shown)
    assert set(shown) <= set(begun)
    assert len(shown) > len(set(shown)), "nothing was repeated while a frame was late"
    assert no_thread_left()


@pytest.mark.parametrize("obeys", [True, False], ids=["answers in time", "hangs"])
def test_a_processor_that_stops_answering_has_failed_and_is_blurred(
    monkeypatch: pytest.MonkeyPatch, obeys: bool
) -> None:
    monkeypatch.setattr(module, "GIVE_UP", 0.3)
    basket, broken, end = Basket(), Event(), Event()

    def work(number: int, timeout: float) -> None:
        if broken.is_set() and not end.wait(timeout if obeys else 100):
            raise TimeoutError

    with running(Truth(), basket, work) as pipeline:
        assert _soon(lambda: len(swapped(basket.images)) > 5)
        broken.set()
        assert _soon(lambda: pipeline.status().verdict == "blur"), pipeline.status()
        assert _soon(lambda: not swapped(basket.images[-1:]))
        end.set()
    pipeline.settle(10)
    assert basket.leaks == 0
    assert no_thread_left()


def _soon(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


@pytest.mark.parametrize(("spent", "told"), [(300.0, True), (20.0, False)])
def test_the_status_says_why_pictures_come_slowly(spent: float, told: bool) -> None:
    persona = PreparedPersona("grey", "liveportrait", Mode.animate, Grey(lambda *_: None))
    taken = SimpleNamespace(steps={"track": Percentiles(90, 99), "animate": Percentiles(spent, spent)})
    problems = snapshot.slow(Recipe(persona), taken)  # type: ignore[arg-type]
    assert [problem.code for problem in problems] == ["slow-processor"] * told
    if told:
        assert "liveportrait takes 300 ms a picture" in problems[0].message
        assert "about 3 come a second" in problems[0].message
        assert not problems[0].blocking
