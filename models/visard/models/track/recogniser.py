"""SFace: who a face belongs to, as 128 numbers."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.align import crop
from visard.models.bundled import network
from visard.models.face import Image, Landmarks
from visard.models.five_points import crop_matrix

SIDE = 112
"""Width and height in pixels of what the network sees."""

Embedding = npt.NDArray[np.float32]
"""float32 [128], length 1: the cosine of two is their product."""


def align_for_recognition(image: Image, landmarks: Landmarks) -> Image:
    """Cut a face out as the network wants it, BGR [112, 112, 3]; ``landmarks`` are [478, 2 or 3]."""
    return crop(image, crop_matrix(landmarks, "arcface_112_v2", SIDE), SIDE)


class Recogniser:
    """Turns faces into embeddings; two above a cosine of 0.363 are one person, by SFace's authors.

    Opening it takes a moment and 75 MB, so it is opened where somebody is enrolled. Not thread-safe.
    """

    def __init__(self, *, threads: int = 1, wait: bool = True) -> None:
        self._engine = network("sface_2021dec_fp16w", threads=threads, wait=wait)

    def __call__(self, image: Image, landmarks: Landmarks) -> Embedding:
        """Return the embedding of a face in a BGR picture."""
        return self.embed(align_for_recognition(image, landmarks))

    def embed(self, aligned: Image) -> Embedding:
        """Return the embedding of what ``align_for_recognition`` cut out."""
        rgb = cv2.cvtColor(aligned, cv2.COLOR_BGR2RGB).astype(np.float32)
        numbers = self._engine(np.ascontiguousarray(rgb.transpose(2, 0, 1))[None])[0].reshape(-1)
        return np.asarray(numbers / max(float(np.linalg.norm(numbers)), 1e-12), np.float32)
