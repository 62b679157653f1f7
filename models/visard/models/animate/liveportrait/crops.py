"""Where the network looks: turned squares around faces, and how its picture is put back into the portrait."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models import align
from visard.models.animate._paste import PasteBack
from visard.models.animate._squares import SIDE, Square
from visard.models.animate.liveportrait.options import LivePortraitOptions, Output
from visard.models.face import MOUTH_LEFT, MOUTH_RIGHT, Face, Image, Landmarks
from visard.models.geometry.canonical import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_RING_LEFT,
    EYE_RING_RIGHT,
    LIPS_OUTER,
    OVAL,
)
from visard.models.portrait import Portrait

LARGE = 512
"""Side of the portrait's crop, pixels."""
_RIM = 16
"""Over so many pixels of the crop its edge fades into the portrait."""
_FOREHEAD = 7
"""Points of the oval on either side of its top that are above the brows."""
_FACE = [
    *OVAL[_FOREHEAD : 1 - _FOREHEAD],
    *BROW_LEFT,
    *BROW_RIGHT,
    *EYE_RING_LEFT,
    *EYE_RING_RIGHT,
    *LIPS_OUTER,
]
"""Landmarks that crops are measured by: from the brows to the chin, as in training."""

Points = npt.NDArray[np.float32]
"""[n, 2], pixels."""
Matrix = npt.NDArray[np.float32]
"""Affine, [2, 3]."""


@dataclass(frozen=True, slots=True)
class Upright:
    """A square around a face, turned with it."""

    x: float
    """Of its middle, pixels."""
    y: float
    side: float
    """Pixels."""
    angle: float
    """By which the face is turned clockwise, radians."""

    @classmethod
    def around(cls, points: Points, eyes: Points, lips: Points, scale: float, down: float) -> "Upright":
        """Return it around landmarks, ``scale`` times as large, moved ``down`` along the face in its sides.

        ``eyes`` and ``lips`` are their middles, [2].
        """
        axis = np.asarray(lips - eyes, float)
        length = float(np.linalg.norm(axis))
        y = axis / length if length > 1e-3 else np.array([0.0, 1.0])
        x = np.array([y[1], -y[0]])
        along = points.astype(float) @ np.stack([x, y], 1)
        low, high = along.min(0), along.max(0)
        side = scale * float((high - low).max())
        across, depth = (low + high) / 2
        middle = across * x + (depth + down * side) * y
        return cls(float(middle[0]), float(middle[1]), side, float(np.arctan2(x[1], x[0])))

    @classmethod
    def of(cls, landmarks: Landmarks, scale: float, down: float) -> "Upright":
        """Return it around a face."""
        flat = landmarks[:, :2]
        eyes = (flat[EYE_RING_LEFT].mean(0) + flat[EYE_RING_RIGHT].mean(0)) / 2
        return cls.around(flat[_FACE], eyes, flat[[MOUTH_LEFT, MOUTH_RIGHT]].mean(0), scale, down)

    def matrix(self, size: int, *, turned: bool = True) -> Matrix:
        """Return the map from the picture to a crop of so many pixels; not ``turned``, it stays level."""
        factor = size / self.side
        angle = self.angle if turned else 0.0
        cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
        linear = np.array([[cosine, sine], [-sine, cosine]])
        moved = size / 2 - linear @ (self.x, self.y)
        return np.asarray(np.column_stack([linear, moved]), np.float32)


def cut(picture: Image, matrix: Matrix) -> Image:
    """Return a crop, uint8 [LARGE, LARGE, 3], black outside the picture."""
    return align.crop(picture, np.asarray(matrix, np.float64), LARGE)


def reduced(crop: Image) -> Image:
    """Return a crop as the network takes it, uint8 [1, SIDE, SIDE, 3]."""
    return np.asarray(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)[None]


def driver_square(driver: Face, options: LivePortraitOptions) -> Square:
    """Return what drives when this face becomes the reference; it is level, so that a tilt is seen."""
    found = Upright.of(driver.landmarks, options.driving_scale, options.driving_vy)
    return Square(found.x, found.y, found.side)


def driver_crop(picture: Image, square: Square) -> Image:
    """Return the driver as the network sees it."""
    return reduced(cut(picture, Upright(square.x, square.y, square.side, 0.0).matrix(LARGE)))


def paste_mask() -> npt.NDArray[np.uint8]:
    """Return how much of a crop shows in the portrait, [LARGE, LARGE]: all but its rim."""
    place = np.arange(LARGE)
    away = np.maximum(np.maximum(_RIM - place, place - (LARGE - _RIM)), 0)
    distance = np.hypot(away[:, None], away[None])
    return np.floor(255 * np.clip(1 - distance / _RIM, 0, 1)).astype(np.uint8)


class PortraitView:
    """The portrait, and the part of it that moves."""

    def __init__(self, portrait: Portrait, options: LivePortraitOptions) -> None:
        square = Upright.of(portrait.face.landmarks, options.source_scale, options.source_vy)
        matrix = square.matrix(LARGE, turned=options.source_rotate)
        self._whole = options.output is Output.paste_back
        self.crop = reduced(cut(portrait.image, matrix))
        self._shown = portrait.image.copy()
        back = cv2.invertAffineTransform(matrix)
        height, width = portrait.image.shape[:2]
        self.size = (width, height) if self._whole else (LARGE, LARGE)
        corners = np.array([[0, 0, 1], [LARGE, 0, 1], [0, LARGE, 1], [LARGE, LARGE, 1]]) @ back.T
        low = np.clip(np.floor(corners.min(0)), 0, (width - 1, height - 1)).astype(int)
        high = np.clip(np.ceil(corners.max(0)) + 1, low + 1, (width, height)).astype(int)
        self._area = np.s_[low[1] : high[1], low[0] : high[0]]
        self._back = np.asarray(back - np.array([[0, 0, low[0]], [0, 0, low[1]]]), np.float64)
        self._size = int(high[0] - low[0]), int(high[1] - low[1])
        mask = cv2.warpAffine(paste_mask(), self._back, self._size, flags=cv2.INTER_LINEAR)
        self._paste = PasteBack(portrait.image[self._area], np.asarray(mask, np.uint8))

    def show(self, crop: Image) -> Image:
        """Return what is shown with the moved crop, uint8 [LARGE, LARGE, 3]; the array is reused."""
        if not self._whole:
            return crop
        self._paste(align.warp(crop, self._back, self._size), self._shown[self._area])
        return self._shown
