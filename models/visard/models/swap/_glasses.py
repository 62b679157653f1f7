"""Finds the frame of glasses in a texture and paints skin over it."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.mesh import BROW_LEFT, BROW_RIGHT, EYE_RING_LEFT, EYE_RING_RIGHT
from visard.models.uv import edge_distance, polygons, texels

Mask = npt.NDArray[np.uint8]

_DARKER = 0.26
"""A frame is thin and darker than its surroundings by at least this share."""
_SPAN = 0.3
"""A frame runs over the nose: one piece at least this wide, in texture sides. Wrinkles are shorter."""


def without_glasses(texture: Image) -> Image:
    """Return the texture with a dark frame painted over; unchanged where there is none."""
    frame = find_frame(texture)
    if not frame.any():
        return texture
    side = texture.shape[0]
    area = cv2.dilate(frame, _disc(side / 128))
    return np.asarray(cv2.inpaint(texture, area, side / 73, cv2.INPAINT_TELEA), np.uint8)


def find_frame(texture: Image) -> Mask:
    """Where a frame is drawn on a square texture, 255 there; all 0 without glasses."""
    side = texture.shape[0]
    grey = cv2.cvtColor(texture, cv2.COLOR_BGR2GRAY)
    thin = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, _disc(side / 33))
    around = cv2.GaussianBlur(grey, (0, 0), side / 36).astype(np.float32) + 8
    dark = ((thin / around > _DARKER) & _band(side)).astype(np.uint8)
    count, pieces, boxes, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx(dark, cv2.MORPH_CLOSE, _disc(2))
    )
    widths = boxes[1:count, cv2.CC_STAT_WIDTH]
    if not len(widths) or widths.max() < _SPAN * side:
        return np.zeros((side, side), np.uint8)
    parts = 1 + np.flatnonzero(widths > 0.05 * side)
    return np.where(np.isin(pieces, parts), 255, 0).astype(np.uint8)


def _band(side: int) -> npt.NDArray[np.bool_]:
    """Where frames sit: from the brows to half the nose, without eyes, lashes and brows."""
    points, rows = texels(side), np.arange(side)[:, None]
    top = points[[105, 334, 107, 336], 1].min() - side * 0.01
    bottom = points[[4, 205, 425], 1].mean()
    features = polygons(side, [EYE_RING_LEFT, EYE_RING_RIGHT], round(side / 73))
    features |= polygons(side, [BROW_LEFT, BROW_RIGHT], round(side / 102))
    band = (rows > top) & (rows < bottom) & (edge_distance(side) > 0.015) & (features == 0)
    return np.asarray(band, np.bool_)


def _disc(radius: float) -> Mask:
    size = 2 * max(round(radius), 1) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
