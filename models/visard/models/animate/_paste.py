"""How a moved part is put back into the still portrait."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image

_CUT = -0.498
"""Added to 255ths before they are rounded, so that they are cut off, as the models' authors have it."""


class PasteBack:
    """A still picture into which a moved one of the same size is blended, frame after frame.

    All that does not change is multiplied once: floats would take four times as long.
    """

    def __init__(self, still: Image, mask: npt.NDArray[np.uint8]) -> None:
        """``mask``: how much of the moved picture shows, uint8 [height, width], 0..255."""
        self._weight = np.asarray(cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR), np.uint8)
        self._rest = np.multiply(still, 255 - self._weight, dtype=np.uint16)
        self._mixed = np.empty_like(self._rest)

    def __call__(self, moved: Image, shown: Image) -> None:
        """Write both, blended, into ``shown``, a picture or a part of one."""
        np.multiply(moved, self._weight, out=self._mixed, dtype=np.uint16)
        cv2.add(self._mixed, self._rest, dst=self._mixed)
        cv2.convertScaleAbs(self._mixed, dst=shown, alpha=1 / 255, beta=_CUT)
