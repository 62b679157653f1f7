"""A film, every picture through the live pipeline; one that was interrupted goes on where it stopped."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from visard.daemon.errors import FaceUnusable
from visard.daemon.foreground.jobs import Job, Summary, pump, summarise
from visard.daemon.foreground.resume import resumable
from visard.daemon.media.video import Film, Part, Resumable, VideoWriter, open_film, unfinished
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.sources._replay import FileReplay
from visard.models.face import Image
from visard.models.processor import Animation

_RUN_UP, _RUN_UP_ANIMATED = 5.0, 1.0
"""Seconds before the first picture to be made in which a swapper, or the tracker alone, learns again."""
_LOOKS = 200
"""Pictures of a film that are looked at for the best reference, at least if it has so many."""
_TRIES = 5
"""How often a chosen reference is shown to the tracker until it finds the driver in it."""


class _Shown:
    """Writes pictures at the times they have in the original."""

    def __init__(self, writer: VideoWriter, replay: FileReplay) -> None:
        self.where = str(writer.path)
        self._writer, self._replay = writer, replay

    def write(self, image: Image) -> None:
        seconds = self._replay.time()
        if seconds is not None:
            self._writer.write(image, seconds)

    def close(self) -> None:
        """Nothing to do: whoever opened the writer knows whether it went well."""


def convert_film(job: Job) -> Summary:
    """Convert a film; Ctrl-C keeps what was done so far beside ``target``, which appears when it is whole.

    Raises FaceUnusable where nobody is in the reference that was chosen.
    """
    begun, how = time.monotonic(), Resumable({})
    pipeline: Pipeline | None = None
    writer: VideoWriter | None = None
    complete = False
    with suppress(KeyboardInterrupt), open_film(job.source, job.writing.part) as original:
        how = resumable(job, original)
        if how.until:
            job.reporter.say(f"{job.target.name} goes on at {clock(how.until)}")
        reference = _reference(job, original)
        turned = original.format.turned(job.switches.settings.rotate)
        if job.size:
            turned = replace(turned, width=job.size[0], height=job.size[1])
        with (
            _rest(job, original, how) as rest,
            VideoWriter(
                job.target,
                turned,
                original=original,
                codec=job.writing.codec,
                quality=job.writing.quality,
                resumable=how,
            ) as writer,
        ):
            pipeline = _pipeline(job, original, rest, writer, how, reference)
            before = round(how.until * original.format.fps)
            pump(pipeline, lambda done: job.reporter.progress(before + done, original.length))
        complete = True
    seconds = time.monotonic() - begun
    summary = summarise(job.target, pipeline, seconds) if pipeline else Summary(job.target, seconds=seconds)
    kept = None if complete else next((one.path for one in unfinished(job.target)), None)
    notes = (*summary.notes, *(writer.notes if writer else ()))
    return replace(summary, notes=notes, complete=complete, resumed=round(how.until, 3), kept=kept)


def clock(seconds: float) -> str:
    """Return a time as people read it: 0:12.3, 1:02:03.0."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"


def _rest(job: Job, original: Film, how: Resumable) -> Film:
    """Open what is left to be made."""
    part = job.writing.part
    return open_film(job.source, Part(part.start + how.until, part.end)) if how.until else original


def _pipeline(
    job: Job, original: Film, rest: Film, writer: VideoWriter, how: Resumable, reference: float | None
) -> Pipeline:
    pictures = ((image, seconds + how.until) for image, seconds in rest)
    warm_up = _warm_up(job, how.until, reference, lambda: pipeline.learned)

    def warm() -> None:
        pipeline.stats.reset()

    replay = FileReplay(pictures, original.format, warm_up, warm)
    shown = _Shown(writer, replay)
    pipeline = Pipeline(replay, [shown], job.recipe, job.tracking, switches=job.switches)
    if reference is not None:
        pipeline.calibrate()
    return pipeline


def _warm_up(job: Job, until: float, reference: float | None, learned: Callable[[], bool]) -> Iterator[Image]:
    """Yield what a run that was not interrupted would have learned from, and still know."""
    start, seen = job.writing.part.start, -1.0
    end, run_up = start + until, _RUN_UP_ANIMATED if job.animation else _RUN_UP
    if reference is not None:
        yield from _until(learned, _chosen(job.source, reference))
    elif job.animation and until:
        for image, seconds in _pictures(job.source, start, end):
            if learned():
                break
            yield image
            seen = seconds
    if until:
        for image, seconds in _pictures(job.source, max(start, end - run_up), end):
            if seconds > seen:
                yield image


def _until(learned: Callable[[], bool], images: Iterator[Image]) -> Iterator[Image]:
    for image in images:
        if learned():
            return
        yield image


def _chosen(source: Path, seconds: float) -> Iterator[Image]:
    for image, _ in _pictures(source, seconds, float("inf")):
        for _ in range(_TRIES):
            yield image.copy()
        return


def _pictures(source: Path, start: float, end: float) -> Iterator[tuple[Image, float]]:
    """Yield the pictures of a part and when they are, seconds of the film."""
    if start < end:
        with open_film(source, Part(start, end)) as film:
            for image, seconds in film:
                yield image, start + seconds


def _reference(job: Job, original: Film) -> float | None:
    """Return when the driver's neutral frame is, seconds of the film; None: the pipeline takes the first."""
    wanted, part = job.writing.reference, job.writing.part
    if job.animation is None or wanted == "first":
        return None
    if wanted == "best":
        step = max(1, (original.length or _LOOKS) // _LOOKS)
        fits = _fits(job, job.animation, islice(_pictures(job.source, part.start, part.end), 0, None, step))
        found = min(fits, default=None)
    else:
        found = next(_fits(job, job.animation, islice(_pictures(job.source, wanted, float("inf")), 1)), None)
    if found is None:
        where = "" if wanted == "best" else f" at {clock(wanted)}"
        raise FaceUnusable(f"no face in {job.source.name}{where} can be the reference; choose another one")
    job.reporter.say(f"the reference is the frame at {clock(found[1])}")
    return found[1]


def _fits(
    job: Job, animation: Animation, pictures: Iterator[tuple[Image, float]]
) -> Iterator[tuple[float, float]]:
    """Yield how far the driver's shape is from the portrait's, and when, where a picture shows a driver."""
    tracker, turns = job.tracking(1), job.switches.settings.rotate // 90
    for image, seconds in pictures:
        tracker.forget()
        for face in tracker.update(np.ascontiguousarray(np.rot90(image, -turns)), seconds).faces[:1]:
            yield animation.mismatch(face), seconds
