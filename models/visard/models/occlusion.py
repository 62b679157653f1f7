"""What is in front of a face: hands, cups, microphones, caps."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Occlusion:
    """What is in front of one face in one frame."""

    mask: Mask
    """How much of each pixel is in front, uint8 [height, width], 0..255; 0 along its border."""
    matrix: Floats
    """Affine map from pixels of the mask to those of the frame, float32 [2, 3]."""

    def at(self, points: Floats) -> Floats:
        """Return how much is in front at points of the frame, float32 [..., 2] -> [...], 0..1."""
        back = cv2.invertAffineTransform(self.matrix)
        places = (points[..., :2] @ back[:, :2].T + back[:, 2]).astype(np.float32).reshape(1, -1, 2)
        found = cv2.remap(self.mask, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
        return np.asarray(found, np.float32).reshape(points.shape[:-1]) / np.float32(255)

    def in_frame(self, width: int, height: int) -> tuple[int, int, Mask] | None:
        """Return left, top and mask of the part of a frame that it is about; None: none of it."""
        x, y, wide, high = cv2.boundingRect(self.mask)
        corners = np.array([(i, j) for i in (x - 1, x + wide) for j in (y - 1, y + high)], np.float32)
        spread = corners @ self.matrix[:, :2].T + self.matrix[:, 2]
        left, top = np.clip(np.floor(spread.min(0)).astype(int), 0, (width, height)).tolist()
        right, bottom = np.clip(np.ceil(spread.max(0)).astype(int) + 1, 0, (width, height)).tolist()
        if not wide or left >= right or top >= bottom:
            return None
        matrix = self.matrix - np.array([[0, 0, left], [0, 0, top]], np.float32)
        size = right - left, bottom - top
        return left, top, np.asarray(cv2.warpAffine(self.mask, matrix, size), np.uint8)
