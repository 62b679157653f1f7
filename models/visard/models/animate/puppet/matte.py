"""Where the person is in a portrait, and what may be behind."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.bundled import network
from visard.models.face import Face, Image

Floats = npt.NDArray[np.float32]

_SIDE = 256
_REACH = 1.7
"""Half of the square that is looked at, in face sizes."""


def fill(image: Floats, known: Floats) -> Floats:
    """Guess the unknown part of a picture smoothly from the known one (pull-push pyramid).

    ``image`` float32 [height, width, channels], ``known`` float32 [height, width], 0..1.
    """
    height, width = known.shape
    if min(height, width) < 2:
        return image
    size = (width + 1) // 2, (height + 1) // 2
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    colour = cv2.resize(image * known[..., None], size, interpolation=cv2.INTER_AREA)
    coarse = fill(
        np.asarray(colour / np.maximum(weight, 1e-6)[..., None], np.float32),
        np.asarray(np.minimum(weight * 4, 1), np.float32),
    )
    guess = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(image * known[..., None] + guess * (1 - known[..., None]), np.float32)


def person(image: Image, face: Face) -> Floats:
    """Opacity of the person in a BGR portrait, float32 [height, width], 0..1, a little generous.

    Everything counts as person where the network finds none around the face, as in some paintings.
    """
    height, width = image.shape[:2]
    x, y = face.centre
    reach = _REACH * face.size
    left, top = max(0, round(x - reach)), max(0, round(y - reach))
    right, bottom = min(width, round(x + reach)), min(height, round(y + reach))
    square = cv2.resize(image[top:bottom, left:right], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    tensor = cv2.cvtColor(square, cv2.COLOR_BGR2RGB).astype(np.float32)[None] / 255
    small = network("mp_selfie_segmentation")(tensor)[0].reshape(_SIDE, _SIDE)
    crop = cv2.resize(small, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    around = (top, height - bottom, left, width - right)
    mask = np.asarray(cv2.copyMakeBorder(crop, *around, cv2.BORDER_REPLICATE), np.float32)
    if _covered(mask, face) < 0.9:
        return np.ones((height, width), np.float32)
    return _generous(mask, face.size)


def _covered(mask: Floats, face: Face) -> float:
    """How much of the face the mask holds."""
    hull = cv2.convexHull(face.landmarks[:, :2].astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), hull, 1)
    return float((mask * inside).sum() / max(int(inside.sum()), 1))


def _generous(mask: Floats, size: float) -> Floats:
    """Grow by a hair's breadth and soften: a rim of background moves along, no hair stays behind."""
    grow = max(3, round(size / 36)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow))
    sure = np.clip(mask * 2.5 - 0.25, 0, 1)
    return np.asarray(cv2.GaussianBlur(cv2.dilate(sure, kernel), (0, 0), grow / 3), np.float32)


def behind(image: Image, opacity: Floats, size: float) -> Image:
    """The portrait with the person taken out and the background drawn in."""
    grow = max(5, round(size / 16)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow))
    known = (cv2.dilate(opacity, kernel) < 0.03).astype(np.float32)
    if not known.any():
        return image.copy()
    guess = fill(image.astype(np.float32), known)
    soft = cv2.GaussianBlur(known, (0, 0), 2)[..., None] * known[..., None]
    mixed = image * soft + guess * (1 - soft)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)
