"""Tuning a persona: whose frames it is tuned on, and what is kept of it.

Without a driver of its own it is tuned on everybody who ships: the demo driver, and the other personas, whom
the puppet moves as the demo driver moves.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visard.daemon.config import paths
from visard.daemon.errors import FaceUnusable, PersonaError, SourceUnavailable, TuningError
from visard.daemon.media.frame import Format
from visard.daemon.media.video import VideoReader, VideoWriter
from visard.daemon.personas.entries import SHIPPED
from visard.daemon.personas.record import PICTURE, Persona
from visard.daemon.sources._select import SourceSelector
from visard.daemon.sources.demo import CLIP, PERSON
from visard.engines.cache import files
from visard.models.face import Face, Image
from visard.models.picture_file import shrink
from visard.models.portrait import examine
from visard.models.processor import Report
from visard.models.track.tracker import Tracker

if TYPE_CHECKING:
    from visard.models.train.tune.tuner import Outcome

_LONGEST = 854
"""Longer side of the frames that are kept in memory."""
_FRAMES, _DEMO_FRAMES = 150, 42
"""Frames that are taken of a driver's clip, and of each who ships, over all of its length."""
_LIMIT = 120.0
"""Seconds of a driver's clip that are looked at."""
MINUTE = 60.0
"""Seconds for which a camera is looked at."""
_LOOK_FRAMES, _LOOK_STEPS = 18, 5
"""Frames and steps that a first look takes."""
_SHARE_LEARNING = 0.8
"""Of the time that somebody gives; the rest goes into looking before and after."""

FEWEST = 24
"""Frames with a face that a driver's clip needs."""

Drivers = Mapping[str, Sequence[tuple[Image, Face]]]
"""Frames in their order, and the face in each, by whose they are."""
Timed = Iterable[tuple[Image, float]]
"""Pictures, BGR, and their times in seconds."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A clip of the person at the camera."""

    name: str
    pictures: Timed
    seconds: float | None = None
    """How long it is, where somebody knows."""
    task: str = ""
    """What the person does meanwhile."""


def camera_driver(pictures: Timed) -> Driver:
    """Return whom a camera sees now; the times of its pictures, in seconds, begin with 0."""
    return Driver("the camera", pictures, MINUTE, "talk and look around")


def tune(
    persona: Persona,
    drivers: Drivers,
    report: Report,
    *,
    minutes: float | None = None,
    steps: int | None = None,
) -> "Outcome":
    """Search for a correction of a persona's swap on other people's frames, for so many minutes at most.

    Raises PersonaError, PortraitError, TuningError, and what ``report`` raises to give it up.
    """
    check(persona)
    from visard.models.train.tune.fit import Settings
    from visard.models.train.tune.tuner import tune

    portraits = [examine(photo) for photo in persona.photos]
    others = {name: frames for name, frames in drivers.items() if name != persona.name}
    limits: dict[str, Any] = {} if minutes is None else {"seconds": 60 * minutes * _SHARE_LEARNING}
    return tune(portraits, others, report, Settings(**limits, **({} if steps is None else {"steps": steps})))


