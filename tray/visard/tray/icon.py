"""The icon, drawn for each state so that shape and colour both tell it apart."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from PIL import Image, ImageDraw

from visard.tray.texts import IconState

Point = tuple[float, float]
Paint = ImageDraw.ImageDraw

_GRID = 64
"""The drawing below is in units of a square of this size."""
_FINE = 8
"""Drawn this much larger and then reduced, for smooth edges."""

_WHITE, _INK = "#ffffff", "#17181c"
_GREEN, _GREY, _BLUE, _AMBER, _RED, _PALE = "#12805c", "#6b7280", "#4f63d2", "#f5b301", "#d81e2c", "#9aa0aa"


def draw(icon: IconState, size: int) -> Image.Image:
    """Return the icon for a state, ``size`` pixels square, RGBA."""
    side = size * _FINE
    image = Image.new("RGBA", (side, side))
    _DRAWN[icon](_Pen(image))
    return image.resize((size, size), Image.Resampling.BOX)


class _Pen:
    """Draws in units of the grid."""

    def __init__(self, image: Image.Image) -> None:
        self._paint = ImageDraw.Draw(image)
        self._unit = image.width / _GRID

    def disc(self, x: float, y: float, radius: float, colour: str | None, height: float = 0) -> None:
        """Fill a circle, or an ellipse of another height; None: cut a hole."""
        high = height or radius
        box = [(x - radius) * self._unit, (y - high) * self._unit,
               (x + radius) * self._unit, (y + high) * self._unit]  # fmt: skip
        self._paint.ellipse(box, fill=colour or (0, 0, 0, 0))

    def block(self, left: float, top: float, right: float, bottom: float, colour: str, corner: float) -> None:
        """Fill a rectangle with round corners."""
        box = [value * self._unit for value in (left, top, right, bottom)]
        self._paint.rounded_rectangle(box, corner * self._unit, fill=colour)

    def shape(self, points: Sequence[Point], colour: str | None) -> None:
        """Fill a polygon; None: cut a hole."""
        self._paint.polygon(
            [(x * self._unit, y * self._unit) for x, y in points], fill=colour or (0, 0, 0, 0)
        )

    def line(self, points: Sequence[Point], colour: str | None, width: float) -> None:
        """Draw a line with round ends."""
        scaled = [(x * self._unit, y * self._unit) for x, y in points]
        self._paint.line(scaled, fill=colour or (0, 0, 0, 0), width=round(width * self._unit), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, colour)


def _curve(points: Sequence[Point], steps: int = 12) -> list[Point]:
    """Return a closed Catmull-Rom curve through the points."""
    ring = [points[-1], *points, points[0], points[1]]
    out = []
    for a, b, c, d in zip(ring, ring[1:], ring[2:], ring[3:], strict=False):
        for step in range(steps):
            t = step / steps
            out.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    return out


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


_HALF = ((32, 21), (41, 16.5), (51, 15.5), (56.5, 19), (55.5, 30), (50.5, 40.5), (42, 44.5), (35.5, 40))
"""The right half of a mask's outline, from the brow down to the bridge of the nose."""


def _mask(dy: float = 0) -> list[Point]:
    left = [(_GRID - x, y) for x, y in reversed(_HALF[1:])]
    return [(x, y + dy) for x, y in _curve([*_HALF, (32, 35.5), *left])]


def _eyes(pen: _Pen, colour: str | None, dy: float = 0) -> None:
    for side in (1, -1):
        eye = [(32 + side * x, y + dy) for x, y in ((6, 30), (12, 24.5), (20, 24.5), (18.5, 33), (11, 35))]
        pen.shape(_curve(eye), colour)


def _live(pen: _Pen) -> None:
    pen.disc(32, 32, 32, _GREEN)
    pen.shape(_mask(2), _WHITE)
    _eyes(pen, _GREEN, 2)


def _starting(pen: _Pen) -> None:
    pen.disc(32, 32, 32, _GREY)
    pen.shape(_mask(-6), _WHITE)
    _eyes(pen, _GREY, -6)
    for x in (20, 32, 44):
        pen.disc(x, 51, 4.5, _WHITE)


def _paused(pen: _Pen) -> None:
    pen.disc(32, 32, 32, _GREY)
    for left in (17, 36):
        pen.block(left, 14, left + 11, 50, _WHITE, 3)


def _sleeping(pen: _Pen) -> None:
    pen.disc(32, 32, 32, _BLUE)
    pen.disc(30, 33, 20, _WHITE)
    pen.disc(38.5, 26, 17, _BLUE)


def _problem(pen: _Pen) -> None:
    corners = [(32, 8), (57, 54), (7, 54), (32, 8)]
    pen.shape(corners, _AMBER)
    for side in pairwise(corners):
        pen.line(side, _AMBER, 10)
    pen.block(28, 20, 36, 40, _INK, 4)
    pen.disc(32, 48, 4.6, _INK)


def _revealed(pen: _Pen) -> None:
    pen.block(0, 0, 64, 64, _RED, 10)
    pen.disc(32, 30, 18, _WHITE, 22)
    for x in (25, 39):
        pen.disc(x, 26, 3.2, _RED, 4)
    pen.line([(25, 41), (39, 41)], _RED, 3.4)


def _absent(pen: _Pen) -> None:
    outline = _mask(2)
    pen.line([*outline, outline[0]], _PALE, 5)
    across = [(8, 58), (56, 6)]
    pen.line(across, None, 13)
    pen.line(across, _PALE, 5)


_DRAWN: dict[IconState, Callable[[_Pen], None]] = {
    IconState.live: _live,
    IconState.starting: _starting,
    IconState.paused: _paused,
    IconState.sleeping: _sleeping,
    IconState.problem: _problem,
    IconState.revealed: _revealed,
    IconState.absent: _absent,
}
