"""Whether the camera is needed: while somebody watches, and a little longer."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock, Timer

LINGER = 5.0
"""Seconds for which the camera stays on: programs close and open it when their settings change."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Who wants to see something."""

    readers: int | None = None
    """Programs that read the virtual camera; None where nobody can tell, which counts as some."""
    lookers: int = 0
    """Pages that show the preview."""
    always: bool = False
    paused: bool = False
    foreground: bool = False
    """It runs in a terminal, for a person who is there: the camera stays on until the end."""

    @property
    def watched(self) -> bool:
        """Whether somebody looks, as far as one can know."""
        return self.readers != 0 or self.lookers > 0

    @property
    def needed(self) -> bool:
        """Whether camera pictures are needed at all."""
        return self.foreground or ((self.watched or self.always) and not self.paused)


@dataclass(slots=True)
class IdleMonitor:
    """Calls ``wake`` at once when the camera is needed, and ``sleep`` when it has not been for a while.

    Any thread; the two are never called at the same time.
    """

    wake: Callable[[], None]
    sleep: Callable[[], None]
    linger: float = LINGER
    demand: Demand = field(default_factory=Demand)
    awake: bool = False
    _lock: Lock = field(default_factory=Lock)
    _timer: Timer | None = None

    def update(self, **changes: int | bool | None) -> None:
        """Take note of a change of ``demand``."""
        with self._lock:
            self.demand = replace(self.demand, **changes)  # type: ignore[arg-type]
            if self.demand.needed:
                self._cancel()
                if not self.awake:
                    self.awake = True
                    self.wake()
            elif self.awake and self._timer is None:
                self._timer = Timer(self.linger, self._rest)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Change nothing any more."""
        with self._lock:
            self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rest(self) -> None:
        with self._lock:
            self._timer = None
            if self.awake and not self.demand.needed:
                self.awake = False
                self.sleep()
