"""Head pose and the shape of a face without it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from visard.models.face import Landmarks
from visard.models.geometry.canonical import canonical

Floats = npt.NDArray[np.float32]

RIGID = [1, 2, 4, 5, 6, 8, 9, 10, 19, 94, 168, 195, 197, 33, 133, 263, 362, 127, 356, 234, 454, 67, 297, 109,
         338, 98, 327, 93, 323, 21, 251, 54, 284, 103, 332, 151, 108, 337, 122, 351]  # fmt: skip
"""Points that expressions move little: nose, forehead, eye corners, temples."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Similarity from the upright frame to the picture: ``picture = scale * rotation @ upright + shift``.

    The upright frame has x right, y down, z away from the viewer and the canonical head's centimetres.
    """

    scale: float
    """Pixels per centimetre."""
    rotation: Floats
    """float32 [3, 3]"""
    shift: Floats
    """float32 [3], pixels"""

    def upright(self, landmarks: Landmarks) -> Landmarks:
        """Take the pose away: landmarks in pixels to the upright frame in centimetres."""
        return np.asarray(((landmarks - self.shift) / self.scale) @ self.rotation, np.float32)

    def picture(self, upright: Landmarks) -> Landmarks:
        """Put the pose back: upright centimetres to pixels."""
        return np.asarray(self.scale * (upright @ self.rotation.T) + self.shift, np.float32)

    def turn(self, vectors: Landmarks) -> Landmarks:
        """Displacements in upright centimetres to pixels."""
        return np.asarray(self.scale * (vectors @ self.rotation.T), np.float32)

    @property
    def degrees(self) -> tuple[float, float, float]:
        """Yaw (positive: to the picture's right), pitch (positive: down), roll (positive: clockwise)."""
        forward = self.rotation @ np.array([0, 0, -1])
        yaw = np.degrees(np.arctan2(forward[0], -forward[2]))
        pitch = np.degrees(np.arctan2(forward[1], np.hypot(forward[0], forward[2])))
        roll = np.degrees(np.arctan2(self.rotation[1, 0], self.rotation[0, 0]))
        return float(yaw), float(pitch), float(roll)


@cache
def canonical_upright() -> Landmarks:
    """The canonical head in the upright frame, float32 [468, 3]."""
    return canonical().points * np.array([1, -1, -1], np.float32)


def fit_pose(landmarks: Landmarks) -> Pose:
    """Least-squares similarity (Umeyama 1991) of the canonical head's rigid points to the landmarks."""
    return similarity(canonical_upright()[RIGID], landmarks[RIGID])


def similarity(source: Landmarks, target: Landmarks) -> Pose:
    """Least-squares similarity from points to points, each [n, 3]."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = (source - source_mean).astype(np.float64), (target - target_mean).astype(np.float64)
    u, s, vt = np.linalg.svd(b.T @ a)
    flip = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * flip) @ vt
    scale = float((s * flip).sum() / (a**2).sum())
    shift = target_mean - scale * rotation @ source_mean
    return Pose(scale, rotation.astype(np.float32), shift.astype(np.float32))


@cache
def normals() -> Floats:
    """Unit normals of the canonical head in the upright frame, towards the viewer, float32 [468, 3]."""
    points, triangles = canonical_upright(), canonical().triangles
    a, b, c = (points[triangles[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    summed = np.zeros((468, 3), np.float32)
    for corner in range(3):
        np.add.at(summed, triangles[:, corner], flat)
    summed *= -np.sign(summed[1, 2])
    return np.asarray(summed / np.linalg.norm(summed, axis=1, keepdims=True), np.float32)


def facing(pose: Pose) -> Floats:
    """How much each mesh point faces the viewer: 1 straight on, 0 edge on, less when hidden; [468]."""
    return np.asarray(-(normals() @ pose.rotation.T)[:, 2], np.float32)
