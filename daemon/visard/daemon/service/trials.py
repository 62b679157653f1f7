"""Faces that are tried before they are added: photos, the faces in them, and how it would look. Any thread.

What was uploaded lies in a folder of this user alone, until the trial is over or the daemon ends.
"""

import os
import secrets
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import psutil

from visard.daemon.api.requests import FaceChoice, TrialPersona
from visard.daemon.api.schema import PersonaInfo
from visard.daemon.api.trials import FaceBox, Trial, TrialPhoto
from visard.daemon.config import paths
from visard.daemon.errors import PersonaError, PersonaUnknown, VisardError
from visard.daemon.personas.entry_files import unsaved
from visard.daemon.personas.record import MAX_PHOTOS
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.persona_index import jpeg
from visard.engines.errors import Cancelled
from visard.engines.file_access import private_file

if TYPE_CHECKING:
    from visard.models.face import Image
    from visard.models.portrait import PhotoFaces, Portrait
    from visard.models.processor import Report

MOST = 4
"""Trials at once; the oldest one makes room."""
TITLE = "trying a face on"
_PREFIX = "trial-"

Keep = Callable[["Sequence[Portrait]", TrialPersona], PersonaInfo]


@dataclass
class _Photo:
    source: "Path | Image"
    shown: bytes
    """JPEG, upright, of at most LONGEST pixels."""
    facts: TrialPhoto
    portrait: "Portrait | None" = None


@dataclass
class _Trial:
    id: str
    folder: Path
    photos: list[_Photo] = field(default_factory=list)
    round: int = 0
    """How often a picture was begun; older ones are given up."""
    job: int | None = None
    picture: bytes | None = None
    problem: str | None = None
    over: bool = False
    numbers: Iterator[int] = field(default_factory=partial(count, 1))
    """Of uploads, which may come at once."""
    lock: Lock = field(default_factory=Lock)

    def facts(self) -> Trial:
        return Trial(
            id=self.id,
            photos=tuple(photo.facts for photo in self.photos),
            job=self.job,
            ready=self.picture is not None,
            problem=self.problem,
        )


class Trials:
    """Begins them, and has ``keep`` add what was tried to the library."""

    def __init__(self, jobs: Jobs, keep: Keep) -> None:
        self._jobs, self._keep = jobs, keep
        self._trials: OrderedDict[str, _Trial] = OrderedDict()
        self._lock = Lock()

    def start(self, photo: "bytes | Image") -> Trial:
        """Begin with the bytes of a picture, or with one, BGR. Raises PictureUnreadable."""
        _remove_left()
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=paths.cache()))
        trial = _Trial(secrets.token_urlsafe(9), folder)
        try:
            self._add(trial, photo)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._lock:
            self._trials[trial.id] = trial
            oldest = [*self._trials][:-MOST]
        for name in oldest:
            self.drop(name)
        return trial.facts()

    def add_photo(self, name: str, photo: bytes) -> Trial:
        """Add one more photo of the same face. Raises PersonaUnknown, PersonaError and PictureUnreadable."""
        trial = self._find(name)
        if len(trial.photos) >= MAX_PHOTOS:
            raise PersonaError(f"a persona has {MAX_PHOTOS} photos at most")
        self._add(trial, photo)
        return trial.facts()

    def get(self, name: str) -> Trial:
        """Return what is known of a trial; raises PersonaUnknown."""
        return self._find(name).facts()

    def choose(self, name: str, wanted: FaceChoice) -> Trial:
        """Say which face of a photo is meant. Raises PersonaUnknown, and FaceUnusable for one of no use."""
        trial = self._find(name)
        photo = _numbered(trial, wanted.photo)
        _look(photo, wanted.face)
        self._begin(trial)
        return trial.facts()

    def photo(self, name: str, number: int) -> bytes:
        """Return a photo as JPEG, upright; raises PersonaUnknown."""
        return _numbered(self._find(name), number).shown

    def picture(self, name: str) -> bytes:
        """Return how it looks as JPEG; raises PersonaUnknown, and PersonaError where it is not there yet."""
        trial = self._find(name)
        if trial.picture is None:
            raise PersonaError(trial.problem or "the trial picture is not ready yet; look again in a moment")
        return trial.picture

    def keep(self, name: str, wanted: TrialPersona) -> PersonaInfo:
        """Add what was tried to the library; then the trial is over. Raises PersonaError."""
        trial = self._find(name)
        missing = next((photo.facts.problem for photo in trial.photos if photo.portrait is None), None)
        if missing is not None:
            raise PersonaError(missing)
        kept = self._keep([photo.portrait for photo in trial.photos if photo.portrait], wanted)
        self.drop(name)
        return kept

    def drop(self, name: str) -> None:
        """Forget a trial, and delete what was uploaded for it; one that is over is no trouble."""
        with self._lock:
            trial = self._trials.pop(name, None)
        if trial is not None:
            trial.over = True
            shutil.rmtree(trial.folder, ignore_errors=True)

    def close(self) -> None:
        """Forget all."""
        for name in list(self._trials):
            self.drop(name)

    def _find(self, name: str) -> _Trial:
        trial = self._trials.get(name)
        if trial is None:
            raise PersonaUnknown("this trial is over; begin with the photo again")
        return trial

    def _add(self, trial: _Trial, data: "bytes | Image") -> None:
        source: Path | Image
        if isinstance(data, bytes):
            source = trial.folder / f"photo {next(trial.numbers)}"
            with open(source, "wb", opener=private_file) as file:
                file.write(data)
        else:
            source = data
        trial.photos.append(_read(source))
        self._begin(trial)

    def _begin(self, trial: _Trial) -> None:
        """Begin to make the picture if every photo has its face; an older one is given up."""
        with trial.lock:
            trial.round += 1
            trial.picture = trial.problem = trial.job = None
            portraits = [photo.portrait for photo in trial.photos if photo.portrait]
            if len(portraits) == len(trial.photos):
                trial.job = self._jobs.start(TITLE, _work(trial, trial.round, portraits)).id


