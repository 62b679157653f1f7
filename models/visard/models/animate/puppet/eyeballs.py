"""An eye below the lids: the white, and an iris that can look around."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.animate.puppet.layer import SheetLayer, patch_around, polygon, resample
from visard.models.animate.puppet.matte import fill
from visard.models.face import Image, Landmarks
from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Eye:
    """Which landmarks an eye is made of; upper and lower lid points stand over each other."""

    ring: tuple[int, ...]
    iris: int

    @property
    def corners(self) -> tuple[int, int]:
        """Outer and inner corner."""
        return self.ring[0], self.ring[8]

    @property
    def upper(self) -> list[int]:
        """Upper lid without the corners, from the outer side."""
        return list(self.ring[1:8])

    @property
    def lower(self) -> list[int]:
        """Lower lid without the corners, from the outer side."""
        return list(self.ring[:8:-1])

    def openness(self, shape: Landmarks) -> float:
        """Mean gap of the lids in the middle over the eye's width."""
        gap = np.linalg.norm(shape[self.upper[2:5], :2] - shape[self.lower[2:5], :2], axis=1).mean()
        return float(gap / max(self.width(shape), 1e-6))

    def width(self, shape: Landmarks) -> float:
        """Distance of the corners."""
        outer, inner = self.corners
        return float(np.linalg.norm(shape[outer, :2] - shape[inner, :2]))

    def gaze(self, shape: Landmarks) -> Floats:
        """Where the iris is, from the middle of the corners, over the eye's width: float32 [2]."""
        middle = shape[list(self.corners), :2].mean(0)
        return np.asarray((shape[self.iris, :2] - middle) / max(self.width(shape), 1e-6), np.float32)


EYES = (Eye(tuple(EYE_RING_LEFT), 468), Eye(tuple(EYE_RING_RIGHT), 473))


class Eyeball:
    """The picture of one eye without lids."""

    def __init__(self, image: Image, points: Landmarks, eye: Eye) -> None:
        ring = points[list(eye.ring), :2]
        centre = points[eye.iris, :2]
        rim = points[eye.iris + 1 : eye.iris + 5, :2]
        self._radius = float(np.linalg.norm(rim - centre, axis=1).mean()) * 1.05
        self._eye = eye
        box = patch_around(ring, 0.5, image.shape)
        patch = image[box.rows, box.columns].astype(np.float32)
        open_part = polygon(patch.shape, ring - box.corner, shrink=max(1.0, eye.width(points) / 30))
        y, x = np.mgrid[: patch.shape[0], : patch.shape[1]].astype(np.float32)
        dx, dy = x - (centre[0] - box.left), y - (centre[1] - box.top)
        away = np.hypot(dx, dy) / self._radius
        white = open_part * (away > 1.12)
        self._white = SheetLayer(box, fill(patch, white))
        soft = np.clip((1.06 - away) * self._radius / 1.5 + 0.5, 0, 1)
        self._iris = SheetLayer(box, _whole_iris(patch, open_part, away, dy), soft)

    def draw(self, out: Image, ring: Floats, plane: Floats, look: Floats) -> None:
        """Draw between the lids ``ring`` [16, 2]; ``plane`` maps the portrait's pixels to the picture's.

        ``look`` moves the iris, [2] in picture pixels.
        """
        place = patch_around(ring, 0.0, out.shape, margin=4)
        if place.empty:
            return
        seen = self._white.warp(plane, place)
        moved = plane.copy()
        moved[:, 2] += look
        self._iris.over(seen, moved, place)
        hole = cv2.GaussianBlur(polygon(place.shape, ring - place.corner), (0, 0), 0.8)
        lid = ring.copy()
        lid[:9, 1] += 0.1 * np.linalg.norm(ring[0] - ring[8])  # what the upper lid leaves in the light
        light = cv2.GaussianBlur(polygon(place.shape, lid - place.corner), (0, 0), 1.5)
        seen *= (0.72 + 0.28 * light)[..., None]
        target = out[place.rows, place.columns]
        target[:] = target + (seen - target) * hole[..., None]


def _whole_iris(patch: Floats, seen: Floats, away: Floats, dy: Floats) -> Floats:
    """The iris with what the lids hide taken from the other side, or from around."""
    height, width = seen.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    flip = np.dstack([x, y - 2 * dy])
    flipped, lit = resample(patch, flip), resample(seen, flip)
    disc = (away < 1.1).astype(np.float32)
    own = seen * disc
    both = np.maximum(own, lit * disc * 0.999)
    mixed = patch * own[..., None] + flipped * ((1 - own) * lit * disc)[..., None]
    mixed = mixed / np.maximum(own + (1 - own) * lit * disc, 1e-3)[..., None]
    return fill(np.asarray(mixed, np.float32), np.asarray(both, np.float32))
