"""The line between the lips: the driver's, so that lips that touch do so on any photo."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image

Mask = npt.NDArray[np.uint8]

_DARKEST = 0.3
"""A line darkens to this at most."""


def draw_line(face: Image, scene: Image, band: Mask, width: float) -> None:
    """Darken ``face`` in place where ``band`` (0..255) lets the driver's line between the lips through.

    ``scene`` is the driver in the same place; ``width`` is the mouth's in pixels. The line is what is darker
    there than its surroundings.
    """
    part = _box(band)
    if band[part].size == 0:
        return
    grey = cv2.cvtColor(scene[part], cv2.COLOR_BGR2GRAY).astype(np.float32) + np.float32(4)
    around = cv2.GaussianBlur(grey, (0, 0), max(1.5, 0.07 * width))
    line = np.clip(grey / around, _DARKEST, 1) - 1
    share = 1 + line * (band[part] * np.float32(1 / 255))
    cv2.multiply(face[part], cv2.cvtColor(share, cv2.COLOR_GRAY2BGR), dst=face[part], dtype=cv2.CV_8U)


def _box(band: Mask) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(band)
    return slice(y, y + height), slice(x, x + width)
