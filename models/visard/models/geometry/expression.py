"""What an expression does to a face's shape: a linear map from the 52 coefficients to landmark displacements.

The table was fitted by ``packaging/fit_expression.py`` on clips of talking people.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from visard.models.assets import asset
from visard.models.blendshapes import NAMES
from visard.models.face import Face, Landmarks
from visard.models.geometry.pose import fit_pose

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]


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
