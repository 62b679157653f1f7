"""The child process that tunes a persona, as its parent sees it: asked, fed, listened to, ended."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

from visard.daemon.api.requests import TuneRequest
from visard.daemon.config import paths
from visard.daemon.errors import TuningError
from visard.daemon.pipeline import tuning, tuning_worker
from visard.daemon.service.jobs import JobReport
from visard.engines.child_process import ChildLog, ChildProcess, Message, error_from
from visard.engines.compile.job import Eta
from visard.engines.errors import Cancelled, VisardError

WORKER = tuning_worker.__name__
STEPS: int | None = None
"""Steps of the search; None: as many as it takes."""
_TICK = 0.25
"""Seconds between two looks at whether it was given up."""
_APART = tuning.MINUTE / 150
"""Seconds between two pictures of a camera that are needed."""
_STAGES = len(tuning_worker.STAGES) - 1

Jpegs = Iterator[tuple[bytes, float]]


class TuningChild:
    """One tuning in a process of its own; everything it started ends with it."""

    def __init__(self, name: str, wanted: TuneRequest, folder: Path, camera: Jpegs | None) -> None:
        self._name, self._given_up = name, False
        self._log = ChildLog(paths.logs() / "tuning", name)
        self._child = ChildProcess(WORKER, self._log)
        self._feeder = _Feeder(self._child, camera, wanted.keep_clip) if camera else None
        self._task = {
            "persona": name,
            "driver": wanted.driver,
            "minutes": wanted.minutes,
            "steps": STEPS,
            "keep": wanted.keep_clip,
            "scratch": str(folder),
        }

    def run(self, report: JobReport, told: Callable[[dict[str, Any], list[bytes]], None]) -> Message:
        """Return the last thing it says; ``told`` hears the others but for how far it is.

        Raises VisardError, and what ``report`` raises to give it up.
        """
        try:
            self._child.send(self._task)
            if self._feeder:
                self._feeder.start()
            return self._listen(report, told)
        finally:
            if self._feeder:
                self._feeder.over.set()
            self._child.kill()
            self._log.close()

    def give_up(self) -> None:
        """End it soon, from any thread."""
        self._given_up = True
        self._child.wake()

    def _listen(self, report: JobReport, told: Callable[[dict[str, Any], list[bytes]], None]) -> Message:
        pace, stage = Eta(), 1
        while True:
            head, bodies = self._next()
            if "over" in head:
                return head, bodies
            if "step" in head:
                stage = head["stage"]
                pace.move(head["step"], head["done"])
            elif head:
                told(head, bodies)
            now = pace.progress()
            left = None if now.left is None else round(now.left)
            report(now.done, now.step, stage=stage, stages=_STAGES, seconds_left=left)

    def _next(self) -> Message:
        """Wait for what it says next, for a moment."""
        message = self._child.next(_TICK)
        if self._given_up:
            raise Cancelled("Visard ended meanwhile; the persona is as it was")
        if self._feeder and self._feeder.error:
            raise self._feeder.error
        what = f"tuning {self._name} failed"
        if message is None:
            raise TuningError(f"{what}: {self._child.end()}; {self._log.place}")
        if error := message[0].get("error"):
            raise error_from(error, VisardError) or TuningError(
                f"{what}: {error['kind']}: {error['text']}; {self._log.place}"
            )
        return message


class _Feeder(Thread):
    """Hands what a camera sees to the child: as much as it needs, or all where it is to be kept."""

    def __init__(self, child: ChildProcess, camera: Jpegs, everything: bool) -> None:
        super().__init__(name="visard driver", daemon=True)
        self.over = Event()
        self.error: VisardError | None = None
        self._child, self._camera, self._everything = child, camera, everything

    def run(self) -> None:
        """Do so for a minute, or until it is over."""
        begun, due = None, 0.0
        try:
            for jpeg, now in self._camera:
                begun = now if begun is None else begun
                if self.over.is_set() or now - begun >= tuning.MINUTE:
                    break
                if self._everything or now - begun >= due:
                    due = now - begun + _APART
                    self._child.send({"time": now - begun}, jpeg)
        except VisardError as error:
            self.error = error
        self._child.send({})
        self._child.wake()
