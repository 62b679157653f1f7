"""Blurs past recognition: a whole picture, or a face where it is."""

import cv2
import numpy as np

from visard.models.face import Image

_CELLS = 3.5
"""Pixels across a face that are left of it."""


def blurred(image: Image) -> Image:
    """Blur past recognition: down to as many pixels as 16 x 9, smoothed, and up again."""
    height, width = image.shape[:2]
    scale = (16 * 9 / (width * height)) ** 0.5
    size = max(round(width * scale), 2), max(round(height * scale), 2)
    tiny = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), 1.2)
    return np.asarray(cv2.resize(tiny, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def blur_face(
    image: Image, centre: tuple[float, float], size: float, reach: float, share: float = 1.0
) -> None:
    """Blur a circle of a picture in place; all in pixels.

    ``reach`` is its radius, and ``size`` that of the face in it, of which nothing may be recognised; with a
    ``share`` below 1 the blur is only laid over it.
    """
    height, width = image.shape[:2]
    soft = reach * 1.2
    left, top = (max(int(np.floor(c - soft)), 0) for c in centre)
    right, bottom = min(int(centre[0] + soft) + 1, width), min(int(centre[1] + soft) + 1, height)
    if right <= left or bottom <= top:
        return
    part = image[top:bottom, left:right]
    cells = tuple(max(round(side / max(size, 1) * _CELLS), 2) for side in (right - left, bottom - top))
    tiny = cv2.GaussianBlur(cv2.resize(part, cells, interpolation=cv2.INTER_AREA), (0, 0), 0.7)
    smooth = cv2.resize(tiny, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    x, y = np.arange(left, right) - centre[0], np.arange(top, bottom) - centre[1]
    distance = np.sqrt((x * x)[None] + (y * y)[:, None]).astype(np.float32)
    weight = np.clip((soft - distance) / (soft - reach), 0, 1) * np.float32(share)
    part[:] = cv2.blendLinear(smooth, part, weight, 1 - weight)
