"""The texture plane of the canonical mesh: every face unrolled into the same square."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.geometry.canonical import OVAL, canonical
from visard.models.geometry.raster import Raster, resample

Floats = npt.NDArray[np.float32]


def texels(side: int) -> Floats:
    """Where each mesh point lies in a texture of ``side`` pixels, float32 [468, 2]."""
    return canonical().uv * np.float32(side) - np.float32(0.5)


def unroll(image: Image, points: Floats, side: int) -> Image:
    """Take a picture onto the texture plane; ``points`` float32 [468, 2] are its mesh points in pixels.

    Outside the oval the colour of its edge goes on, so that smaller copies hold nothing but face.
    """
    flat = np.zeros((468, 3), np.float32)
    flat[:, :2] = texels(side)
    values = np.column_stack([points, np.ones(468, np.float32)])
    drawn = Raster(canonical().triangles, side, side)(flat, values, background=-1.0)
    lookup = drawn.reshape(-1, 3)[_nearest(drawn[..., 2] > 0), :2]
    return resample(image, np.ascontiguousarray(lookup), interpolation=cv2.INTER_CUBIC)


@cache
def inside(side: int) -> npt.NDArray[np.uint8]:
    """The face's oval on the texture plane, uint8 [side, side], 255 inside."""
    return polygons(side, [OVAL])


def polygons(side: int, loops: list[list[int]], grow: int = 0) -> npt.NDArray[np.uint8]:
    """Areas inside loops of mesh points, grown by so many pixels, 255 inside."""
    area = np.zeros((side, side), np.uint8)
    for loop in loops:
        cv2.fillPoly(area, [np.round(texels(side)[loop] * 16).astype(np.int32)], 255, shift=4)
    if grow:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
        cv2.dilate(area, disc, dst=area)
    return area


def reduced(texture: Image, side: int) -> Image:
    """Scale a square texture down to ``side`` pixels."""
    return np.asarray(cv2.resize(texture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def edge_distance(side: int) -> Floats:
    """Distance from the oval's edge, 0 outside, in texture sides."""
    framed = cv2.copyMakeBorder(inside(side), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1] / side, np.float32)


_COARSE = 64
"""Points are interpolated on this many texels a side at most, and between them linearly."""


class Sampler:
    """Samples a frame onto a small texture without drawing: the same three points and weights every time."""

    def __init__(self, side: int) -> None:
        self.side = side
        self._coarse = side = min(side, _COARSE)
        flat = np.zeros((468, 3), np.float32)
        flat[:, :2] = texels(side)
        triangles = canonical().triangles
        ids = np.full((side, side), -1, np.int32)
        for number in _by_size(flat[triangles]):  # large ones last: they can be extended by a pixel
            corners = np.round(flat[triangles[number], :2] * 16).astype(np.int32)
            cv2.fillConvexPoly(ids, corners, int(number), shift=4)
        self._points = triangles[ids.ravel()[_nearest(ids >= 0).ravel()]]
        a, b, c = (flat[self._points[:, k], :2].astype(np.float64) for k in range(3))
        y, x = np.mgrid[:side, :side]
        here = np.stack([x.ravel(), y.ravel()], 1)
        whole = _cross(b - a, c - a)
        second, third = _cross(here - a, c - a) / whole, _cross(b - a, here - a) / whole
        weights = np.stack([1 - second - third, second, third], 1).clip(-0.5, 1.5)
        self._weights = np.asarray(weights / weights.sum(1, keepdims=True), np.float32)

    def __call__(self, image: Image, points: Floats) -> Image:
        """Return the unrolled face, [side, side, 3]; ``points`` float32 [468, 2] in frame pixels."""
        return resample(image, self.lookup(points))

    def lookup(self, values: Floats) -> Floats:
        """Interpolate values of mesh points [468, k] over the texture, [side, side, k]."""
        spread = np.einsum("nk,nkd->nd", self._weights, values[self._points])
        coarse = spread.reshape(self._coarse, self._coarse, -1)
        whole = np.asarray(cv2.resize(coarse, (self.side, self.side)), np.float32)
        return whole.reshape(self.side, self.side, -1)


def _nearest(known: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """The flat index of the nearest known texel for each texel, [height, width]."""
    unknown = (~known).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(labels, np.intp)
    index = np.zeros(labels.max() + 1, np.intp)
    index[labels[known]] = np.flatnonzero(known)
    return np.asarray(index[labels])


def _by_size(triangles: Floats) -> npt.NDArray[np.intp]:
    """Indices of flat triangles [n, 3, 3] from the smallest to the largest."""
    a, b, c = (triangles[:, k].astype(np.float64) for k in range(3))
    return np.argsort(np.abs(_cross(b - a, c - a)))


def _cross(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
