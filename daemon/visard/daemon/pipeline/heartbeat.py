"""How long each step has been at work on its present item, for a watchdog."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Heartbeat:
    """Each step is one thread; anybody may ask."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    @contextmanager
    def beat(self, step: str) -> Iterator[None]:
        """Count the block as work of ``step``."""
        self._since[step] = time.monotonic()
        try:
            yield
        finally:
            del self._since[step]

    def busy(self) -> dict[str, float]:
        """Return the seconds for which each step that is at work has been so."""
        now = time.monotonic()
        return {step: now - since for step, since in self._since.copy().items()}
