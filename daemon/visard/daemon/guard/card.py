"""The still picture with a line of text that stands in when nothing else may go out."""

from functools import lru_cache

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from visard.models.face import Image

_BACKGROUND, _TEXT, _ACCENT = (38, 34, 30), (235, 232, 228), (150, 118, 84)


@lru_cache(maxsize=8)
def card(width: int, height: int, text: str) -> Image:
    """Draw a calm dark picture, BGR, read-only, with ``text`` in its middle and a line under it."""
    canvas = Pillow.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    font = _fitting(draw, text, width * 0.86, height / 13)
    draw.text((width / 2, height / 2), text, fill=_TEXT, font=font, anchor="mm")
    below, half = height / 2 + height / 11, width / 16
    draw.rectangle((width / 2 - half, below, width / 2 + half, below + max(height / 240, 1)), fill=_ACCENT)
    image = np.asarray(canvas).copy()
    image.setflags(write=False)
    return image


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, room: float, size: float
) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font at ``size`` pixels, or smaller where the text would not fit into ``room``."""
    font = ImageFont.load_default(size)
    needed = draw.textlength(text, font=font)
    return font if needed <= room else ImageFont.load_default(max(size * room / needed, 6))
