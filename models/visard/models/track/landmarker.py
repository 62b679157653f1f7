"""MediaPipe's 478-point landmark network and its blendshape network."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.blendshapes import SUBSET
from visard.models.bundled import network
from visard.models.face import Image, Landmarks
from visard.models.track.crop import Region

SIDE = 256


class Landmarker:
    """Places 478 points on the face inside a region."""

    def __init__(self, *, threads: int = 1, wait: bool = True) -> None:
        self._engine = network("mp_face_landmarks_v2_478", threads=threads, wait=wait)
        sizes = [int(np.prod([d or 1 for d in spec.shape])) for spec in self._engine.outputs]
        self._points = sizes.index(478 * 3)
        self._presence = sizes.index(1)
        self._tensor = np.empty((1, SIDE, SIDE, 3), np.float32)

    def __call__(self, image: Image, region: Region) -> tuple[Landmarks, float]:
        """Return landmarks in frame pixels, float32 [478, 3], and the presence 0..1."""
        matrix = region.matrix(SIDE)
        crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        cv2.cvtColor(crop, cv2.COLOR_BGR2RGB, dst=crop)
        np.multiply(crop, np.float32(1 / 255), out=self._tensor[0])
        outputs = self._engine(self._tensor)
        inside = outputs[self._points].reshape(478, 3)
        logit = float(outputs[self._presence].reshape(-1)[0])
        back = cv2.invertAffineTransform(matrix)
        landmarks = np.empty((478, 3), np.float32)
        landmarks[:, :2] = inside[:, :2] @ back[:, :2].T + back[:, 2]
        landmarks[:, 2] = inside[:, 2] * (region.size / SIDE)
        return landmarks, float(1 / (1 + np.exp(-np.clip(logit, -50, 50))))


class Blendshapes:
    """The 52 ARKit coefficients of an expression, from landmarks."""

    def __init__(self, *, wait: bool = True) -> None:
        self._engine = network("mp_face_blendshapes_52", wait=wait)

    def __call__(self, landmarks: Landmarks) -> npt.NDArray[np.float32]:
        """Return float32 [52], 0..1."""
        points = np.ascontiguousarray(landmarks[SUBSET, :2])[None]
        return np.asarray(self._engine(points)[0], np.float32).reshape(52).copy()
