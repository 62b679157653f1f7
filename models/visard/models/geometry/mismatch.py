"""How unlike the shapes of two faces are, as Avatarify scores a reference."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Landmarks

_POINTS = 68
"""Landmarks that Avatarify sums over; ours are more, so their mean counts that often."""


def mismatch(one: Landmarks, other: Landmarks) -> float:
    """Return the sum of squares between landmarks: 0 is equal, about 0.1 is good, wherever they are."""
    apart = _normalised(one) - _normalised(other)
    return float((apart**2).sum(1).mean() * _POINTS)


def _normalised(landmarks: Landmarks) -> npt.NDArray[np.float32]:
    """Landmarks about their mean, over the square root of their hull's area."""
    flat = landmarks[:, :2] - landmarks[:, :2].mean(0)
    return np.asarray(flat / np.sqrt(cv2.contourArea(cv2.convexHull(flat))), np.float32)
