"""Glasses: where they are on a face, for photos that lose them and drivers that keep them.

A frame is a closed line around each eye and a line across the nose between them. Each is the path on the
texture plane that thin lines follow best, so that a rim too thin to be seen everywhere is still whole.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image, Landmarks
from visard.models.geometry.canonical import BROW_LEFT, BROW_RIGHT, EYE_RING_LEFT, EYE_RING_RIGHT
from visard.models.geometry.uv import Sampler, edge_distance, inside, polygons, texels

Mask = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Path = npt.NDArray[np.float32]
"""Points one after the other, in texels, float32 [n, 2]."""

SIDE = 256
"""Frames are looked for on textures of this size, where the thinnest are about three texels wide."""

_LINE = 0.05
"""How much a thin line differs from its surroundings, as a share, to count."""
_CLEAR = 0.1
"""How much the rims differ where there is no doubt."""
_WORN, _GONE = 0.5, 0.25
"""The score from which glasses are believed, and below which they are no longer. On 339 generated faces those
with glasses score 0.54 and more, those without up to 0.46."""
_FIRST, _LOOK_EVERY = 6, 8
"""Frames that are all looked at, so that it is decided at once, and frames between two looks from then on."""
_KNOWN = 20
"""Looks over which the score is averaged: one alone may be of closed lids or a turned head."""
_FOLLOWED = 6
"""Looks over which the lines are averaged; over more the landmarks' slip would blur thin rims."""
_ANGLES, _RADII = 48, 28


@dataclass(frozen=True, slots=True)
class Glasses:
    """A frame on the texture plane."""

    rims: tuple[Path, Path]
    bridge: Path
    temples: tuple[Path, Path]
    score: float
    """How much it is like one, 0..1."""


@dataclass(frozen=True, slots=True)
class _Lines:
    """How much each texel differs from what is around a thin line, as a share, float32 [256, 256]."""

    any: Floats
    """Of lines in any direction, in the rows where frames sit."""
    level: Floats
    """Of level ones alone: the ridge of the nose shines upright."""
    brows: Floats
    """Of dark ones inside the brows, which themselves are some."""

    def mixed(self, other: "_Lines", share: float) -> "_Lines":
        pairs = (self.any, other.any), (self.level, other.level), (self.brows, other.brows)
        return _Lines(*(a + share * (b - a) for a, b in pairs))


def find_frame(texture: Image) -> Mask:
    """Where a frame is drawn on a texture [256, 256, 3], 255 there; all 0 without glasses."""
    lines = _thin_lines(texture)
    glasses = _find(lines)
    if glasses is None or glasses.score < _WORN:
        return np.zeros((SIDE, SIDE), np.uint8)
    return np.where(_shown(glasses, lines) > 0.3, 255, 0).astype(np.uint8)


class Spectacles:
    """Learns whether a driver wears glasses; when they do, finds the frame in every picture."""

    def __init__(self, sampler: Sampler, before: "Spectacles | None" = None) -> None:
        """``sampler`` unrolls to SIDE; ``before`` was learned from a face that was lost, perhaps this one."""
        self._sampler = sampler
        self._frames = 0
        self._looks = 0
        self._score = 0.0
        self._lines: _Lines | None = None
        self._glasses: Glasses | None = None
        self.worn = False
        if before is not None and before.worn:
            self._looks, self._score = 1, before._score
            self._lines, self._glasses = before._lines, before._glasses
            self.worn = True

    def __call__(self, image: Image, points: Landmarks) -> Floats | None:
        """Return where the frame is, float32 [256, 256] 0..1, or None; ``points`` are the driver's mesh."""
        self._frames += 1
        due = self._frames <= _FIRST or self._frames % _LOOK_EVERY == 1
        look = due and (_is_frontal(points) or self._lines is None)
        if not look and not self.worn:
            return None
        lines = _thin_lines(self._sampler(image, points[:, :2]))
        if look:
            self._learn(lines)
        if not self.worn or self._glasses is None:
            return None
        return _shown(self._glasses, lines)

    def _learn(self, lines: _Lines) -> None:
        self._looks = min(self._looks + 1, _KNOWN)
        present = _find(lines)
        self._score += ((present.score if present else 0.0) - self._score) / self._looks
        self.worn = self._score > (_GONE if self.worn else _WORN)
        share = 1 / min(self._looks, _FOLLOWED)
        self._lines = lines if self._lines is None else self._lines.mixed(lines, share)
        self._glasses = _find(self._lines) or self._glasses


