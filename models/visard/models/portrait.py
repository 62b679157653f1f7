"""A picture that a persona is made from: read safely, its face found and judged."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from visard.models.errors import PictureUnreadable
from visard.models.face import Face, Image

MAX_PIXELS = 100_000_000


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture with one usable face."""

    image: Image
    face: Face
    warnings: tuple[str, ...] = ()
    """What will look less good than it could, one sentence each."""


def read_picture(path: Path) -> Image:
    """Read any common picture as BGR: EXIF rotation applied, alpha over grey, grey and 16 bit converted."""
    if not path.is_file():
        raise PictureUnreadable(f"there is no picture at {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise PictureUnreadable(
                        f"{path.name} has {file.width}x{file.height} pixels; the limit is {MAX_PIXELS // 1_000_000} million"
                    )
                rgb = _to_rgb(ImageOps.exif_transpose(file))
    except PictureUnreadable:
        raise
    except Exception as error:  # Pillow raises many kinds for broken files
        raise PictureUnreadable(f"{path.name} is not a picture that can be read ({error})") from error
    return np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])


def _to_rgb(file: Pillow.Image) -> Pillow.Image:
    if file.mode.startswith("I;16"):
        return Pillow.fromarray((np.asarray(file) >> 8).astype(np.uint8)).convert("RGB")
    if file.has_transparency_data:
        rgba = file.convert("RGBA")
        background = Pillow.new("RGBA", rgba.size, (128, 128, 128, 255))
        return Pillow.alpha_composite(background, rgba).convert("RGB")
    return file.convert("RGB")


def shrink(image: Image, longest: int) -> Image:
    """Scale down so that the longer side is at most ``longest`` pixels."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
