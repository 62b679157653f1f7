"""What of a swapped crop shows, and in which colours."""

import cv2
import numpy as np

from visard.models import align
from visard.models.face import Image, Landmarks
from visard.models.swap.dfm import crop_steps as steps

_WORK = 128
"""Side in pixels at which a hull is softened; it is smooth, so more shows nothing."""
_ERODE, _BLUR = 3, 14
"""The usual, as ``soften`` has it at that side."""
_WHITE = 20
"""What of a white crop put into a frame counts as inside, 0..255."""
_STATISTICS = 64
"""Side in pixels that is enough for means and deviations."""
_MOST = 4.0
"""How far colours are spread at most."""


def face_mask(matrix: align.Matrix, landmarks: Landmarks, side: int, erode: float, blur: float) -> steps.Mask:
    """Return the soft hull of the landmarks in a crop's pixels, uint8 [side, side]; 0 along the border."""
    points = align.apply(matrix, landmarks[:468, :2]) * (_WORK / side)
    mask = steps.soften(steps.hull(points, _WORK), round(_ERODE * erode), round(_BLUR * blur))
    mask = np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    mask[[0, -1]] = 0
    mask[:, [0, -1]] = 0
    return mask


def box_mask(
    matrix: align.Matrix, side: int, frame: tuple[int, int], erode: float, blur: float
) -> tuple[steps.Floats, int, int]:
    """Return the part of a crop's square that is inside a frame, with a soft edge, and its left and top.

    It is float32 [height, width], 0..255.

    ``frame`` is width and height. Shrunk by a tenth of its size and at least 10 pixels, blurred by a
    twentieth and at least 5; but a square below 50 pixels by less, as nothing would be left of it.
    """
    back = align.invert(matrix)
    corners = align.apply(back, np.array([(0, 0), (side, 0), (0, side), (side, side)], np.float64))
    room = 3 + round(float(np.ptp(corners, 0).max()) * 0.1 * max(blur - erode, 0))
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - room, 0, frame).tolist()
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + room, 0, frame).tolist()
    if left >= right or top >= bottom:
        return np.zeros((1, 1), np.float32), left, top
    moved = back - np.array([[0, 0, left], [0, 0, top]])
    white = np.full((side, side), 255, np.float32)
    mask = np.asarray(cv2.warpAffine(white, moved, (right - left, bottom - top)), np.float32)
    mask[mask > _WHITE] = 255
    _, _, width, height = cv2.boundingRect(np.asarray(mask == 255, np.uint8))
    return _softened(mask, int(np.sqrt(max(height - 1, 0) * max(width - 1, 0))), erode, blur), left, top


def _softened(mask: steps.Floats, size: int, erode: float, blur: float) -> steps.Floats:
    shrink = round(erode * max(size // 10, min(10, size // 5)))
    soft = round(blur * max(size // 20, min(5, size // 10)))
    if shrink:
        mask = np.asarray(cv2.erode(mask, np.ones((shrink, shrink), np.uint8)), np.float32)
    if soft:
        mask = np.asarray(cv2.GaussianBlur(mask, (2 * soft + 1, 2 * soft + 1), 0), np.float32)
    return mask


def toned(image: Image, scene: Image, mask: steps.Mask) -> Image:
    """Give ``image`` the scene's mean and deviation of each channel where the mask shows (Reinhard 2001)."""
    size = (_STATISTICS, _STATISTICS)
    small = [
        np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA)) for each in (image, scene, mask)
    ]
    visible = np.asarray(small[2] > 127, np.uint8)
    if not visible.any():
        return image
    (mean, spread), (aim, width) = (cv2.meanStdDev(each, mask=visible) for each in small[:2])
    gain = np.minimum(width / np.maximum(spread, 1e-6), _MOST)
    table = np.arange(256) * gain + (aim - gain * mean)
    levels = np.ascontiguousarray(np.clip(np.round(table), 0, 255).astype(np.uint8).T[:, None])
    return np.asarray(cv2.LUT(image, levels), np.uint8)
