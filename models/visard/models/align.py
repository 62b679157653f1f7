"""Where a face is cut out for a network: similarities from landmarks to a crop, and the crop itself.

A trained face sees the square around a mean face, enlarged by its *coverage*. The mean face of DeepFaceLive
is MediaPipe's canonical UV map under a similarity, so the mesh we ship gives it to within 3e-7.
"""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image, Landmarks
from visard.models.geometry.canonical import canonical

_LARGE = 256
"""Side in pixels from which ``warp`` is faster than OpenCV's own."""

Points = npt.NDArray[np.floating]
"""[n, 2]: x right, y down."""
Matrix = npt.NDArray[np.float64]
"""Affine map of such points, float64 [2, 3]."""


@cache
def mean_face() -> Points:
    """The mean face that trained faces are aligned to: 468 points, the face's square is 0..1."""
    turn = np.array([[1.7720972, -0.0030929], [0.0030929, 1.7720972]])
    return np.asarray(canonical().uv @ turn + (-0.3973641, -0.4414189))


@cache
def still_points() -> npt.NDArray[np.bool_]:
    """Which of the 468 points expressions move least: the nose and a band across the cheeks.

    Without lids, brows, lips and jaw. Measured on 49 frames, the crop is within 1.1 pixels of 224 of
    DeepFaceLive's with *exclude moving parts*; a fit of all points is 7 pixels off at worst.
    """
    aside, v = np.abs(canonical().uv[:, 0] - 0.5), canonical().uv[:, 1]
    nose = (aside < 0.19) & (v > 0.40) & (v < 0.625)
    cheeks = (aside >= 0.085) & (aside < 0.27) & (v > 0.49) & (v < 0.665)
    lips = (aside < 0.115) & (v > 0.645)
    edges = (aside >= 0.27) & (v > 0.40) & (v < 0.60)
    return np.asarray(nose | (cheeks & ~lips) | edges)


def similarity(source: Points, target: Points) -> Matrix:
    """Least-squares similarity from points to points; never mirrors (Umeyama 1991, in the plane)."""
    z, w = (points.astype(np.float64) @ (1, 1j) for points in (source, target))
    z_mean, w_mean = z.mean(), w.mean()
    factor = np.vdot(z - z_mean, w - w_mean) / max(np.vdot(z - z_mean, z - z_mean).real, 1e-12)
    shift = w_mean - factor * z_mean
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def compose(outer: Matrix, inner: Matrix) -> Matrix:
    """Return the map that does ``inner`` first."""
    return np.asarray(outer[:, :2] @ inner + np.array([[0, 0, outer[0, 2]], [0, 0, outer[1, 2]]]))


def invert(matrix: Matrix) -> Matrix:
    """Return the map back."""
    return np.asarray(cv2.invertAffineTransform(matrix))


def apply(matrix: Matrix, points: Points) -> Points:
    """Map points."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def align(
    landmarks: Landmarks,
    size: int,
    *,
    coverage: float,
    offset: tuple[float, float] = (0.0, 0.0),
    still: bool = True,
    upright: bool = False,
) -> Matrix:
    """Return the map from frame pixels to those of a crop of ``size`` x ``size`` around a face.

    ``landmarks`` are [468 or more, 2 or 3]; ``offset`` moves the crop along the face's own axes, in sides of
    the mean face's square; ``still``: fit only ``still_points``; ``upright``: the crop does not roll with
    the head.
    """
    points, target = landmarks[:468, :2], mean_face()
    if still:
        points, target = points[still_points()], target[still_points()]
    fitted = similarity(points, target)
    middle = np.array([[0.5 + offset[0], 0.5 + offset[1]]])
    if upright:
        centre = apply(invert(fitted), middle)[0]
        side = np.sqrt(abs(np.linalg.det(fitted[:, :2])))
        fitted = np.array(
            [[side, 0, middle[0, 0] - side * centre[0]], [0, side, middle[0, 1] - side * centre[1]]]
        )
    scale, corner = size / coverage, middle[0] - coverage / 2
    return compose(np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]]), fitted)


def behind_the_face(yaw: float) -> float:
    """Return how far a crop of a whole head moves aside, for ``offset``; ``yaw`` in radians, of ``Pose``."""
    return -0.5 * yaw * abs(float(np.tanh(2 * yaw)))


def crop(picture: Image, matrix: Matrix, size: int) -> Image:
    """Cut the crop out, bilinearly; what lies outside the picture is black."""
    if size < _LARGE:
        return np.asarray(cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8)
    left, top, right, bottom = _seen(picture, matrix, size)
    moved = compose(matrix, np.array([[1.0, 0, left], [0, 1, top]]))
    return warp(picture[top:bottom, left:right], moved, (size, size))


def warp(picture: Image, matrix: Matrix, size: tuple[int, int]) -> Image:
    """Move a picture into one of so many pixels, width and height, bilinearly; black where it is not.

    OpenCV is faster with four channels than with three.
    """
    both = cv2.warpAffine(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(both, cv2.COLOR_BGRA2BGR), np.uint8)


def _seen(picture: Image, matrix: Matrix, size: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what a crop looks at; at least a pixel."""
    corners = apply(invert(matrix), np.array([(0.0, 0.0), (size, 0), (0, size), (size, size)]))
    edge = picture.shape[1::-1]
    low = np.clip(np.floor(corners.min(0)) - 1, 0, np.subtract(edge, 1)).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 2, low + 1, edge).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
