"""A film, a picture or a folder of them with another face: the live pipeline over every frame of a file."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from visard.daemon.config.enrolment import Enrolled
from visard.daemon.config.settings import Settings
from visard.daemon.errors import FaceUnusable, SinkError, SinkUnavailable, SourceUnavailable
from visard.daemon.foreground.film import convert_film
from visard.daemon.foreground.jobs import AS_USUAL, QUIET, Job, Reporter, Summary, Writing, pump, summarise
from visard.daemon.media.frame import Format
from visard.daemon.media.video import CONTAINERS, codec_for
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Switches
from visard.daemon.pipeline.tracking import Tracking, every_frame
from visard.daemon.sources._replay import PictureReplay
from visard.models.face import Image
from visard.models.picture_file import SUFFIXES, animation, read_picture

_READS = frozenset({*CONTAINERS, ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp", ".ogv"})


class _NewestOutput:
    """Remembers the one picture that it is given."""

    where = "memory"
    image: Image | None = None

    def write(self, image: Image) -> None:
        self.image = image

    def close(self) -> None:
        """Nothing to do."""


def convert(
    source: Path,
    target: Path,
    persona: PreparedPersona,
    settings: Settings,
    reporter: Reporter = QUIET,
    *,
    enrolled: Enrolled | None = None,
    tracking: Callable[[int], Tracking] = every_frame,
    writing: Writing = AS_USUAL,
) -> Summary:
    """Convert one film or picture; of a film Ctrl-C keeps what was done, and the same call goes on with it.

    A target that is there already is replaced, once the new one is whole. What is animated has the portrait's
    size. Raises SourceUnavailable, SinkError, and FaceUnusable for a picture in which no face can be swapped.
    """
    check(source, target, writing)
    switches = Switches(settings, enrolled=enrolled)
    job = Job(source, target, persona, switches, tracking, writing, reporter)
    return convert_film(job) if becomes_film(source, target) else _convert_picture(job)


def becomes_film(source: Path, target: Path) -> bool:
    """Whether it is converted frame by frame: of an animated picture a still one takes the first alone."""
    if source.suffix.lower() not in SUFFIXES:
        return True
    return target.suffix.lower() in CONTAINERS and animation(source) is not None


def pairs(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield what to convert into what: the two paths, or every video and picture of a folder."""
    if not source.is_dir():
        yield source, target / source.name if target.is_dir() else target
        return
    files = [f for f in sorted(source.iterdir()) if f.suffix.lower() in SUFFIXES | _READS and f.is_file()]
    if not files:
        raise SourceUnavailable(f"there is no video and no picture in {source}")
    if target.exists() and not target.is_dir():
        raise SinkUnavailable(f"{target} is a file; give a folder to put the results of {source} in")
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        yield file, target / (file.name + _added(file))  # the old ending stays, so that no two become one


def _added(file: Path) -> str:
    """Return the ending to add where the result is of another kind; a still GIF has too few colours."""
    ending = file.suffix.lower()
    if ending == ".gif":
        return "" if animation(file) else ".png"
    return "" if ending in SUFFIXES | CONTAINERS.keys() else ".mp4"


def check(source: Path, target: Path, writing: Writing = AS_USUAL) -> None:
    """Refuse what cannot be read, a target that is the source itself, and a codec that it does not take."""
    if not source.exists():
        raise SourceUnavailable(f"there is no file at {source}")
    if source.resolve() == target.resolve() or (target.exists() and target.samefile(source)):
        raise SinkUnavailable(f"{target} is the file being read; choose another name for the result")
    if becomes_film(source, target):
        codec_for(target, writing.codec)


def _convert_picture(job: Job) -> Summary:
    start = time.monotonic()
    image = read_picture(job.source)
    height, width = image.shape[:2]
    kept = _NewestOutput()
    replay = PictureReplay([image.copy()], Format(width, height, 30, live=False))
    pipeline = Pipeline(replay, [kept], job.recipe, job.tracking, switches=job.switches)
    with _absolute_motion(job.persona):
        pump(pipeline, lambda _: None)
    summary = summarise(job.target, pipeline, time.monotonic() - start)
    if not summary.passed or kept.image is None:
        why, done = next(iter(summary.reasons), "no face"), "drive" if job.animation else "be swapped"
        raise FaceUnusable(f"no face in {job.source.name} could {done} ({why}); nothing was written")
    save(kept.image, job.target, job.writing.quality)
    return summary


@contextmanager
def _absolute_motion(persona: PreparedPersona) -> Iterator[None]:
    """A picture shows no motion: where nothing else was chosen it is the driver's pose that counts."""
    fields, options = type(persona.options).model_fields, persona.options
    if "motion" not in fields or "motion" in options.model_fields_set:
        yield
        return
    persona.prepared.adjust(type(options).model_validate({**options.model_dump(), "motion": "absolute"}))
    try:
        yield
    finally:
        persona.prepared.adjust(options)


def save(image: Image, target: Path, quality: int | None = None) -> None:
    """Write a BGR picture in the format of the name's ending, whole or not at all. Raises SinkError.

    ``quality``, 0 to 100, is for those formats that have one.
    """
    from PIL import Image as Pillow

    if target.suffix.lower() not in SUFFIXES:
        choices = ", ".join(sorted(SUFFIXES))
        raise SinkUnavailable(f"{target.name}: a picture's name must end in one of {choices}")
    if not target.parent.is_dir():
        raise SinkUnavailable(f"there is no folder {target.parent}; create it first")
    part = target.with_name(f"{target.stem}.part-{os.getpid()}{target.suffix}")
    try:
        Pillow.fromarray(image[:, :, ::-1]).save(part, quality=95 if quality is None else quality)
        part.replace(target)
    except (OSError, ValueError) as error:
        part.unlink(missing_ok=True)
        raise SinkError(f"{target} cannot be written: {error}; nothing was kept of it") from error
