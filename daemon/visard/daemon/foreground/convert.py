"""A film, a picture or a folder of them with another face: the live pipeline over every frame of a file."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from visard.daemon.config.enrolment import Enrolled
from visard.daemon.config.settings import Settings
from visard.daemon.errors import FaceUnusable, SinkError, SinkUnavailable, SourceUnavailable
from visard.daemon.guard.rules import FaceCounts, GuardVerdict
from visard.daemon.media.frame import Format
from visard.daemon.media.video import (
    CONTAINERS,
    FILM_SUFFIXES,
    WHOLE,
    Part,
    VideoWriter,
    codec_for,
    open_film,
)
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.tracking import Tracking, every_frame
from visard.daemon.sources._replay import FileReplay, PictureReplay
from visard.models.face import Image
from visard.models.picture_file import SUFFIXES, animation, read_picture

Progress = Callable[[int, int | None], None]
"""Called with the frames done and, where the file tells, how many there are."""

_Work = tuple[Recipe, Switches]
_Track = Callable[[int], Tracking]


@dataclass(frozen=True, slots=True)
class Writing:
    """Which part of a film is converted, and how it is encoded."""

    part: Part = WHOLE
    codec: str | None = None
    """None: what its container usually holds."""
    quality: int | None = None
    """0 to 100; None: what hardly differs from the original."""


AS_USUAL = Writing()


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
    notes: tuple[str, ...] = ()
    """What the person should know of this file."""


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
    tracking: _Track = every_frame,
    writing: Writing = AS_USUAL,
) -> Summary:
    """Convert one film or picture; Ctrl-C keeps what was done so far, any error leaves ``target`` alone.

    A target that is there already is replaced. Raises SourceUnavailable, SinkError, and FaceUnusable for a
    picture in which no face can be swapped.
    """
    check(source, target, writing)
    work = Recipe(persona), Switches(settings, enrolled=enrolled)
    if becomes_film(source, target):
        return _convert_film(source, target, work, on_progress or (lambda *_: None), tracking, writing)
    return _convert_picture(source, target, work, tracking, writing.quality)


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
    files = [
        f for f in sorted(source.iterdir()) if f.suffix.lower() in SUFFIXES | FILM_SUFFIXES and f.is_file()
    ]
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


def _convert_film(
    source: Path, target: Path, work: _Work, on_progress: Progress, tracking: _Track, writing: Writing
) -> Summary:
    start, complete = time.monotonic(), True
    pipeline: Pipeline | None = None
    writer: VideoWriter | None = None
    with suppress(KeyboardInterrupt), open_film(source, writing.part) as reader:
        complete = False
        turned = reader.format.turned(work[1].settings.rotate)
        with VideoWriter(
            target, turned, original=reader, codec=writing.codec, quality=writing.quality
        ) as writer:
            replay = FileReplay(reader)
            pipeline = Pipeline(replay, [_Shown(writer, replay)], work[0], tracking, switches=work[1])
            _pump(pipeline, lambda done: on_progress(done, reader.length))
        complete = True
    summary = _summary(target, pipeline, time.monotonic() - start, complete)
    return replace(summary, notes=(*summary.notes, *(writer.notes if writer else ())))


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
        notes=tuple(_upside_down(pipeline)),
    )


def _upside_down(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.upright.ever:
        turn = (pipeline.switches.settings.rotate + 180) % 360
        yield f"the picture is upside down; 'visard convert --rotate {turn}' turns it"


def _convert_picture(
    source: Path, target: Path, work: _Work, tracking: _Track, quality: int | None
) -> Summary:
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
    save(kept.image, target, quality)
    return summary


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
