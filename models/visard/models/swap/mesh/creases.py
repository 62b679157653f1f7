"""Creases: how an expression shades the driver's skin (a frown, a smile's folds), to be put on another's."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.blendshapes import NAMES
from visard.models.face import Face
from visard.models.geometry.canonical import BROW_LEFT, BROW_RIGHT, EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER
from visard.models.geometry.pose import Pose, facing
from visard.models.geometry.uv import Sampler, edge_distance, polygons, texels
from visard.models.swap.mesh.light import smoothstep
from visard.models.swap.mesh.repair import MASK_SIDE

Floats = npt.NDArray[np.float32]

_CREASING = np.array(
    [n.startswith(("brow", "cheek", "eyeSquint", "mouth", "jawOpen", "nose")) for n in NAMES]
)
"""Coefficients whose expressions crease the skin."""
_MEMORY = 40.0
"""Calm looks over which the driver's bare face is averaged."""
_DARKER, _LIGHTER = 0.55, 0.25
"""The most that is put on, natural logarithms: a crease is a shadow first."""
SHADOW = np.array([0.4, 0.36, 0.28], np.float32)
"""How much of a crease shows in each channel, BGR: light that comes back out of skin is red.

All of it would take the driver's features along.
"""
_FOREIGN = 0.9
"""A change from here on is something in front of the face, or misplaced, rather than a crease."""
_PACE = 0.6
"""Share of a new look."""
_SOCKETS = 0.5
"""Share below the brows, where the driver's own features are strongest."""
_SLIP = 0.6
"""Texels by which features may slip over the mesh; a change which that explains is no crease."""
_NOSE = [4, 48, 64, 98, 2, 327, 294, 278]
"""Around nostrils and tip, whose shading comes with the head's turn."""


class Creases:
    """Follows one driver's shading relative to their own calm face."""

    def __init__(self) -> None:
        self._calm = np.zeros((MASK_SIDE, MASK_SIDE), np.float32)
        self._weight = np.zeros((MASK_SIDE, MASK_SIDE), np.float32)
        self._logs = np.zeros((MASK_SIDE, MASK_SIDE), np.float32)

    def __call__(self, off: Floats, bare: Floats, face: Face, pose: Pose) -> Floats:
        """Return the change of light, natural logarithms, float32 [96, 96].

        ``off`` is how the driver's texture differs from smooth skin in the same light, ``bare`` where no hair
        hangs, both float32 [96, 96]. What is hidden by the head's turn is left alone.
        """
        off = np.asarray(cv2.GaussianBlur(off, (0, 0), 1.2), np.float32)
        seen = _visible(pose) * bare * _area()
        known = self._weight / (self._weight + np.float32(0.02))
        self._learn(off, seen * np.float32(np.exp(-4 * face.blendshapes[_CREASING].max())))
        change = off - self._calm
        slack = _SLIP * _steepness(self._calm)
        change -= np.clip(change, -slack, slack)
        far = np.square(change / np.float32(_FOREIGN))
        change *= seen * known / (1 + far * far)
        self._logs += np.float32(_PACE) * (np.clip(change, -_DARKER, _LIGHTER) - self._logs)
        return self._logs + _eyes() * (cv2.GaussianBlur(self._logs, (0, 0), 5) - self._logs)

    def _learn(self, off: Floats, weight: Floats) -> None:
        """Average the calm face; the calmer the more it counts, so a grimace at first is soon forgotten."""
        self._weight = np.minimum(self._weight + weight, np.float32(_MEMORY))
        self._calm += (off - self._calm) * (weight / np.maximum(self._weight, np.float32(1e-6)))


def _steepness(shading: Floats) -> Floats:
    """How much shading changes from a texel to the next, float32 [96, 96]."""
    across, down = (cv2.Sobel(shading, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    return np.asarray(cv2.GaussianBlur(cv2.magnitude(across, down), (0, 0), 2), np.float32)


def _visible(pose: Pose) -> Floats:
    """Where the skin faces the viewer well enough to be read, float32 [96, 96]."""
    coarse = smoothstep(_coarse().lookup(facing(pose)[:, None])[..., 0], 0.35, 0.65)
    return np.asarray(cv2.resize(coarse, (MASK_SIDE, MASK_SIDE)), np.float32)


@cache
def _coarse() -> Sampler:
    return Sampler(24)


@cache
def _eyes() -> Floats:
    """Where the light of what is around is taken, since the gaze itself darkens and lightens."""
    eyes = polygons(MASK_SIDE, [EYE_RING_LEFT, EYE_RING_RIGHT], 1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(eyes / 255, (0, 0), 1), np.float32)


@cache
def _area() -> Floats:
    """Skin that creases: neither eyes, lips, nostrils nor the edge; float32 [96, 96], 0..1."""
    loops = [EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER, _NOSE]
    bare = (polygons(MASK_SIDE, loops, 1) == 0).astype(np.float32)
    inner = smoothstep(edge_distance(MASK_SIDE), 0.05, 0.14)
    rows = np.arange(MASK_SIDE, dtype=np.float32)[:, None]
    points = texels(MASK_SIDE)[:, 1]
    brows, cheeks = float(points[BROW_LEFT + BROW_RIGHT].max()), float(points[[119, 348]].mean())
    lower = smoothstep(rows, brows - 2, brows + 3) * (1 - smoothstep(rows, cheeks, cheeks + 8))
    part = 1 - np.float32(1 - _SOCKETS) * lower * _beside_the_nose()
    return np.asarray(cv2.GaussianBlur(bare, (0, 0), 1) * inner * part, np.float32)


@cache
def _beside_the_nose() -> Floats:
    """1 where the eyes are, 0 between the brows, float32 [96]."""
    across = np.abs(np.arange(MASK_SIDE, dtype=np.float32) - np.float32(MASK_SIDE / 2 - 0.5))
    return smoothstep(across, MASK_SIDE * 0.05, MASK_SIDE * 0.1)
