"""Whether a correction is taken: swaps that were not fitted, made with and without it, and measured.

The recogniser that was trained on is not believed alone: expression, stillness and the shape that the
landmark network sees have a say, and each can refuse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Face, Image
from visard.models.five_points import FIVE_POINTS
from visard.models.geometry.expression import neutral
from visard.models.geometry.mismatch import mismatch
from visard.models.portrait import Portrait
from visard.models.swap.mesh.swapper import MeshSwap
from visard.models.swap.mesh.texture import Texture
from visard.models.track.recogniser import Embedding, Recogniser
from visard.models.track.tracker import Tracker
from visard.models.train.tune.views import Frame, blended

Floats = npt.NDArray[np.float32]

GAIN = 0.02
"""Likeness to the persona that has to be won: less is not worth a change."""
_DRIVER, _EXPRESSION, _STILL, _SHAPE = 0.005, 0.015, 0.02, 0.1
"""How much worse the rest may become: likeness to the driver, expression, jitter, and the share of shape.

Seventy frames tell a correlation of expression to 0.01 at best.
"""
_FPS = 30
_MOVING = 0.03
"""Standard deviation from which an expression coefficient counts as moving."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over swapped frames."""

    persona: float
    """Cosine to the photos, SFace."""
    driver: float
    """Cosine to the driver in the same frame, SFace."""
    expression: float
    """Correlation of the moving expression coefficients with the driver's."""
    jitter: float
    """Acceleration of eyes, nose and mouth more than the driver's, per cent of the eyes' distance."""
    unsure: float
    """Its standard error: frames are far apart here, so that jitter is little of the motion that there is."""
    shape: float
    """How far the shape that is seen is from the persona's; 0 is equal, about 0.1 is good."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a correction changes, and why it is not taken, where it is not."""

    before: Scores
    after: Scores
    refused: str | None = None


def judged(before: Scores, after: Scores) -> Verdict:
    """Compare swaps with a correction to those without."""
    reasons = (
        (after.persona - before.persona < GAIN, "the persona is not seen better with it"),
        (after.driver - before.driver > _DRIVER, "more of the driver is seen with it"),
        (before.expression - after.expression > _EXPRESSION, "the driver's expression is followed less well"),
        (after.jitter - before.jitter > _STILL + after.unsure, "the face trembles more"),
        (after.shape > (1 + _SHAPE) * before.shape + 0.002, "the face's shape is further from the persona's"),
    )
    return Verdict(before, after, next((reason for wrong, reason in reasons if wrong), None))


def mean(scores: Sequence[Scores]) -> Scores:
    """Return the mean of several drivers' scores."""
    rows = np.array([astuple(each) for each in scores])
    unsure = np.sqrt(np.mean([each.unsure**2 for each in scores]) / len(scores))
    return replace(Scores(*map(float, rows.mean(0))), unsure=float(unsure))


def swaps(texture: Texture, frames: Sequence[Frame]) -> Iterator[Image]:
    """Yield what a persona makes of one driver's frames."""
    swap = MeshSwap(texture)
    for image, face in frames:
        yield blended(image, swap(image, face))[0]


class Judge:
    """Measures swaps of one persona."""

    def __init__(self, portraits: Sequence[Portrait], texture: Texture) -> None:
        self._recogniser = Recogniser()
        self._texture = texture
        known = np.mean([self._recogniser(p.image, p.face.landmarks) for p in portraits], axis=0)
        self._persona: Embedding = known / np.linalg.norm(known)

    def __call__(self, texture: Texture, frames: Sequence[Frame]) -> Scores:
        """Swap one driver's frames in earnest and look at them; 50 ms a frame."""
        tracker, rows, seen = Tracker(max_faces=1), [], []
        for number, ((image, driver), swapped) in enumerate(zip(frames, swaps(texture, frames), strict=True)):
            face = next(iter(tracker.update(swapped, number / _FPS).faces), None)
            if face is not None:
                rows.append(self._row(image, driver, swapped, face))
                seen.append((driver, face))
        if len(rows) < len(frames) / 2:
            return Scores(-1, 1, -1, 100, 0, 100)  # nobody is to be seen
        persona, unlike, shape = np.mean(rows, axis=0)
        return Scores(float(persona), float(unlike), _expression(seen), *_jitter(seen), float(shape))

    def _row(self, image: Image, driver: Face, swapped: Image, face: Face) -> tuple[float, float, float]:
        now = self._recogniser(swapped, face.landmarks)
        before = self._recogniser(image, driver.landmarks)
        unlike = mismatch(neutral(face), self._texture.shape)
        return float(now @ self._persona), float(now @ before), unlike


def _expression(seen: Sequence[tuple[Face, Face]]) -> float:
    drivers, swapped = (np.array([pair[k].blendshapes for pair in seen]) for k in (0, 1))
    moving = (drivers.std(0) > _MOVING) & (swapped.std(0) > 1e-6)
    if not moving.any():
        return 1.0
    pairs = zip(drivers.T[moving], swapped.T[moving], strict=True)
    return float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs]))


def _jitter(seen: Sequence[tuple[Face, Face]]) -> tuple[float, float]:
    """How much more a swapped face accelerates than the driver's, and how unsure that is."""
    if len(seen) < 4:
        return 0.0, 0.0
    eyes = np.array([driver.landmarks[FIVE_POINTS[:2], :2] for driver, _ in seen])
    scale = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
    driver, swapped = (_acceleration([pair[k] for pair in seen], scale) for k in (0, 1))
    more = 100 * (swapped - driver)
    return float(more.mean()), float(more.std() / np.sqrt(len(more)))


def _acceleration(faces: Sequence[Face], scale: Floats) -> Floats:
    """Mean over the five points, for all frames but two, in units of ``scale``."""
    points = np.array([(face.landmarks if face.raw is None else face.raw)[FIVE_POINTS, :2] for face in faces])
    second = np.diff(points / scale[:, None, None], n=2, axis=0)
    return np.asarray(np.abs(second).mean((1, 2)), np.float32)


def sheet(photo: Image, frames: Sequence[Frame], before: Sequence[Image], after: Sequence[Image]) -> Image:
    """Return a picture: the photo, then for each frame driver, before and after below each other."""
    side = 224
    columns = []
    for (image, face), *swapped in zip(frames, before, after, strict=True):
        columns.append(np.vstack([_around(picture, face, side) for picture in (image, *swapped)]))
    scale = 3 * side / photo.shape[0]
    shown = cv2.resize(photo, (round(photo.shape[1] * scale), 3 * side), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.hstack([shown, *columns]))


def _around(picture: Image, face: Face, side: int) -> Image:
    (x, y), half = face.centre, 0.75 * face.size
    scale = side / (2 * half)
    matrix = np.array([[scale, 0, -scale * (x - half)], [0, scale, -scale * (y - half)]])
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_AREA), np.uint8)
