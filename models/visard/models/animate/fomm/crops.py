"""Where the network looks: squares around heads, and how its picture is put back into the portrait."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.animate._paste import PasteBack
from visard.models.animate._squares import Area, Square, head_middle
from visard.models.animate.fomm.options import DriverCrop, FommOptions, PortraitCrop
from visard.models.face import Face, Image
from visard.models.portrait import Portrait

_FADE = 0.08
"""Width of the rim in which a moved square fades into the portrait, a share of its side."""


def around(face: Face, coverage: float) -> Square:
    """Return a square around a head."""
    return Square(*head_middle(face), coverage * face.size)


def driver_square(picture: Image, face: Face, options: FommOptions) -> Square:
    """Return what drives when this face becomes the reference."""
    height, width = picture.shape[:2]
    square = around(face, options.coverage)
    if options.driver_crop is DriverCrop.frame:
        square = Square(width / 2, height / 2, options.crop_share * min(height, width))
    shift = (options.x_offset * square.side, options.y_offset * square.side)
    return Square(square.x + shift[0], square.y + shift[1], square.side)


class PortraitView:
    """The portrait, and the part of it that moves."""

    def __init__(self, portrait: Portrait, options: FommOptions) -> None:
        self._image = portrait.image
        height, width = self._image.shape[:2]
        self.size = width, height
        self._area = Area(0, 0, width, height)
        if options.portrait_crop is PortraitCrop.head:
            self._area = around(portrait.face, options.coverage).inside(self._image)
        self.crop = self._area.crop(self._image)
        self._shown = self._image.copy()
        self._paste = PasteBack(self._area.of(self._image), self._fade())

    def _fade(self) -> npt.NDArray[np.uint8]:
        """Return how much of the moved square shows, 0..255; a side on the portrait's edge does not fade."""
        area, (height, width) = self._area, self._image.shape[:2]
        rim = max(1.0, _FADE * area.width)
        along = []
        for start, size, room in ((area.top, area.height, height), (area.left, area.width, width)):
            place = np.arange(size, dtype=np.float32) + 0.5
            low = place if start > 0 else np.full_like(place, rim)
            high = size - place if start + size < room else np.full_like(place, rim)
            along.append(np.clip(np.minimum(low, high) / rim, 0, 1))
        return np.round(255 * np.outer(*along)).astype(np.uint8)

    def show(self, crop: Image) -> Image:
        """Return the portrait with its moved part, uint8 [SIDE, SIDE, 3], put back; the array is reused."""
        area = self._area
        moved = cv2.resize(crop, (area.width, area.height), interpolation=cv2.INTER_LINEAR)
        self._paste(np.asarray(moved, np.uint8), area.of(self._shown))
        return self._shown
