"""``fast``: a small network that ships with Visard, trained on things drawn over people who do not exist."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.align import Points, align, apply, crop, invert
from visard.models.bundled import network
from visard.models.face import Face, Image
from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER, OVAL
from visard.models.occlusion import Occlusion

SIDE = 160
"""Width and height in pixels of what the network sees and says."""
COVERAGE, OFFSET = 1.8, (0.0, 0.06)
"""How much around a face it sees, as ``align`` has it."""

_SURE = 128
"""A thing in front is somewhere surer than this, 0..255."""
_LEAST = SIDE * SIDE // 700
"""Pixels inside the face of the smallest thing that is believed."""
_HOLE = SIDE * SIDE // 30
"""Pixels of the largest hole in a thing that is filled."""
_FADE = 0.35
"""How much of what was in front a frame ago still is, at most: fingers do not flicker."""

_LOOK_EVERY = 8
"""Frames between two looks for headgear on a face that nothing is in front of."""

Mask = npt.NDArray[np.uint8]


class FastOcclusion:
    """Finds it in 1 ms a face."""

    def __init__(self, *, wait: bool = True) -> None:
        self._engine = network("occlusion", wait=wait)
        self._before: dict[int, Mask] = {}
        self._plain: dict[int, int] = {}

    def forget(self) -> None:
        """Drop what was in front before."""
        self._before.clear()
        self._plain.clear()

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
        if self._looks_for_colours(face, seen, inside):
            coloured = _coloured(cut, points, inside, seen)
            if coloured.any():
                self._plain[face.id] = -1  # look again in the next frame
                seen = np.maximum(seen, coloured)
        mask = _things(seen, inside)
        before = self._before.get(face.id)
        if before is not None:
            mask = np.maximum(mask, (before * _FADE).astype(np.uint8))
        return Occlusion(mask, invert(matrix).astype(np.float32)) if mask.any() else None

    def _looks_for_colours(self, face: Face, seen: Mask, inside: Mask) -> bool:
        """At once where something is in front, and now and then on a bare face: it is the dearest part."""
        if face.id not in self._plain and len(self._plain) > 16:
            self._plain.clear()
        plain = self._plain[face.id] = self._plain.get(face.id, -1) + 1
        sure = cv2.countNonZero(cv2.bitwise_and((seen > _SURE).astype(np.uint8), inside))
        return sure >= _LEAST or plain % _LOOK_EVERY == 0


def _coloured(cut: Image, points: Points, inside: Mask, seen: Mask) -> Mask:
    """Where a face has another colour than its cheeks and the network is sure of a part of that, 255 there.

    It sees edges and patterns better than plain surfaces. On the forehead, from side to side and up to its
    edge, it need not be sure: it learned that caps are hair, since many of the people it saw wear one.
    """
    x, y = np.clip(points[_CHEEKS].astype(int), 2, SIDE - 3).T
    patches = np.stack([cut[b - 2 : b + 3, a - 2 : a + 3] for a, b in zip(x, y, strict=True)])
    bare = np.array([int(seen[b, a]) for a, b in zip(x, y, strict=True)]) < _SURE
    skin = np.log((patches[bare] if bare.any() else patches).mean((0, 1, 2)) + 8)
    logs = np.log(cut.astype(np.float32) + 8)
    tint = np.abs(np.diff(logs - skin.astype(np.float32), axis=-1)).sum(-1)
    lighter = np.maximum(logs.max(-1) - np.float32(skin.max()), 0)
    features = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(features, [np.round(points[loop]).astype(np.int32) for loop in _FEATURES], 1)
    possible = (cut.max(-1) > 40) & (inside > 0) & (features == 0)
    pieces, boxes = _pieces((tint + 0.7 * lighter > 0.7 * _TINTED) & possible)
    touched = np.bincount(pieces[seen > _SURE], minlength=len(boxes)) > _TOUCHES
    caps, cap_boxes = _pieces((tint > _TINTED) & possible)
    headgear = _is_headgear(cap_boxes, points)
    touched[0] = headgear[0] = False
    return np.where(touched[pieces] | headgear[caps], np.uint8(255), np.uint8(0))


def _pieces(area: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The number of the connected piece that each pixel belongs to, 0 for none, and OpenCV's boxes of all."""
    opened = cv2.morphologyEx(area.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces, boxes, _ = cv2.connectedComponentsWithStats(opened)
    return np.asarray(pieces, np.int32), np.asarray(boxes[:count], np.int32)


def _is_headgear(boxes: npt.NDArray[np.int32], points: Points) -> npt.NDArray[np.bool_]:
    """Which boxes reach across the forehead and up to its edge, and no lower than the eyes."""
    left, right = points[OVAL, 0].min(), points[OVAL, 0].max()
    top, height = boxes[:, cv2.CC_STAT_TOP], boxes[:, cv2.CC_STAT_HEIGHT]
    wide = boxes[:, cv2.CC_STAT_WIDTH] > 0.4 * (right - left)
    high = top < points[OVAL, 1].min() + 0.06 * (right - left)
    return np.asarray(wide & high & (top + height < points[_LIDS, 1].min()))


_CHEEKS, _LIDS = [50, 280, 205, 425], [145, 374]
_FEATURES = (EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER)
_TINTED = 0.42
"""How far red to green and green to blue, as natural logarithms, are from the skin's in another colour."""
_TOUCHES = 10
"""Pixels of a differently coloured area that the network must be sure of."""


def _things(seen: Mask, face: Mask) -> Mask:
    """Keep what is sure enough and reaches far enough into the face, with clear edges, 0 along the border."""
    count, pieces = cv2.connectedComponents((seen > _SURE).astype(np.uint8))
    inside = np.bincount(pieces[face > 0], minlength=count)
    inside[0] = 0
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if (inside >= _LEAST).any():
        whole = _without_holes((inside >= _LEAST)[pieces].astype(np.uint8))
        clear = np.maximum(_CLEAR[seen], whole * np.uint8(255)) * cv2.dilate(whole, np.ones((7, 7), np.uint8))
        mask[1:-1, 1:-1] = clear[1:-1, 1:-1]
    return mask


def _without_holes(things: Mask) -> Mask:
    """Fill small holes: the middle of a cap, of a cup."""
    holes, pieces, boxes, _ = cv2.connectedComponentsWithStats(1 - things, connectivity=4)
    small = boxes[:holes, cv2.CC_STAT_AREA] <= _HOLE
    return np.where(small[pieces], np.uint8(1), things)


_CLEAR = np.clip((np.arange(256) - 64) * 2, 0, 255).astype(np.uint8)
"""A steeper edge around the level at which it is as likely in front as not."""


class Fast:
    """The occluder."""

    name = "fast"
    summary = "a small network that ships with Visard; 1 ms a face"

    def open(self, *, wait: bool = True) -> FastOcclusion:
        """Load the network."""
        return FastOcclusion(wait=wait)


occluder = Fast()
