"""``fast``: a small network that ships with Visard, trained on things drawn over people who do not exist."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.align import align, apply, crop, invert
from visard.models.bundled import network
from visard.models.face import Face, Image
from visard.models.geometry.canonical import OVAL
from visard.models.occlusion import Occlusion

SIDE = 160
"""Width and height in pixels of what the network sees and says."""
COVERAGE, OFFSET = 1.8, (0.0, 0.06)
"""How much around a face it sees, as ``align`` has it."""

_SURE, _LIKELY = 160, 48
"""A thing in front is somewhere surer than the first, 0..255, and as far as it is surer than the second."""
_LEAST = SIDE * SIDE // 700
"""Pixels inside the face of the smallest thing that is believed."""
_HOLE = SIDE * SIDE // 30
"""Pixels of the largest hole in a thing that is filled."""
_EDGE = np.ones((3, 3), np.uint8)
"""Around a thing, what is kept too: its outermost pixels show a little of it."""
_FADE = 0.35
"""How much of what was in front a frame ago still is, at most: fingers do not flicker."""

Mask = npt.NDArray[np.uint8]


class FastOcclusion:
    """Finds it in about 2 ms a face, 1 ms of that in the network in bf16."""

    def __init__(self, *, wait: bool = True) -> None:
        self._engine = network("occlusion", precision="auto", wait=wait)
        self._before: dict[int, Mask] = {}

    def forget(self) -> None:
        """Drop what was in front before."""
        self._before.clear()

    def __call__(self, image: Image, faces: Sequence[Face]) -> list[Occlusion | None]:
        """Return what is in front of each face."""
        found = [self._find(image, face) for face in faces]
        self._before = {face.id: seen.mask for face, seen in zip(faces, found, strict=True) if seen}
        return found

    def _find(self, image: Image, face: Face) -> Occlusion | None:
        matrix = align(face.landmarks, SIDE, coverage=COVERAGE, offset=OFFSET)
        cut, points = crop(image, matrix, SIDE), apply(matrix, face.landmarks[:468, :2])
        seen = np.asarray(self._engine(cut[None])[0], np.uint8).reshape(SIDE, SIDE)
        inside = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(inside, [np.round(points[OVAL]).astype(np.int32)], 1)
        mask = _things(seen, inside)
        before = self._before.get(face.id)
        if before is not None:
            mask = np.maximum(mask, (before * _FADE).astype(np.uint8))
        return Occlusion(mask, invert(matrix).astype(np.float32)) if mask.any() else None


def _things(seen: Mask, face: Mask) -> Mask:
    """Keep what is sure enough and reaches far enough into the face: 255 there, 0 along the border."""
    count, pieces = cv2.connectedComponents((seen > _LIKELY).astype(np.uint8))
    inside = np.bincount(pieces[(face > 0) & (seen > _SURE)], minlength=count)
    inside[0] = 0
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if (inside >= _LEAST).any():
        whole = cv2.dilate(_without_holes((inside >= _LEAST)[pieces].astype(np.uint8)), _EDGE)
        mask[1:-1, 1:-1] = whole[1:-1, 1:-1] * np.uint8(255)
    return mask


def _without_holes(things: Mask) -> Mask:
    """Fill small holes: the middle of a cap, of a cup."""
    holes, pieces, boxes, _ = cv2.connectedComponentsWithStats(1 - things, connectivity=4)
    small = boxes[:holes, cv2.CC_STAT_AREA] <= _HOLE
    return np.where(small[pieces], np.uint8(1), things)


class Fast:
    """The occluder."""

    name = "fast"
    summary = "a small network that ships with Visard; 1 ms a face"

    def open(self, *, wait: bool = True) -> FastOcclusion:
        """Load the network."""
        return FastOcclusion(wait=wait)


occluder = Fast()
