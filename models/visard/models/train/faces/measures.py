"""What is measured of an aligned face: blur, light, and a perceptual hash."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.photo.measures import softness
from visard.models.swap.dfm.options import FaceType
from visard.models.train.faces.alignment import FACE_CROPS
from visard.models.train.faces.point_layout import Points, layout, outline

_MEAN_FACE = 144
"""Pixels that the mean face's square has where blur is measured, as on the texture plane of photos."""
HASH_SIDE = 16
HASH_BYTES = HASH_SIDE**2 // 8

Hash = npt.NDArray[np.uint8]
"""uint8 [32]"""


@dataclass(frozen=True, slots=True)
class Measures:
    """How a picture shows a face, in the words of ``FaceRecord``."""

    blur: float
    brightness: float
    side_light: float
    fingerprint: Hash


def measured_side(face_type: FaceType) -> int:
    """Return how many pixels a side a picture has when it is measured, whatever it is kept with."""
    return round(_MEAN_FACE * FACE_CROPS[face_type][0])


def measure(picture: Image, points: Points, face_type: FaceType) -> Measures:
    """Measure a square picture, BGR; ``points`` are its landmarks, 478 or 68."""
    side = measured_side(face_type)
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    finer = cv2.INTER_AREA if side < grey.shape[0] else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(grey, (side, side), interpolation=finer), np.float32)
    points = points[:, :2] * np.float32(side / picture.shape[0])
    where = np.asarray(layout(points).feature_area(points, side, 5) > 0, np.bool_)
    return Measures(softness(small, where), *_light(small, points), fingerprint(grey))


def _light(grey: npt.NDArray[np.float32], points: Points) -> tuple[float, float]:
    """Return the mean luma, 0..1, and how much lighter the left half is, natural logarithm."""
    inside = outline(points, grey.shape[0]) > 127
    top, chin = points[list(layout(points).axis)]
    y, x = np.nonzero(inside)
    if not len(x):
        return 0.0, 0.0
    left = (chin[0] - top[0]) * (y - top[1]) - (chin[1] - top[1]) * (x - top[0]) > 0
    luma = grey[inside] + 8  # so that noise in the dark says little
    sides = [float(luma[side].mean()) if side.any() else float(luma.mean()) for side in (left, ~left)]
    return float(grey[inside].mean()) / 255, float(np.log(sides[0] / sides[1]))


def fingerprint(grey: npt.NDArray[np.uint8]) -> Hash:
    """Return where a small copy grows lighter to the right: alike for pictures that look alike."""
    size = HASH_SIDE + 1, HASH_SIDE
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.int16)
    return np.packbits(np.diff(small, axis=1) > 0)


def bits_apart(one: Hash, others: Hash) -> npt.NDArray[np.int64]:
    """Return how many of the 256 bits differ, for each of ``others``, uint8 [n, 32]."""
    return np.asarray(np.bitwise_count(others ^ one).sum(-1, dtype=np.int64))
