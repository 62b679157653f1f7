"""MediaPipe's person network, asked whether anybody is still where a face was."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.bundled import network
from visard.models.face import Image
from visard.models.track.crop import Region

_SIDE = 256
_AROUND = 3.5
"""Face sizes that the network sees, so that it can know a head from a wall."""
_CELLS = 32


class PersonSegmenter:
    """Says how surely what is at a place is a person; 3 ms."""

    def __init__(self, *, wait: bool = True) -> None:
        self._engine = network("mp_selfie_segmentation", wait=wait)

    def __call__(
        self, image: Image, x: float, y: float, size: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return how surely pixels of a BGR picture are a person's, float32 [n], 0..1, and which, [n, 2].

        They are spread evenly over the square of ``size`` pixels around ``x``, ``y``, as far as that is
        inside the picture.
        """
        matrix = Region(x, y, size * _AROUND, 0.0).matrix(_SIDE)
        crop = cv2.warpAffine(image, matrix, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE)
        tensor = cv2.cvtColor(crop, cv2.COLOR_BGR2RGB).astype(np.float32)[None] / np.float32(255)
        person = np.asarray(self._engine(tensor)[0], np.float32).reshape(_SIDE, _SIDE)
        half = round(_SIDE / _AROUND / 2)
        middle = slice(_SIDE // 2 - half, _SIDE // 2 + half)
        shares = cv2.resize(person[middle, middle], (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        steps = ((np.arange(_CELLS) + 0.5) / _CELLS - 0.5) * size
        points = np.stack(np.meshgrid(x + steps, y + steps), -1).reshape(-1, 2)
        inside = ((points >= 0) & (points < image.shape[1::-1])).all(1)
        return np.asarray(shares, np.float32).reshape(-1)[inside], points[inside]
