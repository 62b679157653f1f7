"""Draws per-point values over a triangle mesh, nearest triangle in front, with OpenCV's rasteriser."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.buffers import Buffers

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_FAR = 64.0
"""Camera distance in picture sides: so far away that the view is flat."""


def resample(
    picture: Bytes,
    where: Floats,
    out: Bytes | None = None,
    *,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_REPLICATE,
) -> Bytes:
    """Fetch each pixel from ``where`` [height, width, 2] in ``picture``; by default its edge goes on."""
    nothing: Any = None  # OpenCV's stubs do not know that the second map may be missing
    return np.asarray(cv2.remap(picture, where, nothing, interpolation, dst=out, borderMode=border), np.uint8)


def resample_colours(
    picture: Bytes, columns: Floats, rows: Floats | None, out: Bytes, scratch: Buffers
) -> None:
    """Fill ``out``, BGR, from ``columns`` and ``rows`` in ``picture``, or from both in ``columns``.

    OpenCV fetches four channels in half the time that three take.
    """
    four = scratch.bytes("four from", *picture.shape[:2], 4)
    cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA, dst=four)
    fetched = scratch.bytes("four", *out.shape[:2], 4)
    nothing: Any = rows
    cv2.remap(four, columns, nothing, cv2.INTER_LINEAR, dst=fetched, borderMode=cv2.BORDER_REPLICATE)
    cv2.cvtColor(fetched, cv2.COLOR_BGRA2BGR, dst=out)


class Raster:
    """Draws one mesh into a float32 picture that is reused from call to call."""

    def __init__(self, triangles: npt.NDArray[np.int32], width: int, height: int) -> None:
        self._triangles = np.ascontiguousarray(triangles, np.int32)
        self._picture = np.empty((height, width, 3), np.float32)
        self._depth = np.empty((height, width), np.float32)
        self._distance = _FAR * max(width, height)
        self._view = float(2 * np.arctan(height / 2 / self._distance))
        self._settings = cv2.TriangleRasterizeSettings()
        self._settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
        self._settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)

    def __call__(self, points: Floats, values: Floats, background: float = 0.0) -> Floats:
        """Draw ``values`` [n, 3] at ``points`` [n, 3] (pixels, pixel centres at whole numbers, z away).

        Returns float32 [height, width, 3], valid until the next call.
        """
        height, width = self._depth.shape
        depth = self._distance + points[:, 2]
        world = np.empty((len(points), 3), np.float32)
        world[:, 0] = (points[:, 0] + 0.5 - width / 2) * depth / self._distance
        world[:, 1] = (height / 2 - 0.5 - points[:, 1]) * depth / self._distance
        world[:, 2] = -depth
        self._picture.fill(background)
        self._depth.fill(4 * self._distance)
        cv2.triangleRasterize(
            world, self._triangles, np.ascontiguousarray(values, np.float32), self._picture, self._depth,
            np.eye(4, dtype=np.float32), self._view, self._distance / 4, self._distance * 4, self._settings,
        )  # fmt: skip
        return self._picture
