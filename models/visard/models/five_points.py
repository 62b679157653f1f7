"""Where published networks have the eyes, the nose and the corners of the mouth in their crops."""

import numpy as np

from visard.models.align import Matrix, Points, similarity
from visard.models.face import IRIS_LEFT, IRIS_RIGHT, MOUTH_LEFT, MOUTH_RIGHT, NOSE_TIP, Landmarks

FIVE_POINTS = [IRIS_LEFT, IRIS_RIGHT, NOSE_TIP, MOUTH_LEFT, MOUTH_RIGHT]
"""Indices into landmarks, in the order of the templates."""
ARCFACE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
"""ArcFace's alignment, pixels of 112."""

TEMPLATES: dict[str, Points] = {
    "arcface_112_v1": np.array(
        [(0.35473, 0.45659), (0.64527, 0.45659), (0.5, 0.61154), (0.37913, 0.77688), (0.62087, 0.77688)]
    ),
    "arcface_112_v2": ARCFACE / 112,
    "arcface_128": (ARCFACE + np.array([8, 0])) / 128,
    "ffhq_512": np.array(
        [(0.37692, 0.46865), (0.62286, 0.46913), (0.50124, 0.61332), (0.39309, 0.72541), (0.61150, 0.72490)]
    ),
    "mtcnn_512": np.array(
        [(0.36563, 0.46734), (0.63305, 0.46586), (0.50019, 0.61943), (0.39033, 0.77599), (0.61179, 0.77476)]
    ),
}
"""Points in units of the crop's side, by the name that the field has for them."""


def crop_matrix(landmarks: Landmarks, template: str, size: int) -> Matrix:
    """Return the map from frame pixels to a crop of ``size`` x ``size``; ``landmarks`` are [478, 2 or 3]."""
    return similarity(landmarks[FIVE_POINTS, :2], TEMPLATES[template] * size)
