"""A driver's beard on the texture plane: where it may grow, and how much of it there is.

A beard is darkness that is not shade: the persona's light must not be taken from it.
"""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.geometry.canonical import OVAL
from visard.models.geometry.uv import polygons
from visard.models.swap.mesh.light import Skin, smoothstep

Floats = npt.NDArray[np.float32]

_CHEEKS = [93, 137, 147, 187, 207, 206, 203, 98, 2, 327, 423, 426, 427, 411, 376, 366, 323]
"""The upper edge of a beard, from ear to ear below the nose."""
_DOUBTED = 0.98
"""How much less say skin has where a beard may grow, or does: what is above tells how skin is lit."""


@cache
def beard_area(side: int) -> Floats:
    """Where a beard may grow, float32 [side, side], 0..1, soft."""
    jaw = OVAL[OVAL.index(_CHEEKS[-1]) : OVAL.index(_CHEEKS[0]) + 1]
    area = polygons(side, [_CHEEKS + jaw], max(1, side // 48)).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(area, (0, 0), side / 32), np.float32)


def driver_skin(colours: Image, visible: Floats | None) -> Skin:
    """Fit a model of skin to a driver's face, uint8 [side, side, 3], on whom a beard may grow.

    ``visible`` [side, side] is how much of each texel is the face, 0..1; None: all of it.
    """
    bare = 1 - _DOUBTED * beard_area(colours.shape[0])
    return Skin.fit(colours, bare if visible is None else bare * visible)


def beard(off: Floats) -> Floats:
    """How likely each texel is beard, 0.._DOUBTED, from how it differs from skin; float32 [side, side]."""
    return _DOUBTED * smoothstep(-off, 0.03, 0.12) * beard_area(off.shape[0])
