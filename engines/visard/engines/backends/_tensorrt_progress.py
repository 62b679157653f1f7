"""How far TensorRT is: its nested phases as one number."""

import time
from threading import Lock
from typing import Any

from visard.engines.interfaces import Progress, Report

START, SHARE = 0.05, 0.94
"""Reading the file comes before, packing the result after."""


class ProgressTracker:
    """Turns phases into progress; called from any of the library's threads."""

    def __init__(self, report: Report) -> None:
        self._report, self._lock = report, Lock()
        self._began = time.monotonic()
        self._phases: dict[str, _Phase] = {}
        self._root = ""
        self._told = 0.0
        self._error: BaseException | None = None
        self.wanted: Any = None
        """What the library is given."""

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins within another."""
        with self._lock:
            self._phases[name] = _Phase(max(1, steps))
            if parent in self._phases:
                self._phases[parent].child = self._phases[name]
            else:
                self._root = name
        self._tell(name)

    def step(self, name: str, index: int) -> bool:
        """A step of a phase is done; False asks to stop."""
        with self._lock:
            if phase := self._phases.get(name):
                phase.done, phase.child = index + 1, None
        self._tell(name)
        return self._error is None

    def finish(self, name: str) -> None:
        """A phase ends."""
        with self._lock:
            if phase := self._phases.get(name):
                phase.done, phase.child = phase.steps, None

    def raise_what_reporting_raised(self) -> None:
        """Raise in the caller's thread what must not pass through the library."""
        if self._error:
            raise self._error

    def _tell(self, name: str) -> None:
        with self._lock:
            root = self._phases.get(self._root)
            done = START + SHARE * (root.fraction if root else 0.0)
            if self._error or done < self._told + 0.01:
                return
            self._told = done
        spent = time.monotonic() - self._began
        left = spent * (1 - done) / (done - START) if done > START + 0.05 else None
        try:
            self._report(Progress(name[:1].lower() + name[1:], done, left))
        except BaseException as error:
            self._error = error


class _Phase:
    def __init__(self, steps: int) -> None:
        self.steps, self.done = steps, 0
        self.child: _Phase | None = None

    @property
    def fraction(self) -> float:
        inner = self.child.fraction if self.child else 0.0
        return min(1.0, (self.done + inner) / self.steps)


def monitor(library: Any, report: Report) -> ProgressTracker:
    """Return a watch with what the library wants to be given."""
    watch = ProgressTracker(report)

    class Monitor(library.IProgressMonitor):  # type: ignore[misc]  # the library is known only now
        def __init__(self) -> None:
            super().__init__()

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            watch.start(name, parent, steps)

        def step_complete(self, name: str, index: int) -> bool:
            return watch.step(name, index)

        def phase_finish(self, name: str) -> None:
            watch.finish(name)

    watch.wanted = Monitor()
    return watch
