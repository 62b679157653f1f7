"""Swapped frames as tuning sees them: cut out around the face, with the mesh that is below each pixel."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.align import apply, crop, similarity
from visard.models.face import Face, Image, Landmarks
from visard.models.five_points import ARCFACE, FIVE_POINTS
from visard.models.geometry.canonical import LIPS_INNER, canonical
from visard.models.geometry.pose import Pose, fit_pose
from visard.models.geometry.raster import Raster
from visard.models.processor import Patch
from visard.models.swap.mesh.eyes import EYES, closed, gaze
from visard.models.swap.mesh.light import smoothstep
from visard.models.swap.mesh.swapper import MeshSwap
from visard.models.swap.mesh.texture import Texture
from visard.models.swap.mesh.window import FrameWindow, around_outline, rim_of

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]
Frame = tuple[Image, Face]
"""A driver's picture and the face in it."""

SIDE = 160
"""Pixels of a view: what recognisers see, and something around it."""
FIVE_AT = np.asarray(ARCFACE * 128 / 112 + 16, np.float32)
"""Where eyes, nose and corners of the mouth are in it."""
MOVED_SIDE, LIGHT_LOOKUP_SIDE = 40, 80
"""Sides at which a view knows its mesh; it is linear inside triangles."""
_SETTLE = 5
"""Frames until light and neutral shape of a driver are known."""
_TRIANGLES = np.concatenate([canonical().triangles, around_outline()])


@dataclass(frozen=True, slots=True)
class View:
    """One swapped frame. Pictures are BGR, uint8 [160, 160, 3]."""

    swapped: Image
    driver: Image
    """The driver alone, with the driver's own five points at FIVE_AT."""
    mask: npt.NDArray[np.uint8]
    """How much of the persona's texture shows, [160, 160]."""
    corners: npt.NDArray[np.int16]
    """Points of the triangle in front, [40, 40, 3]; from 468 on they belong to the rim, which stays."""
    weights: Floats
    """And how much each of them counts, [40, 40, 3]; 0 outside."""
    uv: Floats
    """Where on the texture plane a pixel is, [80, 80, 2]; below 0 where it is not."""
    turn: Floats
    """Upright centimetres to pixels of the view, [2, 3]."""
    five: Floats
    """Eyes, nose and corners of the mouth in the view, [5, 2]."""
    weight: float
    """How much it says of who it is: little with lids closed or the mouth open."""


class _ObservedSwap(MeshSwap):
    """A swap that tells where it has drawn."""

    drawn: Landmarks

    def _paint(
        self, texture: Image, alpha: Mask, moved: Landmarks, pose: Pose, window: FrameWindow
    ) -> tuple[Image, Mask]:
        self.drawn = moved
        return super()._paint(texture, alpha, moved, pose, window)

    def neutral(self, face: Face) -> Landmarks:
        """Return a driver's neutral shape so far."""
        return self._drivers[face.id].neutral


def views(texture: Texture, frames: Iterable[Frame]) -> Iterator[View]:
    """Yield what a persona makes of one driver's frames, but for the first few; 20 ms each."""
    swap = _ObservedSwap(texture)
    for number, (image, face) in enumerate(frames):
        patch = swap(image, face)
        if number >= _SETTLE:
            swapped, mask = blended(image, patch)
            yield _view(image, swapped, mask, face, swap)


def blended(image: Image, patch: Patch) -> tuple[Image, Mask]:
    """Return a frame with a swap's patch in it, and how much of the patch shows, [height, width]."""
    swapped, mask = image.copy(), np.zeros(image.shape[:2], np.uint8)
    if patch.under is not None:
        height, width = patch.under.image.shape[:2]
        swapped[patch.under.y :, patch.under.x :][:height, :width] = patch.under.image
    x, y = patch.matrix[:, 2].astype(int)
    height, width = patch.mask.shape
    mask[y : y + height, x : x + width] = patch.mask
    here = swapped[y : y + height, x : x + width]
    share = patch.mask * np.float32(1 / 255)
    here[...] = cv2.blendLinear(patch.image, np.ascontiguousarray(here), share, 1 - share)
    return swapped, mask


