"""Glasses of the driver."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image, Landmarks
from visard.models.geometry.canonical import BROW_LEFT, BROW_RIGHT, EYE_RING_LEFT, EYE_RING_RIGHT
from visard.models.geometry.uv import Sampler, edge_distance, polygons, texels

Mask = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SIDE = 256
"""Frames are looked for on textures of this size, where they are about three texels thin."""

_SURE, _LIKELY = 0.12, 0.08
"""How much a thin line differs from its surroundings, as a share: to be a frame, to be part of one."""
_SPAN = 0.28
"""A frame runs over the nose: one piece at least this wide, in texture sides. Wrinkles are shorter."""
_LOOK_EVERY = 8
"""Frames between two looks at a driver who wears no glasses as far as is known."""


def find_frame(texture: Image) -> Mask:
    """Where a frame is drawn on a texture [256, 256, 3], 255 there; all 0 without glasses."""
    lines = _thin_lines(texture)
    return _frame_of(lines) if _spans_nose(lines) else np.zeros((SIDE, SIDE), np.uint8)


def _spans_nose(lines: Floats) -> bool:
    _, widths = _pieces(lines > _SURE)
    return bool(len(widths)) and bool(widths.max() >= _SPAN * SIDE)


def _frame_of(lines: Floats) -> Mask:
    """The lines that are long enough to be part of a frame, 255 there."""
    pieces, widths = _pieces(lines > _LIKELY)
    return np.where(np.isin(pieces, 1 + np.flatnonzero(widths > 0.08 * SIDE)), 255, 0).astype(np.uint8)


class Spectacles:
    """Learns over time whether a driver wears glasses; when they do, finds the frame in every picture."""

    def __init__(self, sampler: Sampler) -> None:
        """``sampler`` unrolls to SIDE."""
        self._sampler = sampler
        self._belief = 0.0
        self._frames = 0
        self.worn = False
        self._frame = np.zeros((SIDE, SIDE), np.float32)

    def __call__(self, image: Image, points: Landmarks) -> Floats | None:
        """Return where the frame is, float32 [256, 256] 0..1, or None; ``points`` are the driver's mesh."""
        self._frames += 1
        look = self._frames % _LOOK_EVERY == 1
        if not look and not self.worn:
            return None
        lines = _thin_lines(self._sampler(image, points[:, :2]))
        if look:
            self._believe(lines)
        if not self.worn:
            return None
        found = cv2.dilate(_frame_of(lines), _disc(1))
        self._frame += 0.4 * (cv2.GaussianBlur(found, (0, 0), 0.8).astype(np.float32) / 255 - self._frame)
        return self._frame

    def _believe(self, lines: Floats) -> None:
        """Slow to change its mind: a turned head hides the bridge, a wrinkle is no frame."""
        first = self._frames == 1
        self._belief += (0.6 if first else 0.15) * (_spans_nose(lines) - self._belief)
        self.worn = self._belief > (0.12 if self.worn else 0.5)


def _thin_lines(texture: Image) -> Floats:
    """How much each texel differs from what is around a thin line, as a share; 0 outside the band."""
    lines = np.zeros((SIDE, SIDE), np.float32)
    rows, band = _band()
    grey = cv2.GaussianBlur(cv2.cvtColor(texture[rows], cv2.COLOR_BGR2GRAY), (0, 0), 0.7)
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, _disc(3))
    light = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, _disc(3))
    around = cv2.blur(cv2.blur(grey, (17, 17)), (17, 17)).astype(np.float32) + 8
    lines[rows] = np.maximum(dark, light) / around * band
    return lines


def _pieces(lines: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Number each connected piece from 1 on, and give their widths."""
    rows, _ = _band()
    joined = cv2.morphologyEx(lines[rows].astype(np.uint8), cv2.MORPH_CLOSE, _disc(2))
    pieces = np.zeros(lines.shape, np.int32)
    count, pieces[rows], boxes, _ = cv2.connectedComponentsWithStats(joined)
    return pieces, np.asarray(boxes[1:count, cv2.CC_STAT_WIDTH], np.int32)


@cache
def _band() -> tuple[slice, npt.NDArray[np.bool_]]:
    """The rows where frames sit, from the brows to half the nose, and where in them no feature lies."""
    points = texels(SIDE)
    top = int(points[[105, 334, 107, 336], 1].min() - SIDE * 0.01)
    bottom = int(points[[4, 205, 425], 1].mean())
    features = polygons(SIDE, [EYE_RING_LEFT, EYE_RING_RIGHT], 4) | polygons(SIDE, [BROW_LEFT, BROW_RIGHT], 2)
    bare = (edge_distance(SIDE) > 0.015) & (features == 0)
    return slice(top, bottom), np.asarray(bare[top:bottom], np.bool_)


def _disc(radius: int) -> Mask:
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )
