"""What an open mouth shows: the portrait's own teeth where it has some, painted ones where not."""

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.animate.puppet.layer import Box, SheetLayer, patch_around, plane, polygon
from visard.models.animate.puppet.matte import fill
from visard.models.face import Image, Landmarks
from visard.models.geometry.canonical import LIPS_INNER, LIPS_OUTER
from visard.models.geometry.pose import Pose

Floats = npt.NDArray[np.float32]

UPPER = LIPS_INNER[1:10]
LOWER = LIPS_INNER[:10:-1]
"""Inner lips without the corners; upper and lower points stand over each other."""
_UPPER_TEETH = (0.42, 0.31, 0.36, 0.34, 0.33, 0.4)
"""Widths of the teeth from the middle outwards, as shares of the first two; only their ratio counts."""
_LOWER_TEETH = (0.27, 0.29, 0.33, 0.34, 0.34, 0.4)
_SHOWN = 0.1
"""A gap of the lips over their width from which the portrait's own teeth are used."""


class Mouth:
    """The inside of one portrait's mouth."""

    def __init__(self, image: Image, points: Landmarks, pose: Pose) -> None:
        upright = pose.upright(points)
        self.depth = float(upright[UPPER + LOWER, 2].mean()) + 0.4
        inner = points[LIPS_INNER, :2]
        box = patch_around(inner, 0.5, image.shape)
        patch = image[box.rows, box.columns].astype(np.float32)
        x, y = _upright_grid(box, pose, self.depth)
        flat = _flatten(points, pose, self.depth)
        tones = _Tones.of(image, points)
        gap = flat[LOWER, 1] - flat[UPPER, 1]
        width = float(np.ptp(flat[LIPS_INNER, 0]))
        self._deep = 0.1 * float(np.ptp(inner[:, 0]))
        self._upper = _painted_upper(box, x, y, flat, tones)
        if gap.max() > _SHOWN * width:
            own = _own_teeth(box, patch, inner, (x, y), flat)
            self._upper = (
                own if tones.toothy(patch, polygon(patch.shape, inner - box.corner, 1)) else self._upper
            )
        self._lower = _painted_lower(box, x, y, flat, tones)
        self._cavity = _cavity(box, x, y, flat, tones)

    def draw(self, out: Image, ring: Floats, skull: Floats, jaw: Floats) -> None:
        """Draw between the inner lips ``ring`` [20, 2].

        ``skull`` maps the portrait's pixels to the picture's; ``jaw`` is how far the lower lip has come from
        there, [2] in pixels.
        """
        gap = float(np.linalg.norm(ring[1:10] - ring[:10:-1], axis=1).max())
        ring = _inset(ring, 0.7)
        place = patch_around(ring, 0.0, out.shape, margin=4)
        if place.empty or gap < 1:
            return
        seen = self._cavity.warp(_shifted(skull, jaw * 0.6), place)
        self._lower.over(seen, _shifted(skull, jaw * 0.85), place)
        self._upper.over(seen, skull, place)
        hole = cv2.GaussianBlur(polygon(place.shape, ring - place.corner), (0, 0), 0.9)
        lip = ring.copy()
        lip[:11, 1] += 0.18 * gap  # the upper lip's shadow
        light = cv2.GaussianBlur(polygon(place.shape, lip - place.corner), (0, 0), max(1.0, gap / 10))
        seen *= (0.7 + 0.3 * light)[..., None] * min(1.0, 0.5 + gap / self._deep)
        target = out[place.rows, place.columns]
        target[:] = target + (seen - target) * (hole * min(1.0, (gap - 1) / 2))[..., None]


def _inset(ring: Floats, pixels: float) -> Floats:
    """Bring the lips nearer to each other, so that where they touch nothing shines through."""
    upper, lower = ring[1:10], ring[:10:-1]
    gap = np.linalg.norm(upper - lower, axis=1, keepdims=True)
    step = (lower - upper) * np.minimum(0.5, pixels / np.maximum(gap, 1e-6))
    nearer = ring.copy()
    nearer[1:10] += step
    nearer[:10:-1] -= step
    return nearer


def _shifted(matrix: Floats, shift: Floats) -> Floats:
    moved = matrix.copy()
    moved[:, 2] += shift
    return moved


