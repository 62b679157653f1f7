"""Host: how pictures that came out of the guest are judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from vm.pattern import Image

from visard.models.track.tracker import Tracker


def read(path: Path) -> Image:
    """Return a picture that the guest left; fails when there is none."""
    picture = cv2.imread(str(path))
    assert picture is not None, f"nobody brought {path.name} home"
    return picture.astype(np.uint8)


def difference(a: Image, b: Image) -> float:
    """Return the mean difference of two pictures of one size, 0..255."""
    assert a.shape == b.shape
    return float(cv2.norm(a, b, cv2.NORM_L1)) / a.size


def has_face(picture: Image) -> bool:
    """Whether a face can be found."""
    return bool(Tracker(1).update(picture, 0.0).faces)


def middle_of_the_face(picture: Image) -> tuple[slice, slice]:
    """Return the rows and columns of the inner face of the one person there is."""
    (face,) = Tracker(1).update(picture, 0.0).faces
    (x, y), half = face.centre, int(face.size / 4)
    return slice(int(y) - half, int(y) + half), slice(int(x) - half, int(x) + half)


@dataclass(frozen=True)
class Pair:
    """A frame of the driver, and what must go out instead of it."""

    driver: Image
    swapped: Image


@dataclass(frozen=True)
class Match:
    """How far a picture's inner face is from the driver's and the persona's in the same frame, 0..255."""

    driver: float
    persona: float
    scene: float
    """Difference of the whole picture to what must go out."""


def pairs(persona: str, width: int, height: int) -> Iterator[Pair]:
    """Yield the demo clip with the faces that a persona gives it."""
    from visard.daemon.config.settings import Mode, Settings
    from visard.daemon.media.letterbox import letterbox
    from visard.daemon.personas.library import Library
    from visard.daemon.personas.prepare import prepare
    from visard.daemon.pipeline.blend import Blender
    from visard.daemon.sources.demo import CLIP

    prepared = prepare(Library().get(persona), Mode.swap).prepared
    tracker, blend = Tracker(4), Blender()
    reader, number = cv2.VideoCapture(str(CLIP)), 0
    while (image := reader.read()[1]) is not None:
        driver = letterbox(image.astype(np.uint8), width, height)
        swapped = driver.copy()
        faces = tracker.update(driver, number / 30).faces
        for face, patch in zip(faces, prepared.submit(swapped, faces).result(600), strict=True):
            blend(swapped, patch, face, Settings())
        yield Pair(driver, swapped)
        number += 1
    reader.release()


def match(picture: Image, demo: list[Pair]) -> Match:
    """Find the moment of the demo that a picture shows, and compare the faces."""
    height, width = demo[0].driver.shape[:2]
    seen = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    pair = min(demo, key=lambda one: difference(seen, one.swapped))
    face = middle_of_the_face(pair.swapped)
    return Match(
        driver=difference(seen[face], pair.driver[face]),
        persona=difference(seen[face], pair.swapped[face]),
        scene=difference(seen, pair.swapped),
    )
