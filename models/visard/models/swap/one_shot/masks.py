"""What of a swapped crop shows, and in which colours."""

import cv2
import numpy as np

from visard.models import align
from visard.models.face import Image, Landmarks
from visard.models.processor import Patch
from visard.models.swap.dfm import crop_steps as steps

_WORK = 128
"""Side in pixels at which a hull is softened; it is smooth, so more shows nothing."""
_ERODE, _BLUR = 3, 14
"""The usual, as ``soften`` has it at that side."""
_WHITE, _INSIDE = 236, 18
"""More than a share of 20 / 255 of a pixel counts as inside: as bytes are rounded, 18.5 of 236."""
_PER_DEVIATION = 4
"""Pixels that a blur's deviation keeps at least where it is made on fewer."""
_STATISTICS = 64
"""Pixels of a side that are enough for means and deviations."""
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


def boxed(image: Image, matrix: align.Matrix, frame: tuple[int, int], erode: float, blur: float) -> Patch:
    """Return a swapped crop as a patch in the frame's own pixels: all of the square, with a soft edge.

    ``frame`` is width and height. The square is shrunk by a tenth of its size and at least 10 pixels, and
    blurred by a twentieth and at least 5; below 50 pixels by less, as nothing would be left of it.
    """
    back, side = align.invert(matrix), image.shape[0]
    corners = align.apply(back, np.array([(0, 0), (side, 0), (0, side), (side, side)], np.float64))
    room = 3 + round(float(np.ptp(corners, 0).max()) * 0.1 * max(blur - erode, 0))
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - room, 0, frame).tolist()
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + room, 0, frame).tolist()
    moved = back - np.array([[0, 0, left], [0, 0, top]])
    size = max(right - left, 1), max(bottom - top, 1)
    both = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)  # OpenCV is faster with four channels than with three
    cv2.insertChannel(np.full((side, side), _WHITE, np.uint8), both, 3)
    placed = cv2.warpAffine(both, moved, size)
    _, white = cv2.threshold(cv2.extractChannel(placed, 3), _INSIDE, 255, cv2.THRESH_BINARY)
    mask = _softened(np.asarray(white, np.uint8), erode, blur)
    made = np.asarray(cv2.cvtColor(placed, cv2.COLOR_BGRA2BGR), np.uint8)
    return Patch(made, mask, np.array([[1, 0, left], [0, 1, top]], np.float32))


def _softened(mask: steps.Mask, erode: float, blur: float) -> steps.Mask:
    _, _, width, height = cv2.boundingRect(mask)
    size = int(np.sqrt(max(height - 1, 0) * max(width - 1, 0)))
    shrink = round(erode * max(size // 10, min(10, size // 5)))
    soft = round(blur * max(size // 20, min(5, size // 10)))
    if shrink:
        mask = np.asarray(cv2.erode(mask, np.ones((shrink, shrink), np.uint8)), np.uint8)
    return _blurred(mask, soft) if soft else mask


def _blurred(mask: steps.Mask, soft: int) -> steps.Mask:
    """Blur by a kernel of 2 * soft + 1; a large one on fewer pixels, a level off at most."""
    height, width = mask.shape
    sigma = 0.3 * (soft - 1) + 0.8
    part = max(int(sigma / _PER_DEVIATION), 1)
    whole = cv2.copyMakeBorder(mask, 0, -height % part, 0, -width % part, cv2.BORDER_REPLICATE)
    size = whole.shape[1], whole.shape[0]
    small = cv2.resize(whole, (size[0] // part, size[1] // part), interpolation=cv2.INTER_AREA)
    taps = 2 * round(soft / part) + 1
    soft_mask = cv2.GaussianBlur(small.astype(np.float32), (taps, taps), sigma / part)
    soft_mask = cv2.resize(soft_mask, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(soft_mask[:height, :width]), np.uint8)


def toned(image: Image, scene: Image, mask: steps.Mask) -> Image:
    """Give ``image`` the scene's mean and deviation of each channel where the mask shows (Reinhard 2001)."""
    every = max(mask.shape[0] // _STATISTICS, 1)
    size = max(mask.shape[1] // every, 1), max(mask.shape[0] // every, 1)
    whole = np.s_[: size[1] * every : max(every // 4, 1), : size[0] * every]  # such means OpenCV takes fast
    small = [cv2.resize(each[whole], size, interpolation=cv2.INTER_AREA) for each in (image, scene, mask)]
    visible = np.asarray(small[2] > 127, np.uint8)
    if not visible.any():
        return image
    (mean, spread), (aim, width) = (cv2.meanStdDev(each, mask=visible) for each in small[:2])
    gain = np.minimum(width / np.maximum(spread, 1e-6), _MOST)
    table = np.arange(256) * gain + (aim - gain * mean)
    levels = np.ascontiguousarray(np.clip(np.round(table), 0, 255).astype(np.uint8).T[:, None])
    return np.asarray(cv2.LUT(image, levels), np.uint8)
