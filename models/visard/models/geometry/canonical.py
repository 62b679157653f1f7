"""MediaPipe's canonical face mesh: 468 points, 898 triangles; the 10 iris points are not part of it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from visard.models.assets import asset

Floats = npt.NDArray[np.float32]

OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # fmt: skip
"""The face's outline, clockwise from the forehead."""
LIPS_OUTER = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
LIPS_INNER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
EYE_RING_LEFT = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
EYE_RING_RIGHT = [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]
BROW_LEFT = [70, 63, 105, 66, 107, 55, 65, 52, 53, 46]
BROW_RIGHT = [300, 293, 334, 296, 336, 285, 295, 282, 283, 276]


@dataclass(frozen=True, slots=True)
class CanonicalMesh:
    """The canonical mesh: points in centimetres (x right in the picture, y up, z towards the viewer)."""

    points: Floats
    """float32 [468, 3]"""
    uv: Floats
    """Texture coordinates, float32 [468, 2], 0..1 from the top left."""
    triangles: npt.NDArray[np.int32]
    """int32 [898, 3]"""


@cache
def canonical() -> CanonicalMesh:
    """Return the shipped mesh."""
    with np.load(asset("canonical_mesh.npz")) as data:
        return CanonicalMesh(data["points"], data["uv"], data["triangles"].astype(np.int32))
