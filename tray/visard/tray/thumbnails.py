"""Personas' pictures at the size of a menu, fetched once."""

from collections.abc import Callable, Collection
from io import BytesIO

from PIL import Image, ImageDraw

from visard.daemon.errors import VisardError

SIZE = 32
"""Pixels, square."""
_FINE = 4
_GREEN = "#12805c"


class Thumbnails:
    """The pictures of the personas that are there now; one thread."""

    def __init__(self, fetch: Callable[[str], bytes]) -> None:
        self._fetch = fetch
        self._known: dict[str, Image.Image] = {}

    def of(self, names: Collection[str]) -> dict[str, Image.Image]:
        """Return name and picture of those that can be had; one that cannot is tried again next time."""
        self._known = {name: picture for name, picture in self._known.items() if name in names}
        for name in names:
            if name not in self._known:
                self._add(name)
        return dict(self._known)

    def _add(self, name: str) -> None:
        try:
            self._known[name] = small(self._fetch(name))
        except (VisardError, OSError):
            return


def small(jpeg: bytes) -> Image.Image:
    """Return the picture as a disc of SIZE pixels, RGBA; raises OSError when it is none."""
    side = SIZE * _FINE
    with Image.open(BytesIO(jpeg), formats=("JPEG",)) as picture:
        square = min(picture.size)
        left, top = (picture.width - square) // 2, (picture.height - square) // 2
        crop = picture.convert("RGB").crop((left, top, left + square, top + square))
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    disc = crop.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    disc.putalpha(mask.resize((SIZE, SIZE), Image.Resampling.BOX))
    return disc


def ticked(picture: Image.Image) -> Image.Image:
    """Return the picture with a tick on it, for menus that show either a tick or a picture."""
    side = SIZE * _FINE
    badge = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(badge)
    draw.ellipse((2, 2, side - 3, side - 3), outline=_GREEN, width=3 * _FINE)
    centre, radius = side * 0.72, side * 0.28
    draw.ellipse((centre - radius, centre - radius, centre + radius, centre + radius), fill=_GREEN)
    points = [(x * side, y * side) for x, y in ((0.60, 0.73), (0.69, 0.82), (0.85, 0.63))]
    draw.line(points, fill="white", width=3 * _FINE, joint="curve")
    out = picture.copy()
    out.alpha_composite(badge.resize((SIZE, SIZE), Image.Resampling.BOX))
    return out
