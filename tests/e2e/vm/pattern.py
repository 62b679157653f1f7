"""The pictures that host and guest agree on."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

COLOURS = (
    (30, 30, 200),
    (40, 180, 40),
    (200, 60, 40),
    (180, 180, 180),
    (40, 190, 200),
    (190, 50, 180),
    (200, 190, 50),
    (60, 60, 60),
)


def pattern(session: int, width: int, height: int) -> Image:
    """Return eight BGR colour fields, turned by one for every session, so that no two look alike."""
    turned = COLOURS[session % 8 :] + COLOURS[: session % 8]
    fields = np.array(turned, np.uint8).reshape(2, 4, 3)
    rows = np.arange(height) * 2 // height
    columns = np.arange(width) * 4 // width
    return fields[rows][:, columns]


def is_red(picture: Image) -> bool:
    """Whether most of it is as red as vivid can be."""
    blue, green, red = np.median(picture.reshape(-1, 3), 0)
    return bool(red > 200 and blue < 40 and green < 40)