def _is_frontal(points: Landmarks) -> bool:
    """Whether both sides of the nose are seen about equally well."""
    one, other = (abs(float(points[edge, 0] - points[1, 0])) + 1 for edge in (234, 454))
    return 0.5 < one / other < 2


def _thin_lines(texture: Image) -> _Lines:
    rows, ordinary, dark = _band()
    grey = np.asarray(
        cv2.GaussianBlur(cv2.cvtColor(texture[rows], cv2.COLOR_BGR2GRAY), (0, 0), 0.7), np.uint8
    )
    around = cv2.blur(cv2.blur(grey, (17, 17)), (17, 17)).astype(np.float32) + 8
    light_lines, dark_lines = _hats(grey, (_disc(3), _disc(6)))
    everywhere, level, brows = (np.zeros((SIDE, SIDE), np.float32) for _ in range(3))
    strongest = np.maximum(light_lines * ordinary, dark_lines * dark)
    everywhere[rows] = np.minimum(strongest / around, 0.5)
    brows[rows] = np.minimum(dark_lines * (ordinary & ~dark) / around, 0.5)
    for height, weight in ((9, 1.0), (15, 0.4)):  # broad shading between the eyes is weaker than broad rims
        light_lines, dark_lines = _hats(grey, (np.ones((height, 1), np.uint8),))
        seen = np.minimum(weight * np.maximum(light_lines, dark_lines) / around, 0.5)
        level[rows] = np.maximum(level[rows], seen)
    return _Lines(everywhere, level, brows)


def _hats(grey: Mask, shapes: tuple[Mask, ...]) -> tuple[Mask, Mask]:
    """How much lighter, and how much darker, each texel is than what is around lines of these widths."""
    light, dark = (
        np.maximum.reduce([cv2.morphologyEx(grey, kind, shape) for shape in shapes])
        for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)
    )
    return np.asarray(light, np.uint8), np.asarray(dark, np.uint8)


