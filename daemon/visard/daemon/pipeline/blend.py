"""Puts a swapped crop into the frame it came from."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.daemon.config.settings import Colour, Settings
from visard.daemon.pipeline import colour
from visard.models.buffers import Buffers
from visard.models.face import Face, Image
from visard.models.geometry.canonical import LIPS_OUTER
from visard.models.processor import Patch

Mask = npt.NDArray[np.uint8]

_MASK_WORK = 160
"""Longer side in pixels at which masks are grown and blurred; they are smooth, so more shows nothing."""
_ROWS = 64
"""So many are mixed at once that what is between stays near the processor."""
_CUT = -0.498
"""Added to 255ths before they are rounded, so that they are cut off."""


@dataclass(slots=True)
class _Placed:
    """The part of a patch that lies inside the frame, in frame pixels."""

    image: Image
    mask: Mask
    x: int
    y: int


class Blender:
    """Blends patches in place; keeps buffers and colour maps between frames. One thread."""

    def __init__(self) -> None:
        self._scratch = Buffers()
        self._colours: dict[int, tuple[Colour, colour.Map]] = {}

    def __call__(self, frame: Image, patch: Patch, face: Face, settings: Settings) -> None:
        """Put ``patch`` into ``frame``, BGR, changing it; what is in front of the face stays as it is."""
        front = face.occlusion.in_frame(frame.shape[1], frame.shape[0]) if face.occlusion else None
        if front is None:
            self._put(frame, patch, face, settings)
            return
        left, top, mask = front
        part = frame[top : top + mask.shape[0], left : left + mask.shape[1]]
        before = part.copy()
        self._put(frame, patch, face, settings)
        self._mix(part, before, mask)

    def _put(self, frame: Image, patch: Patch, face: Face, settings: Settings) -> None:
        if patch.under is not None:
            under, (height, width) = patch.under, patch.under.image.shape[:2]
            frame[under.y : under.y + height, under.x : under.x + width] = under.image
        placed = self._place(frame.shape[0], frame.shape[1], patch)
        if placed is None:
            return
        height, width = placed.mask.shape
        scene = frame[placed.y : placed.y + height, placed.x : placed.x + width]
        image = self._toned(placed, scene, face, settings)
        mask = self._shaped(placed, face, settings)
        self._mix(scene, image, mask)

    def forget(self) -> None:
        """Drop the colour maps learned so far."""
        self._colours.clear()

    def _mix(self, scene: Image, image: Image, mask: Mask) -> None:
        """Write (scene * (255 - mask) + image * mask) / 255 into ``scene``.

        It is cut down to bytes and not rounded, as the programs have it whose networks run here.
        """
        for row in range(0, len(mask), _ROWS):
            part = slice(row, row + _ROWS)
            self._mix_rows(scene[part], image[part], mask[part])

    def _mix_rows(self, scene: Image, image: Image, mask: Mask) -> None:
        weight, rest = (self._scratch.bytes(name, *scene.shape) for name in ("w", "r"))
        ours, theirs = (self._scratch.words(name, *scene.shape) for name in ("a", "b"))
        cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR, dst=weight)
        cv2.bitwise_not(weight, dst=rest)
        np.multiply(image, weight, out=ours, dtype=np.uint16)  # OpenCV goes through floats
        np.multiply(scene, rest, out=theirs, dtype=np.uint16)
        cv2.add(ours, theirs, dst=ours)
        cv2.convertScaleAbs(ours, dst=scene, alpha=1 / 255, beta=_CUT)

    def _place(self, frame_height: int, frame_width: int, patch: Patch) -> _Placed | None:
        matrix, (height, width) = patch.matrix, patch.mask.shape
        x, y = round(float(matrix[0, 2])), round(float(matrix[1, 2]))
        if not np.allclose(matrix, [[1, 0, x], [0, 1, y]], atol=1e-3):
            return self._warp(frame_height, frame_width, patch)
        left, top = max(-x, 0), max(-y, 0)
        right, bottom = min(width, frame_width - x), min(height, frame_height - y)
        if left >= right or top >= bottom:
            return None
        part = slice(top, bottom), slice(left, right)
        return _Placed(patch.image[part], patch.mask[part], x + left, y + top)

    def _warp(self, frame_height: int, frame_width: int, patch: Patch) -> _Placed | None:
        height, width = patch.mask.shape
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ patch.matrix.T
        low = np.floor(corners.min(0)).clip(0)
        high = np.ceil(corners.max(0)).clip(None, (frame_width, frame_height))
        (x, y), (w, h) = low.astype(int).tolist(), (high - low).astype(int).tolist()
        if w <= 0 or h <= 0:
            return None
        matrix = patch.matrix - np.array([[0, 0, x], [0, 0, y]], np.float32)
        image, mask = self._scratch.bytes("warped", h, w, 3), self._scratch.bytes("warped mask", h, w)
        if patch.interpolation == cv2.INTER_LINEAR and not _reaches_edge(patch.mask):
            self._warp_both(patch, matrix, image, mask)
        else:
            flags, border = patch.interpolation, cv2.BORDER_REPLICATE
            cv2.warpAffine(patch.image, matrix, (w, h), dst=image, flags=flags, borderMode=border)
            cv2.warpAffine(patch.mask, matrix, (w, h), dst=mask, borderMode=cv2.BORDER_CONSTANT)
        return _Placed(image, mask, x, y)

    def _warp_both(self, patch: Patch, matrix: npt.NDArray[np.float32], image: Image, mask: Mask) -> None:
        """Fill image and mask at once: OpenCV is faster with four channels than with three."""
        both = self._scratch.bytes("both", *patch.mask.shape, 4)
        cv2.cvtColor(patch.image, cv2.COLOR_BGR2BGRA, dst=both)
        cv2.insertChannel(patch.mask, both, 3)
        placed = self._scratch.bytes("warped both", *mask.shape, 4)
        size = mask.shape[1], mask.shape[0]
        cv2.warpAffine(both, matrix, size, dst=placed, borderMode=cv2.BORDER_REPLICATE)
        cv2.cvtColor(placed, cv2.COLOR_BGRA2BGR, dst=image)
        cv2.extractChannel(placed, 3, dst=mask)

    def _toned(self, placed: _Placed, scene: Image, face: Face, settings: Settings) -> Image:
        """Return the patch with colour transfer and sharpening."""
        image = placed.image
        if settings.colour in colour.FITS:
            colours = self._learn(settings.colour, placed, scene, face)
            if colours is not None:
                image = colour.apply(colours, image, self._scratch.bytes("toned", *image.shape))
        if settings.sharpen > 0:
            soft = self._scratch.bytes("soft", *image.shape)
            cv2.GaussianBlur(image, (0, 0), max(face.size / 130, 0.8), dst=soft)
            sharp = self._scratch.bytes("sharp", *image.shape)
            image = np.asarray(
                cv2.addWeighted(
                    image, 1 + 1.5 * settings.sharpen, soft, -1.5 * settings.sharpen, 0, dst=sharp
                )
            )
        return image

    def _learn(self, kind: Colour, placed: _Placed, scene: Image, face: Face) -> colour.Map | None:
        """Fit the colour map and average it over frames, so that noise does not make the face flicker."""
        fresh = colour.fit(kind, placed.image, scene, placed.mask)
        before = self._colours.get(face.id)
        if fresh is None or before is None or before[0] is not kind:
            settled = fresh
        else:
            settled = before[1] + 0.2 * (fresh - before[1])
        if settled is not None:
            if len(self._colours) > 16:
                self._colours.clear()
            self._colours[face.id] = kind, settled
        return settled

    def _shaped(self, placed: _Placed, face: Face, settings: Settings) -> Mask:
        """Return the mask after grow, blur, mouth and opacity."""
        mask = placed.mask
        if settings.mask_grow or settings.mask_blur:
            mask = _reshaped(mask, settings.mask_grow * face.size, settings.mask_blur * face.size)
        if settings.keep_mouth:
            mask = _without_mouth(mask, face, placed.x, placed.y)
        if settings.opacity < 1:
            mask = np.asarray(cv2.convertScaleAbs(mask, alpha=settings.opacity), np.uint8)
        return mask


def _reaches_edge(mask: Mask) -> bool:
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _reshaped(mask: Mask, grow: float, blur: float) -> Mask:
    """Grow (or shrink) and soften by so many pixels, never beyond where the patch has content."""
    height, width = mask.shape
    scale = min(1.0, _MASK_WORK / max(mask.shape))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    steps = round(abs(grow) * scale)
    if steps:
        small = (cv2.dilate if grow > 0 else cv2.erode)(small, _disc(steps))
    if blur > 0:
        sigma = max(blur * scale / 3, 0.4)
        small = cv2.GaussianBlur(cv2.erode(small, _disc(max(round(2 * sigma), 1))), (0, 0), sigma)
    _, content = cv2.threshold(mask, 0, 255, cv2.THRESH_BINARY)
    return np.asarray(cv2.bitwise_and(cv2.resize(small, (width, height)), content), np.uint8)


def _disc(radius: int) -> npt.NDArray[np.uint8]:
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _without_mouth(mask: Mask, face: Face, x: int, y: int) -> Mask:
    """Take the driver's lips, and a little around them, out of a mask that lies at ``x, y``; softly."""
    lips = face.landmarks[LIPS_OUTER, :2] - (x, y)
    middle, sigma = lips.mean(0), max(face.size / 50, 1)
    area = np.round(middle + (lips - middle) * (1.2, 1.45)).astype(np.int32)
    edge = round(3 * sigma)
    low = np.clip(area.min(0) - edge, 0, mask.shape[::-1])
    high = np.clip(area.max(0) + edge, 0, mask.shape[::-1])
    if (high <= low).any():
        return mask
    around = np.full((*(high - low)[::-1],), 255, np.uint8)
    cv2.fillPoly(around, [area - low], 0)
    mask = mask.copy()
    part = mask[low[1] : high[1], low[0] : high[0]]
    cv2.multiply(part, cv2.GaussianBlur(around, (0, 0), sigma), dst=part, scale=1 / 255)
    return mask
