"""The one way to read an encoded picture: formats that we mean, sizes that fit the memory, one at a time."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from visard.engines.file_access import open_plain
from visard.models.errors import PictureUnreadable
from visard.models.face import Image

_ENDINGS = {
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    **({"AVIF": (".avif",)} if find_spec("PIL._avif") else {}),
}
SUFFIXES = frozenset(ending for endings in _ENDINGS.values() for ending in endings)
"""How the names of pictures end."""
MAX_PIXELS = 40_000_000
"""Of a picture that is decoded whole, at 4 to 20 bytes each."""
MAX_SCALED_PIXELS = 100_000_000
"""Of a JPEG that is decoded at a half, a quarter or an eighth."""
MAX_BYTES = 256 << 20
"""Of a file."""
_TILE = 322, 323
"""A TIFF's tags for the width and height of its tiles, each of which is decoded whole."""

_decoding = Lock()


def read_picture(path: Path, longest: int | None = None) -> Image:
    """Read a picture as BGR: EXIF rotation applied, alpha over grey, grey and 16 bit converted.

    One whose longer side has more than ``longest`` pixels is scaled down to that, mostly before it takes
    memory. Of several frames the first is read. Raises PictureUnreadable.
    """
    if not path.is_file():
        raise PictureUnreadable(f"there is no picture at {path}")
    try:
        with _opened(path) as picture:
            _check(path.name, picture, longest)
            ImageOps.exif_transpose(picture, in_place=True)
            rgb = _reduced(_to_rgb(_reduced(picture, longest)), longest)
            image = np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])
    except PictureUnreadable:
        raise
    except Pillow.DecompressionBombError as error:
        raise _too_large(f"{path.name} has too many pixels", MAX_PIXELS) from error
    except Exception as error:  # Pillow raises many kinds for broken files
        raise PictureUnreadable(
            f"{path.name} is not a picture that can be read ({_reason(error)})"
        ) from error
    return shrink(image, longest) if longest else image


def is_picture(path: Path) -> bool:
    """Whether a file has the name or the content of a picture; a broken one has its name."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with _opened(path):
            return True
    except Exception:  # Pillow raises many kinds for what it cannot read
        return False


def shrink(image: Image, longest: int) -> Image:
    """Scale down so that the longer side is at most ``longest`` pixels."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


@contextmanager
def _opened(path: Path) -> Iterator[Pillow.Image]:
    """Open a picture, not yet decoded; nobody else decodes meanwhile."""
    with open_plain(path, MAX_BYTES) as file, _decoding, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Pillow.open(file, formats=tuple(_ENDINGS)) as picture:
            yield picture


def _check(name: str, picture: Pillow.Image, longest: int | None) -> None:
    """Refuse a picture that would take too much memory, and have a JPEG decoded no larger than needed."""
    width, height = picture.size
    limit = MAX_PIXELS
    if longest and picture.format in ("JPEG", "MPO"):
        limit = MAX_PIXELS if "progressive" in picture.info else MAX_SCALED_PIXELS  # else all scans are held
        scale = longest / max(width, height)
        picture.draft(None, (ceil(width * scale), ceil(height * scale)))
    tags = getattr(picture, "tag_v2", {})
    tile = tags.get(_TILE[0], 0) * tags.get(_TILE[1], 0)
    if max(width * height, tile) > limit:
        raise _too_large(f"{name} has {width}x{height} pixels", limit)


def _too_large(found: str, limit: int) -> PictureUnreadable:
    return PictureUnreadable(f"{found}; make it smaller ({limit // 1_000_000} million at most)")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(_ENDINGS)}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _reduced(picture: Pillow.Image, longest: int | None) -> Pillow.Image:
    """Scale down by a whole number where the mode allows, to no less than ``longest``."""
    factor = max(picture.size) // longest if longest else 1
    plain = picture.mode in ("L", "RGB", "RGBA", "CMYK") and "transparency" not in picture.info
    return picture.reduce(factor) if factor > 1 and plain else picture


def _to_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith("I;16"):
        return Pillow.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    rgba = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    background = Pillow.new("RGB", rgba.size, (128, 128, 128))
    background.paste(rgba, mask=rgba.getchannel("A"))
    return background
