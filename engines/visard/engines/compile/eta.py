"""How long work that reports its progress will still take."""

import time
from collections.abc import Callable

from visard.engines.interfaces import Progress

_SURE = 0.03
"""Done before anything is said about the rest."""


class Pace:
    """Time left, from the time it took so far; steady, and counting down while nothing is reported."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begun = clock, clock()
        self._step, self._done = "starting", 0.0
        self._end: float | None = None

    def move(self, step: str, done: float) -> None:
        """Take in a report; what is done never becomes less."""
        self._step, before = step, self._done
        self._done = max(self._done, min(done, 1.0))
        now = self._clock()
        if self._done <= _SURE or self._done == before:
            return
        end = self._begun + (now - self._begun) / self._done
        self._end = end if self._end is None else self._end + 0.3 * (end - self._end)

    def progress(self) -> Progress:
        """Return how far it is now."""
        left = None if self._end is None else max(self._end - self._clock(), 0.0)
        return Progress(self._step, self._done, left)
