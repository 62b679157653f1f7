"""Aligned faces as DeepFaceLab writes them, and such that nobody should write."""

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from visard.models.align import crop
from visard.models.face import Image, Landmarks
from visard.models.swap.dfm.options import FaceType
from visard.models.train.faces.alignment import face_matrix

FROM_478 = [
    *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 98, 97, 2, 326, 327),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 81, 13, 311, 308, 402, 14, 178),
]
"""MediaPipe's points at about the places of the usual 68."""
SIDE = 128


def with_segment(jpeg: bytes, data: bytes) -> bytes:
    """Put an APP15 segment behind the first one of a JPEG."""
    end = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:end] + b"\xff\xef" + (len(data) + 2).to_bytes(2, "big") + data + jpeg[end:]


def aligned(image: Image, landmarks: Landmarks, side: int = SIDE) -> tuple[Image, dict[str, Any]]:
    """Return an aligned picture and what DeepFaceLab would keep of it."""
    matrix = face_matrix(landmarks, FaceType.whole_face, side)
    points = landmarks[FROM_478, :2]
    inside = points @ matrix[:, :2].T + matrix[:, 2]
    low, high = points.min(0).astype(int), points.max(0).astype(int)
    return crop(image, matrix, side), {
        "face_type": "whole_face",
        "landmarks": inside.tolist(),
        "source_filename": "00001.png",
        "source_rect": [int(v) for v in (*low, *high)],
        "source_landmarks": points.tolist(),
        "image_to_face_mat": matrix,
        "eyebrows_expand_mod": 1.0,
    }


def write_face(path: Path, picture: Image, data: Any, protocol: int = 3) -> Path:
    """Write a JPEG with a pickle in it; bytes are taken for a pickle."""
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    pickled = data if isinstance(data, bytes) else pickle.dumps(data, protocol)
    path.write_bytes(with_segment(jpeg, pickled))
    return path


def png_mask(mask: np.ndarray) -> np.ndarray:
    """Encode a mask as DeepFaceLab keeps it."""
    return cv2.imencode(".png", mask)[1]
