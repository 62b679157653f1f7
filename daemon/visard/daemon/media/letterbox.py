"""Fits a picture into another shape."""

import cv2
import numpy as np

from visard.models.face import Image


def letterbox(image: Image, width: int, height: int) -> Image:
    """Return a copy scaled to fit ``width`` x ``height`` with its shape kept and dark bars around it."""
    h, w = image.shape[:2]
    scale = min(width / w, height / h)
    size = min(max(round(w * scale), 1), width), min(max(round(h * scale), 1), height)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:y], canvas[y + size[1] :] = 0, 0
    canvas[:, :x], canvas[:, x + size[0] :] = 0, 0
    cv2.resize(image, size, dst=canvas[y : y + size[1], x : x + size[0]], interpolation=how)
    return canvas
