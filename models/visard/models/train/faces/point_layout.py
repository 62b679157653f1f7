"""Which landmarks are the outline, the features and the axis of a face: MediaPipe's 478, and the usual 68."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.geometry.canonical import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_RING_LEFT,
    EYE_RING_RIGHT,
    LIPS_OUTER,
    OVAL,
)
from visard.models.geometry.pose import canonical_upright

Points = npt.NDArray[np.float32]
"""float32 [478 or 68, 2], pixels of an aligned picture."""
Mask = npt.NDArray[np.uint8]

_RIGID_68 = {27: 168, 28: 197, 29: 5, 30: 4, 31: 98, 33: 2, 35: 327, 36: 33, 39: 133, 42: 362, 45: 263}
"""Of the 68 points those that expressions move little, and the canonical mesh's at the same places."""
_BROW_RISE = 0.5
"""How far above the brows the outline of 68 points goes, in distances of the brows from the eyes."""


@dataclass(frozen=True, slots=True)
class PointLayout:
    """Indices into landmarks."""

    features: tuple[tuple[int, ...], ...]
    """Rings around eyes, lips and brows."""
    axis: tuple[int, int]
    """A point at the top of the nose or forehead, and the chin."""

    def feature_area(self, points: Points, side: int, grow: int) -> Mask:
        """Return 255 on eyes, lips and brows, grown by so many pixels, in a square of ``side`` pixels."""
        area = np.zeros((side, side), np.uint8)
        for ring in self.features:
            hull = cv2.convexHull(np.round(points[list(ring)] * 16).astype(np.int32))
            cv2.fillConvexPoly(area, hull, 255, shift=4)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
        return np.asarray(cv2.dilate(area, disc), np.uint8)


_MEDIAPIPE = PointLayout(
    tuple(map(tuple, (EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER, BROW_LEFT, BROW_RIGHT))), (10, 152)
)
_DLIB = PointLayout(
    tuple(map(tuple, (range(36, 42), range(42, 48), range(48, 60), range(17, 22), range(22, 27)))), (27, 8)
)


def layout(points: Points) -> PointLayout:
    """Return the layout of so many points."""
    return _DLIB if len(points) == 68 else _MEDIAPIPE


def outline(points: Points, side: int) -> Mask:
    """Return 255 inside the outline of a face and 0 elsewhere, uint8 [side, side]."""
    area = np.zeros((side, side), np.uint8)
    ring = _hull_68(points) if len(points) == 68 else points[OVAL]
    cv2.fillPoly(area, [np.round(ring * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return area


def _hull_68(points: Points) -> Points:
    """Return the hull of 68 points and of the lower forehead, which has none."""
    eyes = np.repeat([points[36:42].mean(0), points[42:48].mean(0)], 5, axis=0)
    raised = points[17:27] + _BROW_RISE * (points[17:27] - eyes)
    return np.asarray(cv2.convexHull(np.concatenate([points, raised]).astype(np.float32))[:, 0], np.float32)


def pose_of_68(points: Points) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees, as ``Pose`` has them, of 68 points without depth.

    By the affine camera that fits best, whose rows are two axes of the head's rotation.
    """
    theirs, ours = _rigid()
    solid = np.column_stack([ours, np.ones(len(ours))])
    across, down = np.linalg.lstsq(solid, points[theirs].astype(np.float64), rcond=None)[0].T[:, :3]
    u, _, vt = np.linalg.svd(np.stack([across, down]), full_matrices=False)
    x, y = u @ vt
    forward = -np.array([x[2], y[2], np.cross(x, y)[2]])
    yaw = np.degrees(np.arctan2(forward[0], -forward[2]))
    pitch = np.degrees(np.arctan2(forward[1], np.hypot(forward[0], forward[2])))
    return float(yaw), float(pitch), float(np.degrees(np.arctan2(y[0], x[0])))


@cache
def _rigid() -> tuple[list[int], npt.NDArray[np.float64]]:
    return list(_RIGID_68), canonical_upright()[list(_RIGID_68.values())].astype(np.float64)