def _find(lines: _Lines) -> Glasses | None:
    """The most likely frame; None where nothing lies across the nose."""
    across = lines.level[_BRIDGE[0] : _BRIDGE[1], SIDE // 2 - 10 : SIDE // 2 + 10].max(0)
    if float((across > _LINE).mean()) < _GONE:
        return None
    rims, rims_seen = _around_eyes(lines.any)
    bridge, bridge_seen = _across_nose(lines.level, *rims)
    weaker = min(float(np.median(seen)) for seen in rims_seen)
    score = float((rims_seen > _LINE).mean()) * float((bridge_seen > _LINE).mean()) * min(weaker / _CLEAR, 1)
    temples = [_to_temple(lines.any, rim, side) for side, rim in enumerate(rims)]
    return Glasses((rims[0], rims[1]), bridge, (temples[0], temples[1]), score)


def _around_eyes(lines: Floats) -> tuple[Floats, Floats]:
    """The closed lines around both eyes, [2, 48, 2], and how much is seen of them, [2, 48]."""
    x, y = np.stack([_rays(0), _rays(1)], 1)
    along = np.stack([cv2.remap(lines, *rays, cv2.INTER_LINEAR) for rays in zip(x, y, strict=True)])
    half = _ANGLES // 2  # once more before and after: they are closed
    best = np.roll(_best_paths(np.tile(along, (1, 2, 1)))[:, half : half + _ANGLES], half, axis=1)
    which = np.arange(2)[:, None], np.arange(_ANGLES), best
    return np.stack([x[which], y[which]], -1), np.asarray(along[which], np.float32)


def _across_nose(lines: Floats, left: Path, right: Path) -> tuple[Path, Floats]:
    """The line from one rim to the other, [n, 2], and how much is seen of it, [n]."""
    first, last = round(float(left[:, 0].max())) + 1, round(float(right[:, 0].min())) - 1
    if last - first < 8:
        first, last = SIDE // 2 - 5, SIDE // 2 + 5
    path, seen = _level_path(lines, np.arange(first, last + 1), _BRIDGE)
    return path, seen[2:-2]  # the rims themselves are upright there


def _to_temple(lines: Floats, rim: Path, side: int) -> Path:
    """The line from a rim to the face's edge, [n, 2]."""
    x, y = np.round(rim[rim[:, 0].argmin() if side == 0 else rim[:, 0].argmax()]).astype(int).tolist()
    edge = np.flatnonzero(inside(SIDE)[y])
    columns = np.arange(edge[0], x + 1) if side == 0 else np.arange(x, edge[-1] + 1)
    return _level_path(lines, columns, (y - 7, y + 6))[0]


def _level_path(lines: Floats, columns: npt.NDArray[np.intp], rows: tuple[int, int]) -> tuple[Path, Floats]:
    part = lines[rows[0] : rows[1]][:, columns].T
    best = _best_paths(part[None])[0]
    seen = part[np.arange(len(columns)), best]
    return np.stack([columns, rows[0] + best], 1).astype(np.float32), np.asarray(seen, np.float32)


def _best_paths(seen: Floats) -> npt.NDArray[np.intp]:
    """Columns for all rows of [m, rows, columns], each at most two beside the last, with the largest sum."""
    count, _, width = seen.shape
    total, steps = np.full((count, width + 4), -np.inf, np.float32), []
    inner = total[:, 2:-2]
    inner[...] = seen[:, 0]
    for row in range(1, seen.shape[1]):
        before = np.stack([total[:, 2 + by : width + 2 + by] - _BEND * abs(by) for by in range(-2, 3)])
        steps.append(before.argmax(0) - 2)
        inner[...] = before.max(0) + seen[:, row]
    path = [inner.argmax(1)]
    for step in reversed(steps):
        path.append(path[-1] + step[np.arange(count), path[-1]])
    return np.stack(path[::-1], 1)


_BEND = 0.01
"""What a step to the side costs a path."""
_BRIDGE = (84, 116)
"""Rows in which a bridge may be."""


@cache
def _rays(side: int) -> tuple[Floats, Floats]:
    """Points from an eye outward, x and y float32 [48, 28]: from outside the lids to the largest lens."""
    ring = (EYE_RING_LEFT, EYE_RING_RIGHT)[side]
    x, y = texels(SIDE)[ring].mean(0)
    angles = np.arange(_ANGLES)[:, None] * (2 * np.pi / _ANGLES)
    share = np.linspace(0.78, 1.45, _RADII)
    outward = np.cos(angles) * (-1, 1)[side] > 0
    wide, high = np.where(outward, 36, 30), np.where(np.sin(angles) < 0, 22, 27)
    return (
        np.asarray(x + wide * np.cos(angles) * share, np.float32),
        np.asarray(y + 3 + high * np.sin(angles) * share, np.float32),
    )


def _shown(glasses: Glasses, lines: _Lines) -> Floats:
    """Where the frame is in one picture, float32 [256, 256] 0..1: near its lines, wherever something is thin.

    A line that cannot be seen just now, before something of its own colour, is kept all the same; but before
    brows only what can be seen, for they are the persona's.
    """
    near, core = (np.zeros((SIDE, SIDE), np.uint8) for _ in range(2))
    for path, closed, reach in _paths(glasses):
        drawn = [np.round(path * 8).astype(np.int32)]
        cv2.polylines(near, drawn, closed, 255, reach, cv2.LINE_AA, 3)
        cv2.polylines(core, drawn, closed, 150, 3, cv2.LINE_AA, 3)
    rows, _, bare = _band()
    core[rows][~bare & (lines.brows[rows] < 2 * _LINE)] = 0
    found = np.clip(lines.any * np.float32(255 / _LINE) - 128, 0, 255).astype(np.uint8)
    whole = np.maximum(cv2.dilate(np.minimum(found, near), _disc(1)), core)
    return cv2.GaussianBlur(whole, (0, 0), 0.8).astype(np.float32) / np.float32(255)


def _paths(glasses: Glasses) -> list[tuple[Path, bool, int]]:
    """The lines, whether each is closed, and how many texels about it may belong to it."""
    rims = [(rim, True, 9) for rim in glasses.rims]
    return [*rims, (glasses.bridge, False, 9), *((temple, False, 5) for temple in glasses.temples)]


@cache
def _band() -> tuple[slice, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The rows where frames sit, brows to half the nose; where in them light lines may be, and dark ones."""
    points = texels(SIDE)
    top = int(points[[105, 334, 107, 336], 1].min() - SIDE * 0.02)
    bottom = int(points[[4, 205, 425], 1].mean())
    eyes = polygons(SIDE, [EYE_RING_LEFT, EYE_RING_RIGHT], 4)
    brows = polygons(SIDE, [BROW_LEFT, BROW_RIGHT], 4)
    within = (edge_distance(SIDE) > 0.008) & (eyes == 0)
    rows = slice(top, bottom)
    return rows, np.asarray(within[rows], np.bool_), np.asarray((within & (brows == 0))[rows], np.bool_)


def _disc(radius: int) -> Mask:
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )
