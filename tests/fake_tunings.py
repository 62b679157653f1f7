"""Tunings that go as a test says."""

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

import cv2
import numpy as np

from visard.daemon.api.requests import TuneRequest
from visard.daemon.api.schema import Job, Likeness, PersonaInfo, Tuning
from visard.daemon.errors import PersonaError, PersonaUnknown, TuningError
from visard.daemon.service.jobs import JobReport, Jobs
from visard.daemon.service.tunings import Tunings
from visard.engines.errors import Cancelled, VisardError

LACKING = "tuning needs PyTorch: pip install 'visard[train]'"


class FakeTunings(Tunings):
    """Keeps the contract of the real ones; each goes on until ``finish``, ``fail`` or its cancellation."""

    def __init__(
        self, jobs: Jobs, find: Callable[[str], PersonaInfo], keep: Callable[[PersonaInfo], object]
    ) -> None:
        # The real one's parts are not wanted here, so its own beginning is left out.
        self.lacking: str | None = None
        self.wanted: list[TuneRequest] = []
        self._jobs, self._find, self._put = jobs, find, keep
        self._known: dict[str, Tuning] = {}
        self._pictures: dict[tuple[str, str], bytes] = {}
        self._told: dict[str, Any] = {"share": 0.0, "step": "starting"}
        self._over, self._error, self._refused = Event(), "", ""

    def get(self, name: str) -> Tuning:
        known = self._known.get(self._find(name).name)
        if known is None:
            raise PersonaUnknown(f"{name} was not tuned since Visard began")
        return known

    def start(self, name: str, wanted: TuneRequest) -> Job:
        known = self._find(name)
        if not known.photos:
            raise PersonaError(f"{known.name} has no photo; only what is made of photos can be tuned")
        if self.lacking:
            raise TuningError(self.lacking)
        if any(job.tunes and not job.done for job in self._jobs.all()):
            raise TuningError("a persona is being tuned just now; wait until that is over, or give it up")
        self.wanted.append(wanted)
        self._over.clear()
        self._told = {"share": 0.0, "step": "starting"}
        name, self._error, self._refused = known.name, "", ""
        self._known[name] = Tuning(persona=name, job=0, driver=wanted.driver)
        job = self._jobs.start(f"tuning {name}", partial(self._go_on, known), tunes=name)
        self._change(name, job=job.id)
        return job

    def close(self) -> None:
        self._over.set()

    # What only a test can do.

    def tell(self, share: float, step: str, stage: int, seconds_left: int | None = None) -> None:
        """Let so much of it be done; from the third stage on there is a preview."""
        self._told = {"share": share, "step": step, "stage": stage, "stages": 3, "seconds_left": seconds_left}

    def finish(self, refused: str = "") -> None:
        """Let it come to its end, well or not taken."""
        self._refused = refused
        self._over.set()

    def fail(self, error: str) -> None:
        """Let it go wrong."""
        self._error = error
        self._over.set()

    def _change(self, name: str, **facts: Any) -> None:
        self._known[name] = self._known[name].model_copy(update=facts)

    def _go_on(self, known: PersonaInfo, report: JobReport) -> None:
        name = known.name
        try:
            while not self._over.wait(0.05):
                told = dict(self._told)
                if told.get("stage", 1) > 2 and not self._known[name].preview:
                    self._pictures[name, "preview"] = _strip(".jpg", 90)
                    self._change(name, preview=True)
                report(told.pop("share"), told.pop("step"), **told)
            if self._error:
                raise TuningError(self._error)
        except Cancelled:
            self._known.pop(name)
            raise
        except VisardError as error:
            self._change(name, over=True, error=str(error))
            raise
        if not self._refused:
            self._put(known.model_copy(update={"tuned": True}))
        self._pictures[name, "comparison"] = _strip(".png", 200)
        before, after = Likeness(persona=0.5, driver=0.2), Likeness(persona=0.62, driver=0.15)
        found = {"refused": self._refused or None, "before": before, "after": after}
        self._change(name, over=True, comparison=True, **found)


def _strip(kind: str, green: int) -> bytes:
    """Return a picture as large as a real one."""
    picture = np.full((672, 2016, 3), (60, green, 90), np.uint8)
    for column in range(7):
        cv2.circle(picture, (560 + 224 * column, 336), 90, (190, 205, 235), -1)
    return cv2.imencode(kind, picture)[1].tobytes()
