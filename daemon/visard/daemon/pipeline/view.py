"""What the person sees of the result: mirrored, zoomed, with landmarks drawn over it."""

import cv2
import numpy as np

from visard.daemon.config.settings import Settings
from visard.models.face import Face, Image

_DOT = (120, 230, 120)


def viewed(image: Image, settings: Settings) -> Image:
    """Zoom, pan and mirror; returns ``image`` itself when there is nothing to do, else a new array."""
    if settings.zoom > 1:
        image = _zoomed(image, settings)
    return np.asarray(cv2.flip(image, 1), np.uint8) if settings.mirror else image


def _zoomed(image: Image, settings: Settings) -> Image:
    height, width = image.shape[:2]
    w, h = round(width / settings.zoom), round(height / settings.zoom)
    x = round((width - w) * (1 + settings.pan_x) / 2)
    y = round((height - h) * (1 + settings.pan_y) / 2)
    return np.asarray(cv2.resize(image[y : y + h, x : x + w], (width, height)), np.uint8)


def draw_landmarks(image: Image, faces: tuple[Face, ...]) -> None:
    """Draw each landmark as a dot of two pixels, in place."""
    height, width = image.shape[:2]
    for face in faces:
        points = face.landmarks[:, :2]
        x, y = points[np.isfinite(points).all(1)].round().astype(np.int32).T
        inside = (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)
        x, y = x[inside], y[inside]
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            image[y + dy, x + dx] = _DOT
