"""Pictures that need no camera and no persona."""

from functools import cache

import cv2
import numpy as np

from visard.models.face import Image


def drawing(number: int, colour: tuple[int, int, int]) -> Image:
    """Return a picture with a ball that moves."""
    image: Image = np.full((180, 320, 3), colour, np.uint8)
    cv2.circle(image, (20 + number * 7 % 280, 90), 18, (230, 230, 230), -1)
    return image


@cache
def swatch(number: int) -> bytes:
    """Return a JPEG that tells one persona from the next."""
    image = np.full((96, 96, 3), (40 * number % 256, 200 - 25 * number % 200, 90), np.uint8)
    cv2.circle(image, (48, 42), 26, (190, 205, 235), -1)
    return cv2.imencode(".jpg", image)[1].tobytes()
