"""A frame and the trace of what happened to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from visard.models.face import Image


@dataclass(frozen=True, slots=True)
class Format:
    """Size in pixels and rate in frames a second; ``live`` sources wait for nobody."""

    width: int
    height: int
    fps: float
    live: bool = True

    def turned(self, degrees: int) -> "Format":
        """Return the format of pictures that are turned by a multiple of 90 degrees."""
        return replace(self, width=self.height, height=self.width) if degrees % 180 else self


@dataclass(slots=True)
class Frame:
    """One picture on its way through the pipeline."""

    index: int
    captured: float
    """``time.perf_counter()`` when the source gave it."""
    image: Image
    trace: dict[str, float] = field(default_factory=dict)
    """Seconds spent per step."""

    @contextmanager
    def span(self, step: str) -> Iterator[None]:
        """Add the time of the block to the trace."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.trace[step] = self.trace.get(step, 0.0) + time.perf_counter() - start
