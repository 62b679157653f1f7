"""The one way to read an encoded picture: formats that we mean, sizes that fit the memory, one at a time."""

import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from math import ceil
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from visard.engines.file_access import open_plain
from visard.models.errors import PictureUnreadable
from visard.models.face import Image

_ENDINGS = {
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "HEIF": (".heic", ".heif", ".hif"),
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    **({"AVIF": (".avif",)} if find_spec("PIL._avif") else {}),
}
_MOVING = frozenset({"AVIF", "GIF", "PNG", "WEBP"})
"""Formats whose frames are shown one after the other; in others they are pages, sizes or thumbnails."""
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

_QUICKEST, _USUAL = 0.011, 0.1
"""Seconds: a frame that asks for less than the first is shown for the second, as browsers do."""

_decoding = Lock()
register_heif_opener(thumbnails=False)


def read_picture(path: Path, longest: int | None = None) -> Image:
    """Read a picture as BGR: EXIF rotation applied, alpha over grey, grey and 16 bit converted, in sRGB.

    Of an HDR picture it is what ordinary screens show: without its gain map. One whose longer side has more
    than ``longest`` pixels is scaled down to that, mostly before it takes memory. Of several frames the first
    is read. Raises PictureUnreadable.
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


@dataclass(frozen=True, slots=True)
class Animation:
    """What an animated picture says of itself."""

    frames: int
    loop: int | None
    """How often it is repeated, 0 for ever; None: it is shown once."""


def animation(path: Path) -> Animation | None:
    """Return what is said of an animated picture; None for every other file."""
    try:
        with _opened(path) as picture:
            if picture.format not in _MOVING or getattr(picture, "n_frames", 1) < 2:
                return None
            return Animation(picture.n_frames, picture.info.get("loop"))  # type: ignore[attr-defined]
    except Exception:  # Pillow raises many kinds for what it cannot read
        return None


def read_animation(path: Path) -> Generator[tuple[Image, float], None, None]:
    """Yield the frames of an animated picture as ``read_picture`` does, each with the seconds it is shown.

    A broken tail is left out. Raises PictureUnreadable where there is not even a first.
    """
    with open_plain(path, MAX_BYTES) as file:
        picture, number = None, 0
        while True:
            with _decoding, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    if picture is None:
                        picture = Pillow.open(file, formats=tuple(_MOVING))
                        _check(path.name, picture, None)
                    picture.seek(number)
                    image = np.ascontiguousarray(np.asarray(_to_rgb(picture))[:, :, ::-1])
                    seconds = picture.info.get("duration", 0) / 1000
                except Exception as error:  # as above; EOFError after the last
                    if number == 0:
                        raise PictureUnreadable(f"{path.name} cannot be read ({_reason(error)})") from error
                    return
            yield image, seconds if seconds >= _QUICKEST else _USUAL
            number += 1


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
    picture = _in_srgb(picture)
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    rgba = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    background = Pillow.new("RGB", rgba.size, (128, 128, 128))
    background.paste(rgba, mask=rgba.getchannel("A"))
    return background


def _in_srgb(picture: Pillow.Image) -> Pillow.Image:
    """Follow the colour profile in the file; one that is broken or meant for other pixels changes nothing."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    alpha = picture.has_transparency_data
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return picture
        if picture.mode not in ("L", "RGB", "RGBA", "CMYK", "LAB") or (alpha and picture.mode != "RGBA"):
            picture = picture.convert("RGBA" if alpha else "RGB")
        mode = "RGBA" if alpha else "RGB"
        return ImageCms.profileToProfile(picture, source, _srgb(), outputMode=mode) or picture
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return picture


@lru_cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
