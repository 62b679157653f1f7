"""A video, a picture or a folder of them with another face: the live pipeline over every frame of a file."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from visard.daemon.config.enrolment import Enrolled
from visard.daemon.config.settings import Settings
from visard.daemon.errors import FaceUnusable, SinkError, SinkUnavailable, SourceUnavailable
from visard.daemon.guard.rules import FaceCounts, GuardVerdict
from visard.daemon.media.frame import Format
from visard.daemon.media.video import CONTAINERS, VideoReader, VideoWriter
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.tracking import Tracking, every_frame
from visard.daemon.sources._replay import FileReplay, PictureReplay
from visard.models.face import Image
from visard.models.picture_file import SUFFIXES, read_picture

Progress = Callable[[int, int | None], None]
"""Called with the frames done and, where the file tells, how many there are."""

_Work = tuple[Recipe, Switches]

_READS = frozenset({*CONTAINERS, ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp", ".ogv"})


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the faces, and of the frames: each one was passed, held, blurred or carded."""

    target: Path
    faces: FaceCounts = field(default_factory=FaceCounts)
    frames: int = 0
    passed: int = 0
    """A face at least was swapped, and all others were covered or shown by choice."""
    held: int = 0
    """A face was lost for a moment, and the last good frame stands in."""
    blurred: int = 0
    carded: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Why frames were held, blurred or carded, and how often."""
    seconds: float = 0.0
    complete: bool = True
    """False when it was interrupted; what was done until then is in the file."""


class _Shown:
    """Writes pictures at the times they have in the original."""

    def __init__(self, writer: VideoWriter, times: FileReplay) -> None:
        self.where = str(writer.path)
        self._writer, self._source = writer, times

    def write(self, image: Image) -> None:
        self._writer.write(image, self._source.times.popleft())

    def close(self) -> None:
        """Nothing to do: whoever opened the writer knows whether it went well."""


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
    on_progress: Progress | None = None,
    *,
    enrolled: Enrolled | None = None,
    tracking: Callable[[int], Tracking] | None = None,
) -> Summary:
    """Convert one video or picture; Ctrl-C keeps what was done so far, any error leaves ``target`` alone.

    Raises SourceUnavailable, SinkError, and FaceUnusable for a picture in which no face can be swapped.
    """
    check(source, target)
    tracking = tracking or every_frame
    work = Recipe(persona), Switches(settings, enrolled=enrolled)
    if source.suffix.lower() in SUFFIXES:
        return _convert_picture(source, target, work, tracking)
    return _convert_video(source, target, work, on_progress or (lambda *_: None), tracking)


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
        lasting = file.suffix.lower() in SUFFIXES - {".gif"} | CONTAINERS.keys()
        added = "" if lasting else ".png" if file.suffix.lower() in SUFFIXES else ".mp4"
        yield file, target / (file.name + added)  # the old ending stays, so that no two become one


def check(source: Path, target: Path) -> None:
    """Refuse what cannot be read and a target that is the source itself."""
    if not source.exists():
        raise SourceUnavailable(f"there is no file at {source}")
    if source.resolve() == target.resolve() or (target.exists() and target.samefile(source)):
        raise SinkUnavailable(f"{target} is the file being read; choose another name for the result")


def _convert_video(
    source: Path, target: Path, work: _Work, on_progress: Progress, tracking: Callable[[int], Tracking]
) -> Summary:
    start, complete = time.monotonic(), True
    pipeline: Pipeline | None = None
    with suppress(KeyboardInterrupt), VideoReader(source) as reader:
        complete = False
        with VideoWriter(target, reader.format, original=reader) as writer:
            replay = FileReplay(reader)
            pipeline = Pipeline(replay, [_Shown(writer, replay)], work[0], tracking, switches=work[1])
            _pump(pipeline, lambda done: on_progress(done, reader.length))
        complete = True
    return _summary(target, pipeline, time.monotonic() - start, complete)


def _pump(pipeline: Pipeline, on_progress: Callable[[int], None]) -> None:
    """Run to the end, telling about progress; when interrupted, leave no thread that still writes."""
    try:
        pipeline.start()
        while not pipeline.wait(0.2):
            on_progress(pipeline.stats.snapshot().frames)
        on_progress(pipeline.stats.snapshot().frames)
    finally:
        pipeline.stop(finish=60)


def _summary(target: Path, pipeline: Pipeline | None, seconds: float, complete: bool) -> Summary:
    if pipeline is None:
        return Summary(target, seconds=seconds, complete=complete)
    stats = pipeline.stats.snapshot()
    count = stats.verdicts.get
    return Summary(
        target=target,
        faces=stats.faces,
        frames=stats.frames,
        passed=count(GuardVerdict.frame.value, 0),
        held=count(GuardVerdict.last_good.value, 0),
        blurred=count(GuardVerdict.blur.value, 0),
        carded=count(GuardVerdict.card.value, 0),
        reasons=stats.reasons,
        seconds=round(seconds, 2),
        complete=complete,
    )


def _convert_picture(source: Path, target: Path, work: _Work, tracking: Callable[[int], Tracking]) -> Summary:
    start = time.monotonic()
    image = read_picture(source)
    height, width = image.shape[:2]
    kept = _NewestOutput()
    replay = PictureReplay([image.copy()], Format(width, height, 30, live=False))
    pipeline = Pipeline(replay, [kept], work[0], tracking, switches=work[1])
    _pump(pipeline, lambda _: None)
    summary = _summary(target, pipeline, time.monotonic() - start, True)
    if not summary.passed or kept.image is None:
        why = next(iter(summary.reasons), "no face")
        raise FaceUnusable(f"no face in {source.name} could be swapped ({why}); nothing was written")
    save(kept.image, target)
    return summary


def save(image: Image, target: Path) -> None:
    """Write a BGR picture in the format of the name's ending, whole or not at all. Raises SinkError."""
    from PIL import Image as Pillow

    if target.suffix.lower() not in SUFFIXES:
        choices = ", ".join(sorted(SUFFIXES))
        raise SinkUnavailable(f"{target.name}: a picture's name must end in one of {choices}")
    if not target.parent.is_dir():
        raise SinkUnavailable(f"there is no folder {target.parent}; create it first")
    part = target.with_name(f"{target.stem}.part-{os.getpid()}{target.suffix}")
    try:
        Pillow.fromarray(image[:, :, ::-1]).save(part, quality=95)
        part.replace(target)
    except (OSError, ValueError) as error:
        part.unlink(missing_ok=True)
        raise SinkError(f"{target} cannot be written: {error}; nothing was kept of it") from error
