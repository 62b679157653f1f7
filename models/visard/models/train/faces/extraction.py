"""Extracts the faces of films and photos into a folder; whoever stops it may go on later."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from filelock import FileLock, Timeout

from visard.engines.cache import files
from visard.engines.file_access import make_private
from visard.models.errors import FaceSetError
from visard.models.face import Image
from visard.models.train.faces.duplicates import Duplicates
from visard.models.train.faces.extraction_log import ExtractionLog, SetHead, SourceDone
from visard.models.train.faces.finder import Dropped, FaceFinder, Kept
from visard.models.train.faces.folders import DROPPED, UNSORTED, every_index, free_path
from visard.models.train.faces.options import DropReason, ExtractOptions
from visard.models.train.faces.record import FaceRecord, save_face

EXAMPLES = 12
"""Pictures that are kept of faces that were left out, for each reason."""
_NOTE_EVERY = 2.0
"""Seconds between two notes of how far it is; what was done since is done again after a kill."""

Told = Callable[[int, int], None]
"""Called after each frame: how many of this source were looked at, and how many faces were added."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A film or a photo."""

    path: str
    """Absolute."""
    label: str
    """How people know it; faces name it so."""
    stamp: tuple[int, int]
    """Time and size of the file: whether it is still the same."""
    is_film: bool


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """One picture of it."""

    number: int
    seconds: float
    picture: Image


@dataclass
class Extraction:
    """One folder that is being filled. Only one process does it at a time: use it within ``extracting``."""

    folder: Path
    options: ExtractOptions
    log: ExtractionLog
    _known: set[tuple[str, int, int]]
    _duplicates: Duplicates
    _finder: FaceFinder | None = None
    faces: int = 0
    """That were added by now."""
    frames: int = 0
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    def finished(self, source: SourceFile) -> bool:
        """Whether there is nothing to do about a source any more."""
        done = self._done(source)
        return done is not None and done.finished and not done.error

    def next_frame(self, source: SourceFile) -> int:
        """Return the first frame that was not looked at."""
        done = self._done(source)
        return done.next_frame if done else 0

    def _done(self, source: SourceFile) -> SourceDone | None:
        """Return how far a source is; None for one that changed or is to be looked at otherwise."""
        done = self.log.sources.get(source.path)
        same = done is not None and (done.stamp, done.options) == (source.stamp, self._options(source))
        return done if same else None

    def _options(self, source: SourceFile) -> str:
        return self.options.model_dump_json(exclude=None if source.is_film else {"every", "fps"})

    def extract(self, source: SourceFile, frames: Iterable[SourceFrame], told: Told) -> None:
        """Take the faces of a source's frames from ``next_frame`` on.

        What stops it, be it an error, is noted with how far it came. Raises what ``frames`` raises.
        """
        label = self.log.label(source.path, source.label)
        self._finder = self._finder or FaceFinder(self.options, self._duplicates, self._known)
        self._finder.begin()
        before = self._done(source)
        count = _Count(before or self._begin(source, label))
        noted = time.monotonic()
        try:
            for frame in frames:
                self._frame(source, label, frame, count)
                told(count.frames, self.faces)
                if time.monotonic() - noted > _NOTE_EVERY:
                    noted = time.monotonic()
                    self.log.write(count.entry())
        except BaseException:
            self.log.write(count.entry())
            raise
        self.log.write(count.entry(finished=True))

    def failed(self, source: SourceFile, reason: str) -> None:
        """Note why a source cannot be read."""
        begun = self._done(source) or self._begin(source, self.log.label(source.path, source.label))
        self.log.write(begun.model_copy(update={"error": reason, "finished": True}))

    def _begin(self, source: SourceFile, label: str) -> SourceDone:
        return SourceDone(path=source.path, label=label, stamp=source.stamp, options=self._options(source))

    def _frame(self, source: SourceFile, label: str, frame: SourceFrame, count: "_Count") -> None:
        assert self._finder is not None
        if source.is_film:
            found = self._finder.in_frame(frame.picture, label, frame.number, frame.seconds)
        else:
            found = self._finder.in_photo(frame.picture, label)
        for each in found:
            if isinstance(each[1], DropReason):
                self._drop((each[0], each[1]), count)
            else:
                self._keep((each[0], each[1]))
                count.kept += 1
        count.frames += 1
        count.next_frame = frame.number + 1
        self.frames += 1

    def _keep(self, kept: Kept) -> None:
        picture, record = kept
        path = free_path(self.folder / UNSORTED / f"{_stem(record)}.{self.options.format}")
        save_face(path, picture, record, self.options.quality)
        self._known.add(record.key)
        self.faces += 1

    def _drop(self, dropped: Dropped, count: "_Count") -> None:
        """Count it, and keep a few small pictures, each as likely as any other."""
        picture, reason = dropped
        count.dropped[reason] += 1
        total = count.dropped[reason] + sum(
            done.dropped.get(reason, 0) for done in self.log.sources.values() if done.path != count.path
        )
        slot = total - 1 if total <= EXAMPLES else self._random.randrange(total)
        if slot < EXAMPLES:
            folder = self.folder / DROPPED / reason
            make_private(folder)
            encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
            with files.replacing(folder / f"{slot + 1:02d}.jpg") as file:
                file.write(encoded.tobytes())