def _view(image: Image, swapped: Image, mask: Mask, face: Face, swap: _ObservedSwap) -> View:
    drawn, pose = swap.drawn, fit_pose(face.landmarks)
    five = np.array([*(gaze(face.landmarks, drawn, *eye)[0] for eye in EYES), *drawn[FIVE_POINTS[2:], :2]])
    matrix = similarity(five, FIVE_AT)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    points = np.concatenate([drawn, rim_of(face.landmarks[:468])])
    points = np.column_stack([apply(matrix, points[:, :2]), points[:, 2] * scale]).astype(np.float32)
    corners, weights = _mesh(points)
    shut = max(closed(face.landmarks[:468], swap.neutral(face), pose.scale))
    return View(
        swapped=crop(swapped, matrix, SIDE),
        driver=crop(image, similarity(face.landmarks[FIVE_POINTS, :2], FIVE_AT), SIDE),
        mask=np.asarray(cv2.warpAffine(mask, matrix, (SIDE, SIDE)), np.uint8),
        corners=corners,
        weights=weights,
        uv=_texture_plane(points),
        turn=np.asarray(matrix[:, :2] @ pose.rotation[:2] * pose.scale, np.float32),
        five=np.asarray(apply(matrix, five), np.float32),
        weight=0.3 + 0.7 * (1 - shut) * (1 - _agape(face.landmarks[LIPS_INNER, :2])),
    )


def _agape(lips: Floats) -> float:
    """How far a mouth is open, 0..1; ``lips`` is the ring of their inner rim, [20, 2]."""
    between = np.linalg.norm(lips[3:8] - lips[17:12:-1], axis=1).mean()
    return float(smoothstep(np.asarray(between / np.linalg.norm(lips[0] - lips[10]), np.float32), 0.08, 0.3))


def _scaled(points: Landmarks, side: int) -> Landmarks:
    """Points of a view in a drawing of it."""
    scaled = points * np.float32(side / SIDE)
    scaled[:, :2] += np.float32(0.5 * side / SIDE - 0.5)
    return scaled


def _mesh(points: Landmarks) -> tuple[npt.NDArray[np.int16], Floats]:
    """Which triangle is in front at each pixel of 40 x 40, and what its three points count there."""
    points, side = _scaled(points, MOVED_SIDE), MOVED_SIDE
    count = len(_TRIANGLES)
    numbers = np.repeat(np.arange(count, dtype=np.float32), 3)[:, None].repeat(3, 1)
    raster = Raster(np.arange(3 * count, dtype=np.int32).reshape(-1, 3), side, side)
    drawn = np.round(raster(points[_TRIANGLES].reshape(-1, 3), numbers, background=-1.0)[..., 0]).astype(int)
    corners = _TRIANGLES[np.maximum(drawn, 0)]
    a, b, c = (points[corners[..., k], :2].astype(np.float64) for k in range(3))
    here = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1) - a
    whole = _cross(b - a, c - a)
    whole = np.where(np.abs(whole) < 1e-6, 1e-6, whole)
    second, third = _cross(here, c - a) / whole, _cross(b - a, here) / whole
    weights = np.stack([1 - second - third, second, third], -1).clip(-0.3, 1.3)
    weights *= (drawn >= 0)[..., None] / weights.sum(-1, keepdims=True)
    return corners.astype(np.int16), weights.astype(np.float32)


def _cross(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _texture_plane(points: Landmarks) -> Floats:
    values = np.full((len(points), 3), -1, np.float32)
    values[:468, :2] = canonical().uv
    side = LIGHT_LOOKUP_SIDE
    return Raster(_TRIANGLES, side, side)(_scaled(points, side), values, background=-1.0)[..., :2].copy()
