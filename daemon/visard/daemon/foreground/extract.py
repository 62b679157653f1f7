"""Faces out of films and folders of pictures, for training: which files, and what became of them."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from visard.daemon.errors import FaceSetError, PictureUnreadable, SourceError, SourceUnavailable
from visard.daemon.media.video import FILM_SUFFIXES, open_film
from visard.models.picture_file import SUFFIXES, animation, read_picture
from visard.models.train.faces.extraction import Extraction, SourceFile, SourceFrame, extracting
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.options import DropReason, ExtractOptions
from visard.models.train.faces.people import Person, sort_people
from visard.models.train.faces.sheet.files import write_sheets

_LONGEST = 4096
"""Pixels of a photo's longer side that are looked at."""
_PHOTO_COSTS = 6
"""Frames of a film that take as long as a photo."""
_MOST_REASONS = 8
"""That an error names."""

Told = Callable[[float, str], None]
"""Called with the share that is done, 0 to 1, and words."""


@dataclass
class ExtractSummary:
    """What became of an extraction."""

    folder: Path
    faces: int = 0
    """In the set."""
    added: int = 0
    """By this call, of all people."""
    people: list[Person] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    """Faces that were left out, by reason, by this and earlier calls."""
    sources: int = 0
    unreadable: int = 0
    """Sources that could not be read, each with a sentence in ``notes``."""
    others: int = 0
    """Files below the folders that are neither films nor pictures by their names."""
    frames: int = 0
    """That this call looked at."""
    seconds: float = 0.0
    complete: bool = True
    """False when it was interrupted; the same command goes on."""
    sheets: tuple[Path, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def frames_per_second(self) -> float:
        """How fast it was."""
        return self.frames / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose faces are wanted."""

    person: int | None = None
    """None: the person with most faces, or whom the set is of already."""
    everybody: bool = False


def extract_faces(
    paths: Sequence[Path], folder: Path, options: ExtractOptions, choice: Choice, told: Told
) -> ExtractSummary:
    """Fill a folder with the faces of films and pictures; Ctrl-C keeps what was done so far.

    What cannot be read is noted and left out. Raises SourceUnavailable where nothing can be read,
    FaceSetError where no face was found or the folder holds something else.
    """
    began, summary = time.monotonic(), ExtractSummary(folder)
    sources = list(_sources(paths, folder, summary))
    if not sources:
        raise SourceUnavailable(_named(summary.notes) or "there is no film and no picture in what was named")
    with extracting(folder, options) as extraction:
        try:
            _extract_all(extraction, sources, summary.notes, told)
        except KeyboardInterrupt:
            summary.complete = False
        told(1.0, "telling people apart")
        summary.people = sort_people(extraction.log, choice.person, everybody=choice.everybody)
        summary.dropped = {str(reason): count for reason, count in extraction.log.dropped().items()}
        summary.added, summary.frames = extraction.faces, extraction.frames
    summary.sources, summary.unreadable = len(sources), len(summary.notes)
    summary.seconds = time.monotonic() - began
    faces = FaceSet(folder)
    summary.faces = len(faces)
    if not summary.people:
        _nothing(summary)
        return summary
    told(1.0, "drawing the contact sheet")
    summary.sheets = write_sheets(folder)
    summary.notes += faces.notes
    return summary


def _nothing(summary: ExtractSummary) -> None:
    """Say why no face was found; nothing where it was interrupted before."""
    if not summary.complete:
        return
    if summary.unreadable >= summary.sources:
        raise SourceUnavailable(_named(summary.notes))
    why = ", ".join(f"{count} {DropReason(name).words}" for name, count in summary.dropped.items())
    raise FaceSetError(
        f"no face was taken from {summary.sources} sources"
        + (
            f"; left out were {why}: the options --min-size, --max-blur and the like allow more"
            if why
            else ""
        )
    )


def _named(notes: list[str]) -> str:
    more = len(notes) - _MOST_REASONS
    return ". ".join(notes[:_MOST_REASONS]) + (f"; and {more} more like these" if more > 0 else "")


def _extract_all(extraction: Extraction, sources: list[SourceFile], notes: list[str], told: Told) -> None:
    """Go through all that is not finished yet."""
    todo = [source for source in sources if not extraction.finished(source)]
    weights = {source.path: _weight(source, extraction.options) for source in todo}
    whole, before, began = sum(weights.values()) or 1.0, 0.0, time.monotonic()
    for source in todo:
        weight = weights[source.path]

        def tell(frames: int, faces: int, label: str = source.label, weight: float = weight) -> None:
            done = before + min(frames if source.is_film else weight, weight)  # noqa: B023 - called at once
            rate = extraction.frames / max(time.monotonic() - began, 1e-3)
            told(done / whole, f"{label}, {faces:,} faces, {rate:.1f} frames/s")

        try:
            extraction.extract(source, _frames(source, extraction), tell)
        except (SourceError, PictureUnreadable) as error:
            extraction.failed(source, str(error))
            notes.append(str(error))
        before += weight


def _weight(source: SourceFile, options: ExtractOptions) -> float:
    """Return about how many frames of a film will be looked at."""
    if not source.is_film:
        return _PHOTO_COSTS
    try:
        with open_film(Path(source.path)) as film:
            length, fps = film.length or 1000, film.format.fps
    except SourceError:
        return 1.0
    return max(length / (fps / options.fps if options.fps else options.every), 1.0)


def _frames(source: SourceFile, extraction: Extraction) -> Iterator[SourceFrame]:
    """Yield the frames of a source that are to be looked at, from where it was left."""
    path, options = Path(source.path), extraction.options
    if not source.is_film:
        yield SourceFrame(0, 0.0, read_picture(path, _LONGEST))
        return
    first, shown = extraction.next_frame(source), -1
    with open_film(path) as film:
        for number, (picture, seconds) in enumerate(film):
            place = int(seconds * options.fps + 1e-6) if options.fps else number // options.every
            if place > shown:
                shown = place
                if number >= first:
                    yield SourceFrame(number, seconds, picture)


def _sources(paths: Sequence[Path], target: Path, summary: ExtractSummary) -> Iterator[SourceFile]:
    """Yield every film and picture of what was named, once each; what cannot be one is noted."""
    seen: set[str] = set()
    for path in paths:
        for file in _files(path, target, summary):
            try:
                source = _source(file, path)
            except FileNotFoundError:
                summary.notes.append(f"there is nothing at {file}")
            except UnicodeEncodeError:
                summary.notes.append(f"the name of {_printable(file)} is no text; rename it")
            except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
                reason = getattr(error, "strerror", None) or error
                summary.notes.append(f"{file} cannot be read: {reason}")
            else:
                if source.path not in seen:
                    seen.add(source.path)
                    yield source


def _files(path: Path, target: Path, summary: ExtractSummary) -> Iterator[Path]:
    """Yield a file, or the films and pictures below a folder but those of the set itself."""
    if not path.is_dir():
        yield path
        return

    def closed(error: OSError) -> None:
        summary.notes.append(f"the folder {error.filename} cannot be read: {error.strerror}")

    for place, folders, names in os.walk(path, onerror=closed):
        here = Path(place)
        folders[:] = sorted(
            each
            for each in folders
            if not each.startswith(".") and (here / each).resolve() != target.resolve()
        )
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES | FILM_SUFFIXES:
                yield here / name
            elif not name.startswith("."):
                summary.others += 1


def _source(file: Path, named: Path) -> SourceFile:
    status, path = file.stat(), str(file.resolve())
    if not S_ISREG(status.st_mode):
        raise OSError(0, "it is no file")
    path.encode()
    label = file.name if file == named else (Path(named.resolve().name) / file.relative_to(named)).as_posix()
    is_film = file.suffix.lower() not in SUFFIXES or animation(file) is not None
    return SourceFile(path, label[-400:], (status.st_mtime_ns, status.st_size), is_film)


def _printable(path: Path) -> str:
    return str(path).encode(errors="replace").decode()
