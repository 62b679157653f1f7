"""Which part of a frame drives: squares around heads."""

from dataclasses import dataclass

import cv2
import numpy as np

from visard.models.face import Face, Image

SIDE = 256
"""Of the pictures that drive, pixels: what all published models were trained with."""
_UP = 0.06
"""How far a head's middle is above that of its landmarks, in lengths of the face."""
_ROOM = 1.15
"""Least side of a driver's square, in lengths of the face."""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of a picture, wholly inside it, in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, picture: Image) -> Image:
        """Return that part, a view."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]

    def crop(self, picture: Image) -> Image:
        """Return it as networks take it, uint8 [1, SIDE, SIDE, 3]; squeezed where it is no square.

        Brought to a multiple of the size first, as OpenCV takes means fast over whole pixels only.
        """
        sizes = [SIDE * max(each // SIDE, 1 + (each > SIDE)) for each in (self.width, self.height)]
        whole = cv2.resize(self.of(picture), sizes, interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.resize(whole, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)[None]


@dataclass(frozen=True, slots=True)
class Square:
    """A square of any place and size, in pixels."""

    x: float
    """Of its middle."""
    y: float
    side: float

    def inside(self, picture: Image) -> Area:
        """Return it moved, and made smaller where it has to be, to lie inside a picture."""
        height, width = picture.shape[:2]
        side = max(1, round(min(self.side, height, width)))
        left, top = (
            round(min(max(middle - side / 2, 0), room - side))
            for middle, room in ((self.x, width), (self.y, height))
        )
        return Area(left, top, side, side)

    def followed(self, face: Face) -> "Square":
        """Return it as little moved and enlarged as the face needs to be in it."""
        x, y = head_middle(face)
        side = max(self.side, _ROOM * face.size)
        free = (side - _ROOM * face.size) / 2
        return Square(
            self.x + (x - self.x) - float(np.clip(x - self.x, -free, free)),
            self.y + (y - self.y) - float(np.clip(y - self.y, -free, free)),
            side,
        )


def head_middle(face: Face) -> tuple[float, float]:
    """Return where a head's middle is, pixels."""
    x, y = face.centre
    return x, y - _UP * face.size
