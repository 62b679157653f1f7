"""A driver's beard on the texture plane: where it may grow, and how much of it there is.

A beard is darkness that is not shade: the persona's light must not be taken from it.
"""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.geometry.canonical import OVAL
from visard.models.geometry.uv import polygons
from visard.models.swap.mesh.light import Skin, smoothstep

Floats = npt.NDArray[np.float32]

_CHEEKS = [93, 137, 147, 187, 207, 206, 203, 98, 2, 327, 423, 426, 427, 411, 376, 366, 323]
"""The upper edge of a beard, from ear to ear below the nose."""


@cache
def beard_area(side: int) -> Floats:
    """Where a beard may grow, float32 [side, side], 0..1, soft."""
    jaw = OVAL[OVAL.index(_CHEEKS[-1]) : OVAL.index(_CHEEKS[0]) + 1]
    area = polygons(side, [_CHEEKS + jaw], max(1, side // 48)).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(area, (0, 0), side / 32), np.float32)


def beard(off: Floats) -> Floats:
    """How likely each texel is beard, 0..1, from how it differs from skin; float32 [side, side]."""
    return smoothstep(-off, 0.08, 0.25) * beard_area(off.shape[0])