class _Count:
    """What was done of a source so far."""

    def __init__(self, before: SourceDone) -> None:
        self._before = before
        self.path = before.path
        self.frames, self.next_frame, self.kept = before.frames, before.next_frame, before.kept
        self.dropped: Counter[DropReason] = Counter(before.dropped)

    def entry(self, *, finished: bool = False) -> SourceDone:
        """Return it for the log."""
        names = ("frames", "next_frame", "kept")
        news = {name: getattr(self, name) for name in names}
        return self._before.model_copy(
            update={**news, "dropped": dict(self.dropped), "finished": finished, "error": ""}
        )


@contextmanager
def extracting(folder: Path, options: ExtractOptions) -> Iterator[Extraction]:
    """Open a folder for extraction, a new one or one that was begun.

    Raises FaceSetError when another process is at it, or it holds something else.
    """
    _check_new(folder)
    make_private(folder / UNSORTED)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise FaceSetError(f"another extraction is at work in {folder}; wait for it, or stop it") from error
    try:
        for place in (folder, folder / UNSORTED):
            files.sweep(place)
        log = ExtractionLog.load(folder)
        _check_same(log, options)
        duplicates = Duplicates()
        known = every_index(folder)
        duplicates.remember(known.rows)
        yield Extraction(folder, options, log, known.keys(), duplicates)
    finally:
        lock.release()


def _check_new(folder: Path) -> None:
    from visard.models.train.faces.extraction_log import NAME

    if folder.exists() and not folder.is_dir():
        raise FaceSetError(f"{folder} is a file; name a folder for the faces")
    if folder.is_dir() and not (folder / NAME).exists():
        strange = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        if strange and set(strange) != {UNSORTED}:
            raise FaceSetError(
                f"{folder} holds other files ({strange[0]}, ...) and no extraction; name a new folder"
            )


def _check_same(log: ExtractionLog, options: ExtractOptions) -> None:
    head = SetHead(face_type=options.face_type, resolution=options.resolution)
    if log.head is None:
        log.write(head)
    elif log.head != head:
        was = f"{log.head.face_type} of {log.head.resolution} pixels"
        raise FaceSetError(
            f"the faces in {log.folder} are {was}, and these would be {head.face_type} of "
            f"{head.resolution}; use the same, or name another folder"
        )


def _stem(record: FaceRecord) -> str:
    """Return a file name that tells where a face comes from."""
    name = re.sub(r"[^\w.-]+", "_", record.source.replace("/", "-")).strip("._")[:60] or "face"
    number = f"-{record.number + 1}" if record.number else ""
    return f"{name}-{record.frame:06d}{number}"
