"""What happens to a crop before the network and to its result and masks afterwards, as in DeepFaceLive."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image

Mask = npt.NDArray[np.uint8]
"""uint8 [height, width], 0..255"""
Floats = npt.NDArray[np.float32]

_CROSS = np.asarray(cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), np.uint8)
_ROOM = 4
"""Pixels that lanczos4 looks at around one."""
_LAB_RANGE = np.array([[0, -127, -127], [100, 127, 127]], np.float32)


def sharpen(image: Image, power: float) -> Image:
    """Add what a blur of one pixel takes away, ``power`` times."""
    if power == 0:
        return image
    exact = image.astype(np.float32)
    soft = cv2.GaussianBlur(exact, (0, 0), 1.0)
    return np.asarray(np.clip((1 + power) * exact - power * soft, 0, 255), np.uint8)


def gamma(image: Image, blue: float, green: float, red: float) -> Image:
    """Raise each channel, 0 to 1, to the power of 1 / gamma."""
    if blue == green == red == 1:
        return image
    levels = np.linspace(0, 1, 256)[:, None]
    table = (levels ** (1 / np.array([blue, green, red])) * 255 + 1e-3).astype(np.uint8)  # 1 keeps all
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def resized(plane: Floats, size: int) -> npt.NDArray[np.uint8]:
    """Scale what a network made, 0..1, to ``size`` x ``size`` and cut it down to bytes."""
    plane = plane if plane.shape[0] == size else np.asarray(cv2.resize(plane, (size, size)), np.float32)
    return np.asarray(np.clip(plane * np.float32(255), 0, 255), np.uint8)


def hull(points: npt.NDArray[np.floating], size: int) -> Mask:
    """Return the filled outline of points, [n, 2] in pixels of the mask."""
    mask = np.zeros((size, size), np.uint8)
    return np.asarray(cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 255), np.uint8)


def soften(mask: Mask, erode: int, blur: int) -> Mask:
    """Shrink (below 0: grow) by half of ``erode`` pixels, fade out at the border, blur by ``blur`` / 4."""
    if erode:
        change, steps = cv2.erode if erode > 0 else cv2.dilate, max(1, abs(erode) // 2)
        border = cv2.BORDER_CONSTANT
        mask = np.asarray(change(mask, _CROSS, iterations=steps, borderType=border, borderValue=0), np.uint8)
    if blur:
        rim = blur // 2
        inner = np.zeros_like(mask)
        part = slice(rim, max(mask.shape[0] - rim, rim)), slice(rim, max(mask.shape[1] - rim, rim))
        inner[part] = mask[part]
        mask = np.asarray(cv2.GaussianBlur(inner, (0, 0), blur / 4, borderType=cv2.BORDER_CONSTANT), np.uint8)
    return mask


def shown(mask: Mask, room: int = _ROOM) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """Return the part of a mask that is not all 0, with room for scaling it, and its left top corner."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return (slice(0, 1), slice(0, 1)), (0, 0)
    left, top = max(x - room, 0), max(y - room, 0)
    return (slice(top, y + height + room), slice(left, x + width + room)), (left, top)


def transfer(image: Image, scene: Image, mask: Mask, area: int) -> Image:
    """Give ``image`` the mean and deviation of the scene's Lab channels (Reinhard 2001).

    They are taken over the whole crop of ``area`` pixels, of which these are a part: what the mask hides and
    what is not given counts as black in both, as DeepFaceLive has it.
    """
    visible = np.asarray(cv2.threshold(mask, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)
    if not cv2.countNonZero(visible):
        return image
    ours, theirs = (_lab(picture) for picture in (image, scene))
    (mean, spread), (aim, width) = (_statistics(lab, visible, area) for lab in (ours, theirs))
    gain = width / np.maximum(spread, 1e-6)
    moved = cv2.transform(ours, np.column_stack([np.diag(gain), aim - gain * mean]))
    bgr = cv2.cvtColor(np.clip(moved, *_LAB_RANGE), cv2.COLOR_LAB2BGR)
    return np.asarray(np.clip(bgr, 0, 1) * 255 + 0.5, np.uint8)


def _lab(picture: Image) -> Floats:
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB), np.float32)


def _statistics(
    lab: Floats, visible: Mask, area: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and deviation of each channel, with (0, 0, 0) wherever nothing is shown."""
    share = cv2.countNonZero(visible) / area
    mean, deviation = (np.asarray(each, np.float64)[:, 0] for each in cv2.meanStdDev(lab, mask=visible))
    squares = share * (mean**2 + deviation**2)
    return share * mean, np.sqrt(np.maximum(squares - (share * mean) ** 2, 0))
