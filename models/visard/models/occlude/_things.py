"""From how sure a network is of what is in front of a face to the things that are."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.align import Matrix, apply
from visard.models.face import Face
from visard.models.geometry.canonical import OVAL

Mask = npt.NDArray[np.uint8]

_SURE, _LIKELY = 160, 48
"""A thing in front is somewhere surer than the first, 0..255, and as far as it is surer than the second."""
_LEAST = 1 / 700
"""Share of a crop that the smallest thing that is believed has inside the face."""
_HOLE = 1 / 30
"""Share of a crop that the largest hole in a thing that is filled has."""
_EDGE = np.ones((3, 3), np.uint8)
"""Around a thing, what is kept too: its outermost pixels show a little of it."""


def inside(matrix: Matrix, face: Face, side: int) -> Mask:
    """Return 255 inside the face's outline and 0 elsewhere, in a crop of ``side`` x ``side``."""
    mask = np.zeros((side, side), np.uint8)
    oval = apply(matrix, face.landmarks[OVAL, :2])
    return np.asarray(cv2.fillPoly(mask, [np.round(oval).astype(np.int32)], 255), np.uint8)


def things(seen: Mask, face: Mask) -> Mask:
    """Keep what is sure enough and reaches far enough into the face: 255 there, 0 along the border."""
    count, pieces = cv2.connectedComponents((seen > _LIKELY).astype(np.uint8))
    within = np.bincount(pieces[(face > 0) & (seen > _SURE)], minlength=count)
    within[0] = 0
    mask = np.zeros_like(seen)
    large = within >= int(seen.size * _LEAST)
    if large.any():
        whole = cv2.dilate(_without_holes(large[pieces].astype(np.uint8)), _EDGE)
        mask[1:-1, 1:-1] = whole[1:-1, 1:-1] * np.uint8(255)
    return mask


def _without_holes(found: Mask) -> Mask:
    """Fill small holes: the middle of a cap, of a cup."""
    holes, pieces, boxes, _ = cv2.connectedComponentsWithStats(1 - found, connectivity=4)
    small = boxes[:holes, cv2.CC_STAT_AREA] <= int(found.size * _HOLE)
    return np.where(small[pieces], np.uint8(1), found)