def _upright_grid(box: Box, pose: Pose, depth: float) -> tuple[Floats, Floats]:
    """Upright x and y in centimetres of every pixel of ``box``, as if it lay at ``depth``."""
    upright = Pose(1.0, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    matrix = plane(pose, upright, depth)
    row, column = np.mgrid[box.rows, box.columns].astype(np.float32)
    x = matrix[0, 0] * column + matrix[0, 1] * row + matrix[0, 2]
    y = matrix[1, 0] * column + matrix[1, 1] * row + matrix[1, 2]
    return x, y


def _flatten(points: Landmarks, pose: Pose, depth: float) -> Floats:
    """Landmarks where they are seen on the upright plane at ``depth``, float32 [478, 2]."""
    matrix = plane(pose, Pose(1.0, np.eye(3, dtype=np.float32), np.zeros(3, np.float32)), depth)
    return np.asarray(points[:, :2] @ matrix[:, :2].T + matrix[:, 2], np.float32)


class _Tones:
    """Colours for the inside of a mouth that suit a portrait's light, BGR."""

    def __init__(self, skin: Floats, lip: Floats) -> None:
        grey = float(skin @ (0.114, 0.587, 0.299))
        self.grey = grey
        self.tooth = np.clip(0.6 * skin + 0.4 * grey * np.array([0.95, 1.0, 1.03], np.float32), 0, 225)
        self.dark = lip * np.array([0.16, 0.14, 0.22], np.float32)
        self.tongue = lip * np.array([0.55, 0.5, 0.72], np.float32)

    @classmethod
    def of(cls, image: Image, points: Landmarks) -> "_Tones":
        """Look at the cheeks and lips."""

        def median(indices: list[int]) -> Floats:
            where = np.clip(points[indices, :2].astype(int), 0, np.array(image.shape[1::-1]) - 1)
            return np.asarray(np.median(image[where[:, 1], where[:, 0]], axis=0), np.float32)

        return cls(median([50, 101, 118, 280, 330, 347, 205, 425]), median(LIPS_OUTER))

    def toothy(self, patch: Floats, inside: Floats) -> bool:
        """Whether what the open lips show is bright enough to be teeth."""
        bright = patch @ np.array([0.114, 0.587, 0.299], np.float32)
        return (
            float(np.percentile(bright[inside > 0.5], 70) if (inside > 0.5).any() else 0) > 0.75 * self.grey
        )


def _row(x: Floats, y: Floats, widths: tuple[float, ...], edge: Floats, up: bool) -> tuple[Floats, Floats]:
    """Light and opacity of a row of teeth along ``x`` whose biting edge is ``edge`` (centimetres)."""
    bounds = np.cumsum(widths)
    side = np.clip(np.abs(x), 0, bounds[-1] - 1e-3)
    tooth = np.searchsorted(bounds, side, side="right")
    begin = np.concatenate([[0], bounds])[tooth]
    within = (side - begin) / np.array(widths)[tooth] * 2 - 1
    direction = 1 if up else -1
    past = (y - (edge - direction * 0.07 * within**4)) * direction
    opacity = np.clip(0.5 - past / 0.06, 0, 1) * np.clip((bounds[-1] - np.abs(x)) / 0.2, 0, 1)
    seams = 1 - 0.3 * np.clip((np.abs(within) - 0.82) / 0.18, 0, 1) ** 2
    depth = np.clip(1 + past / 1.4, 0.55, 1) * (1 - 0.55 * (side / bounds[-1]) ** 2)
    return np.asarray(seams * depth, np.float32), np.asarray(opacity, np.float32)


def _painted_upper(box: Box, x: Floats, y: Floats, flat: Floats, tones: _Tones) -> SheetLayer:
    middle, half = _middle(flat)
    scale = half / 2.4
    across = (x - middle[0]) / scale
    edge = _bite(across)
    light, opacity = _row(across, (y - middle[1]) / scale, tuple(w * 2 for w in _UPPER_TEETH), edge, True)
    return SheetLayer(box, light[..., None] * tones.tooth, opacity)


def _bite(across: Floats) -> Floats:
    """How far upper teeth reach below where the lips meet, both in 2.4ths of half the mouth."""
    return np.asarray(0.3 - 0.05 * across**2, np.float32)


def _painted_lower(box: Box, x: Floats, y: Floats, flat: Floats, tones: _Tones) -> SheetLayer:
    _, half = _middle(flat)
    scale = half / 2.4
    lip = flat[LOWER].mean(0)
    across = (x - lip[0]) / scale
    edge = 0.06 - 0.04 * across**2
    light, opacity = _row(across, (y - lip[1]) / scale, tuple(w * 2 for w in _LOWER_TEETH), edge, False)
    return SheetLayer(box, 0.72 * light[..., None] * tones.tooth, opacity * 0.9)


def _middle(flat: Floats) -> tuple[Floats, float]:
    """Where the closed lips would meet, and half the mouth's width."""
    middle = flat[UPPER[3:6] + LOWER[3:6]].mean(0)
    return middle, float(np.ptp(flat[LIPS_INNER, 0])) / 2


def _own_teeth(
    box: Box, patch: Floats, inner: Floats, grid: tuple[Floats, Floats], flat: Floats
) -> SheetLayer:
    """The portrait's teeth, continued under its lips, ending where its lower lip was or teeth reach."""
    x, y = grid
    known = polygon(patch.shape, inner - box.corner, shrink=max(1.0, float(np.ptp(inner[:, 1])) / 12))
    order = np.argsort(flat[LOWER, 0])
    middle, half = _middle(flat)
    end = np.interp(x, flat[LOWER, 0][order], flat[LOWER, 1][order])
    end = np.maximum(end, middle[1] + half / 2.4 * _bite((x - middle[0]) / half * 2.4))
    opacity = np.clip(0.5 - (y - end) / 0.12, 0, 1)
    return SheetLayer(box, fill(patch, known), opacity.astype(np.float32))


def _cavity(box: Box, x: Floats, y: Floats, flat: Floats, tones: _Tones) -> SheetLayer:
    """Darkness with a tongue in it."""
    middle, half = _middle(flat)
    across, down = (x - middle[0]) / half, (y - middle[1]) / half
    tongue = np.exp(-((across / 0.62) ** 2) - ((down - 0.22) / 0.34) ** 2)[..., None]
    return SheetLayer(box, tones.dark + (tones.tongue - tones.dark) * tongue)
