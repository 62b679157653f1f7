"""What of a photo's light, tint and smile lies on the skin, taken off the texture.

Each step leaves a texture in which there is nothing of it as it is.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.geometry.canonical import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_RING_LEFT,
    EYE_RING_RIGHT,
    LIPS_OUTER,
)
from visard.models.geometry.uv import edge_distance, polygons, reduced
from visard.models.photo import measures
from visard.models.swap.mesh.light import skin_area, smoothstep

Floats = npt.NDArray[np.float32]

_FOLDS = (
    [129, 49, 131, 198, 126, 142, 36, 205, 50, 187, 192, 214, 212, 57, 186, 92, 165, 203],
    [358, 279, 360, 420, 355, 371, 266, 425, 280, 411, 416, 434, 432, 287, 410, 322, 391, 423],
)
"""Around the folds from the nose's wings to beside the mouth, with the cheeks that a smile raises."""
_CROWS_FEET = (
    [33, 130, 226, 35, 143, 116, 117, 118, 119, 120, 232, 231, 230, 229, 228, 31, 25, 110, 24, 23, 22],
    [263, 359, 446, 265, 372, 345, 346, 347, 348, 349, 452, 451, 450, 449, 448, 261, 255, 339, 254, 253, 252],
)
_SKIN, _LIPS, _BROWS, _WHITES = (14.0, 17.0), (27.0, 13.0), (6.0, 9.0), (1.0, 3.0)
"""Colours (Lab) that a grey photo's parts are given at a lightness of 65."""
_FLOOR = 6.0
"""Added before logarithms, in grey levels: keeps black noise from becoming a ratio."""


def as_bytes(picture: npt.NDArray[np.floating]) -> Image:
    """Round to grey levels."""
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)


def step(value: float, low: float, high: float) -> float:
    """``smoothstep`` of one number."""
    return float(smoothstep(np.array(value, np.float32), low, high))


def blurred(picture: npt.NDArray[Any], sigma: float) -> Floats:
    """Gaussian mean, float32."""
    return np.asarray(cv2.GaussianBlur(np.asarray(picture, np.float32), (0, 0), sigma), np.float32)


def _logs(texture: Image) -> Floats:
    return np.asarray(np.log(texture.astype(np.float32) + _FLOOR), np.float32)


def _weighted(logs: Floats, weight: Floats, sigma: float) -> Floats:
    """Gaussian mean of ``logs`` [h, w, 3] with ``weight`` [h, w]."""
    stacked = blurred(np.dstack([logs * weight[..., None], weight]), sigma)
    return np.asarray(stacked[..., :3] / stacked[..., 3:], np.float32)


def without_tint(image: Image, texture: Image) -> Image:
    """Return a tinted photo with each channel scaled so that skin is as skin can be.

    ``texture`` is its face, unrolled to ``measures.SIDE``.
    """
    if not measures.tinted(texture):
        return image
    skin = texture[measures.skin()].reshape(-1, 1, 3).astype(np.float32) / 255
    median = np.asarray(np.median(skin, axis=0).reshape(1, 1, 3), np.float32)
    lightness = float(cv2.cvtColor(median, cv2.COLOR_BGR2LAB)[0, 0, 0])
    wanted = np.array([[[lightness, *(np.array(_SKIN) * lightness / 65)]]], np.float32)
    gain = cv2.cvtColor(wanted, cv2.COLOR_LAB2BGR) / np.maximum(median, 0.02)
    return as_bytes(np.asarray(image * np.clip(gain, 0.4, 2.5), np.float32))


def coloured(texture: Image) -> Image:
    """Return a grey texture in the colours of skin, lips, brows and eyes; others as they are."""
    if not measures.monochrome(reduced(texture, measures.SIDE)):
        return texture
    side = texture.shape[0]
    colours = np.broadcast_to(np.array(_SKIN, np.float32), (side, side, 2))
    for loops, colour in (
        ([LIPS_OUTER], _LIPS),
        ([BROW_LEFT, BROW_RIGHT], _BROWS),
        ([EYE_RING_LEFT, EYE_RING_RIGHT], _WHITES),
    ):
        area = blurred(polygons(side, loops), side / 128)[..., None] / 255
        colours = np.asarray(colours * (1 - area) + np.array(colour) * area, np.float32)
    grey = cv2.cvtColor(texture, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    lightness = cv2.cvtColor(np.dstack([grey] * 3), cv2.COLOR_BGR2LAB)[..., :1]
    lab = np.dstack([lightness, colours * np.clip(lightness / 65, 0.2, 1.1)]).astype(np.float32)
    return as_bytes(np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR) * 255, np.float32))


def evenly_lit(texture: Image) -> Image:
    """Even out hard light from a side: each half is taken to the mean of both."""
    side = texture.shape[0]
    share = step(abs(measures.side_light(reduced(texture, measures.SIDE))), 0.6, 0.75)
    if share == 0:
        return texture
    logs = _logs(texture)
    soft = _weighted(logs, 0.02 + smoothstep(edge_distance(side), 0.02, 0.08), side / 40)
    uneven = np.clip((soft - soft[:, ::-1]) / 2, -0.9, 0.9)
    return as_bytes(np.exp(logs - share * uneven) - _FLOOR)


def without_smile(texture: Image, smile: float) -> Image:
    """Take down the folds that a smile of 0..1 lays into cheeks and around the eyes; pores stay."""
    side = texture.shape[0]
    amount = 0.4 * step(smile, 0.2, 0.7)  # all of it costs likeness: 0.03 by SFace
    if amount < 0.02:
        return texture
    logs = _logs(texture)
    folds = blurred(logs, side / 256) - _weighted(logs, np.maximum(skin_area(side), 0.01), side / 18)
    return as_bytes(np.exp(logs - amount * _smile_area(side) * folds) - _FLOOR)


@cache
def _smile_area(side: int) -> Floats:
    """How much a smile shows where, float32 [side, side, 1]: never on lips, eyes and nostrils."""
    area = np.maximum(polygons(side, list(_FOLDS)), polygons(side, list(_CROWS_FEET)) // 2)
    area[polygons(side, [LIPS_OUTER, EYE_RING_LEFT, EYE_RING_RIGHT], side // 80) > 0] = 0
    return np.asarray(blurred(area, side / 64)[..., None] / 255, np.float32)
