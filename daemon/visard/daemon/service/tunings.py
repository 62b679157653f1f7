"""Personas that are tuned while Visard runs: one at a time, in a child process that gives way to live frames.

What the camera sees goes through a pipe to the child, and is a file only where that was asked for.
"""

import hashlib
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, RLock
from typing import TYPE_CHECKING, Any

from visard.daemon.api.requests import TuneRequest
from visard.daemon.api.schema import Job, Likeness, Tuning
from visard.daemon.config import paths
from visard.daemon.errors import PersonaError, PersonaUnknown, TuningError
from visard.daemon.personas.library import Library
from visard.daemon.personas.record import Persona
from visard.daemon.pipeline import tuning, tuning_worker
from visard.daemon.service.jobs import JobReport, Jobs
from visard.daemon.service.tuning_child import Jpegs, TuningChild
from visard.engines.errors import Cancelled
from visard.engines.file_access import make_private
from visard.models.processor import Tuned

if TYPE_CHECKING:
    from visard.models.swap.mesh.correction import Correction

_ENDING = 5.0
"""Seconds to wait until what was given up has left nothing behind; it takes tenths of one."""


class Tunings:
    """Any thread. ``camera`` gives what it sees, ``keep`` puts a correction on a persona."""

    def __init__(
        self,
        jobs: Jobs,
        library: Library,
        camera: Callable[[], Jpegs],
        keep: Callable[[str, "Correction"], None],
    ) -> None:
        self._jobs, self._library, self._camera, self._keep = jobs, library, camera, keep
        self._known: dict[str, Tuning] = {}
        self._pictures: dict[tuple[str, str], bytes] = {}
        self._lock = RLock()
        self._child: TuningChild | None = None
        self._closed = False
        self._idle = Event()
        self._idle.set()

    def all(self) -> tuple[Tuning, ...]:
        """Return the newest tuning of each persona."""
        return tuple(self._known.values())

    def get(self, name: str) -> Tuning:
        """Return what came of tuning a persona; raises PersonaUnknown."""
        known = self._known.get(self._library.get(name).name)
        if known is None:
            raise PersonaUnknown(f"{name} was not tuned since Visard began")
        return known

    def preview(self, name: str) -> bytes:
        """Return a first look as JPEG; raises PersonaUnknown, and PersonaError where there is none."""
        return self._picture(name, "preview")

    def comparison(self, name: str) -> bytes:
        """Return before and after as PNG; raises PersonaUnknown, and PersonaError where there is none."""
        return self._picture(name, "comparison")

    def start(self, name: str, wanted: TuneRequest) -> Job:
        """Begin to tune a persona. Raises PersonaUnknown, PersonaError and TuningError."""
        persona = self._library.get(name)
        tuning.check(persona)
        with self._lock:
            if any(job.tunes and not job.done for job in self._jobs.all()):
                raise TuningError("a persona is being tuned just now; wait until that is over, or give it up")
            camera = self._camera() if wanted.driver == "camera" else None
            work = partial(self._work, persona, wanted, camera)
            self._idle.clear()
            job = self._jobs.start(f"tuning {persona.name}", work, tunes=persona.name)
            self._known[persona.name] = Tuning(persona=persona.name, job=job.id, driver=wanted.driver)
        return job

    def close(self) -> None:
        """Give up what is going on, and leave nothing of it."""
        self._closed = True
        if child := self._child:
            child.give_up()
        self._idle.wait(_ENDING)

    def _picture(self, name: str, kind: str) -> bytes:
        known = self.get(name)
        made = self._pictures.get((known.persona, kind))
        if made is None:
            raise PersonaError(known.error or f"the {kind} is not there yet; look again in a moment")
        return made

    def _note(self, name: str, **facts: Any) -> None:
        with self._lock:
            self._known[name] = self._known[name].model_copy(update=facts)

    def _work(self, persona: Persona, wanted: TuneRequest, camera: Jpegs | None, report: JobReport) -> None:
        name = persona.name
        try:
            with tuning.alone() as folder:
                self._pictures = {key: made for key, made in self._pictures.items() if key[0] != name}
                photos = _digest(persona)
                head, (comparison,) = self._asked(
                    name, TuningChild(name, wanted, folder, camera), folder, report
                )
                if head["sha256"]:
                    self._take(name, photos, Tuned(folder / tuning_worker.CORRECTION, head["sha256"]))
                self._pictures[name, "comparison"] = comparison
                found = {when: Likeness(**head[when]) for when in ("before", "after")}
                self._note(name, over=True, comparison=True, refused=head["refused"], **found)
        except Cancelled:
            self._known.pop(name, None)
            raise
        except Exception as error:
            self._note(name, over=True, error=str(error) or type(error).__name__)
            raise
        finally:
            self._idle.set()

    def _asked(
        self, name: str, child: TuningChild, folder: Path, report: JobReport
    ) -> tuple[dict[str, Any], list[bytes]]:
        def told(head: dict[str, Any], bodies: list[bytes]) -> None:
            if "preview" in head:
                self._pictures[name, "preview"] = bodies[0]
                self._note(name, preview=True)
            else:
                self._note(name, clip=str(_kept(folder / tuning_worker.CLIP, name)))

        self._child = child
        try:
            if self._closed:
                child.give_up()
            return child.run(report, told)
        finally:
            self._child = None

    def _take(self, name: str, photos: str, tuned: Tuned) -> None:
        from visard.models.swap.mesh.correction import Correction

        correction = Correction.load(tuned)
        if _digest(self._library.get(name)) != photos:
            raise PersonaError(f"the photos of {name} were changed meanwhile; tune it again")
        self._keep(name, correction)


def _digest(persona: Persona) -> str:
    """Return what tells whether a persona's photos are still the same ones."""
    found = hashlib.sha256()
    for path in persona.photos:
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _kept(clip: Path, name: str) -> Path:
    """Move a clip to where it stays, for this user alone; raises TuningError."""
    place = paths.data() / "drivers" / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}{clip.suffix}"
    try:
        make_private(place.parent)
        shutil.move(clip, place)
    except OSError as error:
        raise TuningError(f"the clip cannot be kept in {place.parent}: {error.strerror}") from error
    return place
