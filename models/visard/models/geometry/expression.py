"""What an expression does to a face's shape: a linear map from the 52 coefficients to landmark displacements.

The table was fitted by ``packaging/fit_expression.py`` on clips of talking people.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from visard.models.assets import asset
from visard.models.blendshapes import NAMES
from visard.models.face import Face, Landmarks
from visard.models.geometry.pose import canonical_upright, fit_pose

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

_IRIS_MIRROR = [473, 476, 475, 474, 477, 468, 471, 470, 469, 472]


@cache
def _table() -> Floats:
    """Displacement per coefficient, float32 [52, 478 * 3]."""
    with np.load(asset("expression.npz")) as data:
        return np.asarray(data["table"].astype(np.float32).reshape(len(NAMES), -1))


def displacement(blendshapes: Floats) -> Landmarks:
    """How far coefficients float32 [52] move each landmark: float32 [478, 3], upright centimetres."""
    return np.asarray((blendshapes @ _table()).reshape(-1, 3), np.float32)


def neutral(face: Face) -> Landmarks:
    """The face's own shape without pose and expression: float32 [478, 3], upright centimetres."""
    upright = fit_pose(face.landmarks).upright(face.landmarks)
    return upright - displacement(face.blendshapes)


@cache
def mirrored_landmarks() -> Indices:
    """For each of the 478 landmarks, the one on the other side of the face."""
    points = canonical_upright()
    apart = np.linalg.norm(points[:, None] * np.array([-1, 1, 1], np.float32) - points[None], axis=2)
    return np.concatenate([apart.argmin(1), _IRIS_MIRROR])


@cache
def mirrored_coefficients() -> Indices:
    """For each of the 52 coefficients, the one of the other side of the face."""
    swap = {"Left": "Right", "Right": "Left"}
    names = [next((n.removesuffix(s) + swap[s] for s in swap if n.endswith(s)), n) for n in NAMES]
    return np.array([NAMES.index(name) if name in NAMES else i for i, name in enumerate(names)])