def _work(trial: _Trial, round_: int, portraits: "Sequence[Portrait]") -> Callable[["Report"], None]:
    """Return what makes the picture of a trial, unless its photos change meanwhile."""

    def work(report: "Report") -> None:
        from visard.daemon.pipeline.trial import trial as try_on

        def wanted(share: float, step: str) -> None:
            if trial.over or trial.round != round_:
                raise Cancelled("another face was chosen")
            report(share, step)

        try:
            with tempfile.TemporaryDirectory(prefix="look-", dir=trial.folder) as folder:
                made = jpeg(try_on(unsaved(Path(folder), portraits), wanted))
            problem = None
        except Cancelled:
            return
        except (VisardError, OSError) as error:
            made, problem = None, str(error)
        with trial.lock:
            if trial.round == round_:
                trial.picture, trial.problem = made, problem

    return work


def _read(source: "Path | Image") -> _Photo:
    from visard.models.picture_file import shrink
    from visard.models.portrait import LONGEST, faces_in

    found = faces_in(source)
    photo = _Photo(source, jpeg(shrink(found.image, LONGEST)), TrialPhoto(faces=_boxes(found)))
    try:
        _look(photo, None)
    except VisardError as error:
        photo.facts = photo.facts.model_copy(update={"problem": str(error)})
    return photo


def _look(photo: _Photo, face: int | None) -> None:
    """Take the face of this number, or the one that can be meant; raises FaceUnusable."""
    from visard.models.portrait import examine

    portrait = examine(photo.source, face)
    largest = max(photo.facts.faces, key=lambda box: box.width * box.height)
    update = {"face": face or largest.number, "warnings": portrait.warnings, "problem": None}
    photo.portrait, photo.facts = portrait, photo.facts.model_copy(update=update)


def _boxes(found: "PhotoFaces") -> tuple[FaceBox, ...]:
    height, width = found.image.shape[:2]
    boxes = []
    for face in found.faces:
        left, top, right, bottom = (float(side) for side in face.box)
        place = {"left": left / width, "top": top / height}
        size = {"width": (right - left) / width, "height": (bottom - top) / height}
        boxes.append(FaceBox(number=face.id, **place, **size))
    return tuple(boxes)


def _numbered(trial: _Trial, number: int) -> _Photo:
    if not 1 <= number <= len(trial.photos):
        raise PersonaUnknown(f"the trial has no photo {number}; it has {len(trial.photos)}")
    return trial.photos[number - 1]


def _remove_left() -> None:
    """Delete what daemons left that were killed."""
    for folder in paths.cache().glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
