"""The part of a frame that a swap redraws, and the rim around the face up to which pixels move."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visard.models.face import Image, Landmarks
from visard.models.geometry.canonical import OVAL

Floats = npt.NDArray[np.float32]

_AROUND = 1.35
"""The moved area reaches so many times the face's outline."""


@dataclass(frozen=True, slots=True)
class FrameWindow:
    """The part of the frame that is drawn."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def around(cls, points: Landmarks, image: Image) -> "FrameWindow":
        """The points' box with a margin, as far as it lies in the frame (at least one pixel)."""
        height, width = image.shape[:2]
        low = np.clip(np.floor(points[:, :2].min(0)).astype(int) - 2, 0, (width - 1, height - 1))
        high = np.clip(np.ceil(points[:, :2].max(0)).astype(int) + 3, low + 1, (width, height))
        return cls(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))

    def wider(self, margin: int, image: Image) -> "FrameWindow":
        """The window with a margin, as far as it lies in the frame."""
        left, top = max(self.x - margin, 0), max(self.y - margin, 0)
        right = min(self.x + self.width + margin, image.shape[1])
        bottom = min(self.y + self.height + margin, image.shape[0])
        return FrameWindow(left, top, right - left, bottom - top)

    def of(self, image: Image) -> Image:
        """The part of a frame that lies inside, not copied."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    @property
    def corner(self) -> Floats:
        """Its upper left pixel, [2]."""
        return np.array([self.x, self.y], np.float32)

    @property
    def matrix(self) -> Floats:
        """Affine map from window to frame pixels, [2, 3]."""
        return np.array([[1, 0, self.x], [0, 1, self.y]], np.float32)

    def scaled(self, points: Landmarks, side: int) -> Landmarks:
        """Frame points to pixels of a square drawing of this window."""
        scale = np.array([side / self.width, side / self.height], np.float32)
        result = np.empty_like(points)
        result[:, :2] = (points[:, :2] - self.corner + 0.5) * scale - 0.5
        result[:, 2] = points[:, 2] * scale.max()
        return result


def rim_of(points: Landmarks) -> Landmarks:
    """Points around the outline that stay where they are, behind the face, float32 [36, 3]."""
    outline = points[OVAL]
    middle = outline.mean(0)
    rim = middle + (outline - middle) * np.float32(_AROUND)
    rim[:, 2] = points[:, 2].max() + 1
    return np.asarray(rim, np.float32)


def around_outline() -> npt.NDArray[np.int32]:
    """Triangles between the outline and the rim, int32 [72, 3]."""
    outer = [468 + i for i in range(36)]
    inner_next, outer_next = OVAL[1:] + OVAL[:1], outer[1:] + outer[:1]
    pairs = zip(OVAL, inner_next, outer, outer_next, strict=True)
    return np.array([t for a, b, c, d in pairs for t in ((a, b, c), (b, d, c))], np.int32)
