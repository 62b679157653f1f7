"""A turned square in a frame: where the landmarker looks."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from visard.models.face import EYE_LEFT, EYE_RIGHT, Landmarks


@dataclass(frozen=True, slots=True)
class Region:
    """Centre and side in pixels, angle in radians clockwise."""

    x: float
    y: float
    size: float
    angle: float

    @classmethod
    def around(cls, landmarks: Landmarks) -> "Region":
        """The upright square around landmarks with the margin the landmark network was trained with."""
        across = landmarks[EYE_RIGHT, :2] - landmarks[EYE_LEFT, :2]
        angle = float(np.arctan2(across[1], across[0]))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
        upright = landmarks[:, :2] @ turn
        low, high = upright.min(0), upright.max(0)
        x, y = turn @ ((low + high) / 2)
        return cls(float(x), float(y), float((high - low).max()) * 1.5, angle)

    @property
    def turned(self) -> "Region":
        """The same square the other way up."""
        return replace(self, angle=self.angle + np.pi)

    def matrix(self, side: int) -> npt.NDArray[np.float64]:
        """Affine map from the frame to a crop of ``side`` pixels, [2, 3]."""
        scale = side / self.size
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        turn = np.array([[cos, sin], [-sin, cos]])
        shift = side / 2 - turn @ (self.x, self.y)
        return np.column_stack([turn, shift])
