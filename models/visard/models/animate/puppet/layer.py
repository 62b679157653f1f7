"""Small pictures that are laid into a frame: cut, warped and blended."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.geometry.pose import Pose

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels inside a picture."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def rows(self) -> slice:
        """Its rows."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """Its columns."""
        return slice(self.left, self.right)

    @property
    def corner(self) -> Floats:
        """Left and top, float32 [2]."""
        return np.array([self.left, self.top], np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.right <= self.left or self.bottom <= self.top


def patch_around(points: Floats, share: float, shape: tuple[int, ...], margin: int = 2) -> Box:
    """The box around ``points`` [n, 2], larger by ``share`` of its width and ``margin`` pixels."""
    low, high = points.min(0), points.max(0)
    wider = share * (high[0] - low[0]) + margin
    left, top = np.maximum(np.floor(low - wider), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high + wider) + 1, (shape[1], shape[0])).astype(int)
    return Box(int(left), int(top), int(right), int(bottom))


def polygon(shape: tuple[int, ...], points: Floats, shrink: float = 0.0) -> Floats:
    """A filled polygon with smooth edges, float32 [height, width], 0..1, ``shrink`` pixels smaller."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft = mask.astype(np.float32) / np.float32(255)
    if shrink <= 0:
        return soft
    side = round(shrink) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.erode(soft, kernel), np.float32)


def plane(source: Pose, target: Pose, depth: float) -> Floats:
    """Affine map [2, 3] between pictures of the upright plane at ``depth`` centimetres in two poses."""

    def view(pose: Pose) -> npt.NDArray[np.float64]:
        flat = np.eye(3)
        flat[:2, :2] = pose.scale * pose.rotation[:2, :2]
        flat[:2, 2] = pose.scale * pose.rotation[:2, 2] * depth + pose.shift[:2]
        return flat

    return np.asarray((view(target) @ np.linalg.inv(view(source)))[:2], np.float32)


def resample(
    picture: npt.NDArray[Any], where: Floats, out: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """Fetch each pixel from ``where`` [height, width, 2] in ``picture``; the edge goes on beyond the edge."""
    nothing: Any = None  # OpenCV's stubs do not know that the second map may be missing
    return np.asarray(
        cv2.remap(picture, where, nothing, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REPLICATE)
    )


class SheetLayer:
    """A piece of picture with an opacity, at home in ``box`` of the portrait."""

    def __init__(self, box: Box, colour: Floats, opacity: Floats | None = None) -> None:
        self._box = box
        self._colour = np.ascontiguousarray(colour, np.float32)
        self._opacity = None if opacity is None else np.ascontiguousarray(opacity, np.float32)

    def _matrix(self, plane: Floats, place: Box) -> Floats:
        matrix = plane.copy()
        matrix[:, 2] += plane[:, :2] @ self._box.corner - place.corner
        return matrix

    def warp(self, plane: Floats, place: Box) -> Floats:
        """The colours as seen in ``place`` of the picture, float32 [height, width, 3]."""
        return np.asarray(
            cv2.warpAffine(
                self._colour, self._matrix(plane, place), place.shape[::-1], borderMode=cv2.BORDER_REPLICATE
            ),
            np.float32,
        )

    def over(self, canvas: Floats, plane: Floats, place: Box) -> None:
        """Lay the piece over ``canvas``, which shows ``place``."""
        opacity = self._opacity if self._opacity is not None else np.ones(self._colour.shape[:2], np.float32)
        seen = cv2.warpAffine(opacity, self._matrix(plane, place), place.shape[::-1])
        canvas += (self.warp(plane, place) - canvas) * seen[..., None]
