"""Tuning a persona: whose frames it is tuned on, and what is kept of it.

Without a driver of its own it is tuned on everybody who ships: the demo driver, and the other personas, whom
the puppet moves as the demo driver moves.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from visard.daemon.config import paths
from visard.daemon.errors import FaceUnusable, PersonaError, SourceUnavailable
from visard.daemon.media.video import VideoReader, VideoWriter
from visard.daemon.personas.entries import SHIPPED
from visard.daemon.personas.record import PICTURE, Persona
from visard.daemon.sources._select import SourceSelector
from visard.daemon.sources.demo import CLIP, PERSON
from visard.engines.errors import EngineError
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
_MINUTE = 60.0
"""Seconds of a camera that are recorded."""
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


def tune(persona: Persona, drivers: Drivers, report: Report, *, minutes: float | None = None) -> "Outcome":
    """Search for a correction of a persona's swap on other people's frames, for so many minutes at most.

    Raises PersonaError, PortraitError, EngineError without PyTorch, and what ``report`` raises to give it up.
    """
    check(persona)
    from visard.models.train.tune.fit import Settings
    from visard.models.train.tune.tuner import tune

    portraits = [examine(photo) for photo in persona.photos]
    others = {name: frames for name, frames in drivers.items() if name != persona.name}
    settings = Settings() if minutes is None else Settings(seconds=60 * minutes * _SHARE_LEARNING)
    return tune(portraits, others, report, settings)


def check(persona: Persona) -> None:
    """Raise PersonaError or EngineError where a persona cannot be tuned here."""
    if find_spec("torch") is None:
        raise EngineError("tuning needs PyTorch: pip install 'visard[train]'")
    if not persona.photos:
        raise PersonaError(f"{persona.name} has no photo; only what is made of photos can be tuned")


def followed(clip: Driver, report: Report) -> Drivers:
    """Return frames of one driver's clip, evenly spread, with the face in each.

    Raises FaceUnusable where there are too few, SourceUnavailable, and what ``report`` raises.
    """
    length = min(clip.seconds or _LIMIT, _LIMIT)
    tracker, found = Tracker(max_faces=1), []
    for picture, now in _spread(clip.pictures, length / _FRAMES):
        if now > _LIMIT:
            break
        report(min(now / length, 1), f"looking at {clip.name}")
        image = shrink(picture, _LONGEST)
        found += [(image, face) for face in tracker.update(image, now).faces]
    if len(found) < FEWEST:
        raise FaceUnusable(
            f"{clip.name} shows a face in {len(found)} of the frames that were looked at and {FEWEST} are "
            "needed; give a clip of a minute in which you talk and look around"
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


def record(camera: str, path: Path, report: Report) -> None:
    """Write a minute of a camera that no daemon has. Raises SourceError without one, and SinkError."""
    selector = SourceSelector(paths.data() / "last-camera")
    source = selector.open(camera, None)
    try:
        if selector.demo or selector.name == "demo":
            raise SourceUnavailable("there is no camera, only the demo driver; plug one in, or give a clip")
        with VideoWriter(path, source.format) as writer:
            begin = time.monotonic()
            while (now := time.monotonic() - begin) < _MINUTE:
                report(now / _MINUTE, f"talk and look around, {_MINUTE - now:.0f} s left")
                writer.write(source.read(), now)
    finally:
        source.close()
