"""What is in front of a face is not painted over: at most a tenth of it, in any frame."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import occluded
import pytest
from people import driver

from visard.daemon.config.settings import Mode
from visard.daemon.media.frame import Format, Frame
from visard.daemon.media.video import open_film
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import prepare
from visard.daemon.pipeline.compositor import Compositor
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import Stats
from visard.models.face import Face, Image
from visard.models.geometry.canonical import OVAL
from visard.models.track.tracker import Tracker

pytestmark = pytest.mark.slow

Mask = np.ndarray
LARGE = 150
"""Pixels of a thing that is worth looking at."""
SETTLED = 3
"""Frames after which a thing that a clip begins with must be known."""


def swapped(frames: Iterator[Image]) -> Iterator[tuple[Image, Face, Image]]:
    """Yield each frame in which a face was swapped: before, the face, after."""
    recipe, tracker = Recipe(prepare(Library().resolve("walter"), Mode.swap)), Tracker()
    compositor: Compositor | None = None
    for number, image in enumerate(frames):
        height, width = image.shape[:2]
        compositor = compositor or Compositor(Format(width, height, 30, live=False), Stats())
        sighting = tracker.update(image, number / 30)
        frame = Frame(number, number / 30, image.copy())
        made = compositor(frame, sighting, recipe, Switches(), number / 30)
        if made.look is not None and made.look.swapped:
            yield image, sighting.faces[0], made.picture


@pytest.mark.parametrize("thing", [*occluded.THINGS, *occluded.SMALL])
def test_drawn_things_stay_in_front(home: Path, thing: str) -> None:
    drawn = [occluded.put(thing, picture, face) for picture, face in driver(2)]
    truths = {picture.tobytes(): truth for picture, truth in drawn}
    shares = [
        occluded.painted(before, after, _within(truths[before.tobytes()], face))
        for before, face, after in swapped(picture for picture, _ in drawn)
    ]
    assert len(shares) > 0.9 * len(drawn)
    assert max(shares[SETTLED:]) <= 0.1


def _within(truth: Mask, face: Face) -> Mask:
    """The part of a thing that is before the face, where a swap could paint."""
    oval = np.zeros(truth.shape, np.uint8)
    cv2.fillPoly(oval, [np.round(face.landmarks[OVAL, :2]).astype(np.int32)], 255)
    return np.asarray(cv2.bitwise_and(oval, truth))


def _red(image: Image, _face: Face) -> Mask:
    blue, green, red = (image[..., channel].astype(int) for channel in range(3))
    return (red > 1.8 * green) & (red > 1.8 * blue)


def _blue(image: Image, _face: Face) -> Mask:
    return image[..., 0].astype(int) > image[..., 2].astype(int) + 15


def _dark_before_the_mouth(image: Image, face: Face) -> Mask:
    dark = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) < 75).astype(np.uint8)
    _, pieces, boxes, _ = cv2.connectedComponentsWithStats(cv2.erode(dark, np.ones((3, 3), np.uint8)))
    low = int(face.landmarks[13, 1])
    near = np.unique(pieces[low : low + round(0.3 * face.size)])
    largest = max((piece for piece in near if piece), key=lambda piece: boxes[piece, cv2.CC_STAT_AREA])
    return pieces == largest


@pytest.mark.parametrize(
    ("clip", "thing"),
    [("red_cap", _red), ("medical_mask", _blue), ("microphone", _dark_before_the_mouth)],
)
def test_things_in_clips_stay_in_front(
    shared: Path, home: Path, clip: str, thing: Callable[[Image, Face], Mask]
) -> None:
    shares = []
    with open_film(shared / "data/hard" / f"{clip}.mp4") as film:
        for before, face, after in swapped(image for image, _ in film):
            truth = np.where(thing(before, face), 255, 0).astype(np.uint8)
            truth = _within(cv2.erode(truth, np.ones((3, 3), np.uint8)), face)
            if np.count_nonzero(truth) > LARGE:
                shares.append(occluded.painted(before, after, truth))
    assert len(shares) > 60
    assert max(shares[SETTLED:]) <= 0.1
