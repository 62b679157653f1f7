"""How faces are cut out for training: DeepFaceLab's face types, by the mean face of ``align``."""

from typing import Any

import numpy as np

from visard.models.align import Matrix, align, behind_the_face
from visard.models.face import Landmarks
from visard.models.geometry.pose import fit_pose
from visard.models.swap.dfm.options import CROPS, FaceType

FACE_CROPS = {**CROPS, FaceType.whole_face: (1 + 2 * 2**0.5 * 0.40, -0.07)}
"""Coverage and shift down of DeepFaceLab; DeepFaceLive cuts whole_face 3 % larger than it was trained."""


def face_matrix(landmarks: Landmarks, face_type: FaceType, size: int) -> Matrix:
    """Return the map from frame pixels to a crop of ``size`` x ``size``; ``landmarks`` are [478, 3]."""
    coverage, down = FACE_CROPS[face_type]
    aside = 0.0
    if face_type is FaceType.head:
        aside = behind_the_face(np.radians(fit_pose(landmarks).degrees[0]))
    return align(landmarks, size, coverage=coverage, offset=(aside, down))


def crop_options(face_type: FaceType) -> dict[str, Any]:
    """Return options of the processor ``dfm`` that cut faces out as for training."""
    (coverage, down), (_, usual) = FACE_CROPS[face_type], CROPS[face_type]
    same = FACE_CROPS[face_type] == CROPS[face_type]
    return {"face_type": face_type} | (
        {} if same else {"coverage": round(coverage, 4), "y_offset": round(down - usual, 4)}
    )