def first_look(persona: Persona, drivers: Drivers, report: Report) -> Image:
    """Return before and after a few steps on one driver, BGR: where tuning goes, seen early."""
    name = next(name for name in sorted(drivers, key=lambda name: name != PERSON) if name != persona.name)
    frames = drivers[name]
    spread = [frames[k * len(frames) // _LOOK_FRAMES] for k in range(_LOOK_FRAMES)]
    return tune(persona, {name: spread}, report, steps=_LOOK_STEPS).picture


def lacking() -> str | None:
    """Return why nothing can be tuned here, and what helps; None: it can be."""
    return "tuning needs PyTorch: pip install 'visard[train]'" if find_spec("torch") is None else None


def check(persona: Persona) -> None:
    """Raise PersonaError or TuningError where a persona cannot be tuned here."""
    if not persona.photos:
        raise PersonaError(f"{persona.name} has no photo; only what is made of photos can be tuned")
    if why := lacking():
        raise TuningError(why)


@contextmanager
def alone() -> Iterator[Path]:
    """Give the private folder in which the one tuning of this user at a time works; it is empty.

    What one that was killed left there is deleted. Raises TuningError while another one is at work.
    """

    def refuse() -> None:
        raise TuningError("a persona is being tuned just now; wait until that is over, or give it up")

    folder = paths.cache() / "tuning"
    lock = files.Lock(folder / "lock")
    lock.acquire(refuse)
    try:
        _empty(folder)
        yield folder
    finally:
        _empty(folder)
        lock.release()


def sweep() -> None:
    """Delete what a tuning left that was killed."""
    with suppress(TuningError), alone():
        pass


def _empty(folder: Path) -> None:
    for path in folder.glob("*"):
        if path.name != "lock":
            files.remove_tree(path) if path.is_dir() else files.remove(path)


def followed(clip: Driver, report: Report) -> Drivers:
    """Return frames of one driver's clip, evenly spread, with the face in each.

    Raises FaceUnusable where there are too few, SourceUnavailable, and what ``report`` raises.
    """
    length = min(clip.seconds or _LIMIT, _LIMIT)
    tracker, found = Tracker(max_faces=1), []
    for picture, now in _spread(clip.pictures, length / _FRAMES):
        if now > _LIMIT:
            break
        report(min(now / length, 1), clip.task or f"looking at {clip.name}")
        image = shrink(picture, _LONGEST)
        found += [(image, face) for face in tracker.update(image, now).faces]
    if len(found) < FEWEST:
        advice = "sit in front of it alone, in light" if clip.task else "give a clip of a minute"
        raise FaceUnusable(
            f"{clip.name} shows a face in {len(found)} of the frames that were looked at and {FEWEST} are "
            f"needed; {advice}, talk and look around"
        )
    return {clip.name: found}


def everybody(report: Report) -> Drivers:
    """Return everybody who ships, moving as the demo driver does; what ``report`` raises gives it up."""
    from visard.models.animate.puppet.animator import PuppetAnimation

    with VideoReader(CLIP) as reader:
        apart = (reader.length or 240) / reader.format.fps / _DEMO_FRAMES
        demo = _faces(_spread(reader, apart))
    people = {}
    names = sorted(folder.name for folder in SHIPPED.iterdir())
    for number, name in enumerate(names):
        report(number / len(names), "asking others to sit for it")
        if name == PERSON:
            people[name] = demo
        else:
            puppet = PuppetAnimation(examine(SHIPPED / name / PICTURE))
            pictures = (shrink(puppet(face), _LONGEST).copy() for _, face in demo)
            people[name] = _faces((picture, k * apart) for k, picture in enumerate(pictures))
    return people


def _faces(pictures: Timed) -> list[tuple[Image, Face]]:
    tracker = Tracker(max_faces=1)
    return [(image, face) for image, now in pictures for face in tracker.update(image, now).faces]


def _spread(pictures: Timed, apart: float) -> Iterator[tuple[Image, float]]:
    due = 0.0
    for image, now in pictures:
        if now >= due:
            due = now + apart
            yield image.copy(), now


def kept(pictures: Timed, path: Path) -> Timed:
    """Yield what comes, and write all of it into a clip that only this user can read. Raises SinkError."""
    with ExitStack() as end:
        writer: VideoWriter | None = None
        for image, now in pictures:
            if writer is None:
                height, width = image.shape[:2]
                writer = end.enter_context(VideoWriter(path, Format(width, height, 30)))
            writer.write(image, now)
            yield image, now
    path.chmod(0o600)


def camera(spec: str) -> Timed:
    """Yield what a camera sees that no daemon has, for a minute. Raises SourceError without one."""
    selector = SourceSelector(paths.data() / "last-camera")
    source = selector.open(spec, None)
    try:
        if selector.demo or selector.name == "demo":
            raise SourceUnavailable("there is no camera, only the demo driver; plug one in, or give a clip")
        begin = time.monotonic()
        while (now := time.monotonic() - begin) < MINUTE:
            yield source.read(), now
    finally:
        source.close()
