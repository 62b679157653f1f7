"""Light on the texture plane: what of a face is bare skin, how it is lit, how to relight another."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.geometry.canonical import BROW_LEFT, BROW_RIGHT, EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER
from visard.models.geometry.uv import edge_distance, inside, polygons, texels

Floats = npt.NDArray[np.float32]

SIDE = 32
"""Light is smooth: 32 x 32 texels hold it."""

_FLOOR = 6.0
"""Added before logarithms, in grey levels: keeps black noise from becoming a ratio."""


_COLOURLESS = 0.025
"""Spread of hue over a face, natural logarithms; skin, lips and brows make 0.06 of it at least."""
_THIRDS = np.full(3, 1 / 3, np.float32)


def smoothstep(x: Floats, low: float, high: float) -> Floats:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


@cache
def skin_area(side: int) -> Floats:
    """Where skin is expected: the oval without eyes, brows and lips; float32 [side, side], 0 or 1."""
    grow = max(1, side // 48)
    features = polygons(side, [EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER, BROW_LEFT, BROW_RIGHT], grow)
    return np.asarray((inside(side) > 0) & (features == 0), np.float32)


@cache
def _prior(side: int) -> Floats:
    """How much each texel says about the skin: the middle most, float32 [side * side]."""
    return np.asarray((skin_area(side) * (0.05 + 0.95 * smoothstep(edge_distance(side), 0.02, 0.12))).ravel())


@cache
def _terms(side: int) -> Floats:
    """Terms of a quadratic over the texture plane, float32 [side * side, 6]."""
    y, x = (np.mgrid[:side, :side] + 0.5) / (side / 2) - 1
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1).reshape(-1, 6).astype(np.float32)


_DAMPING = np.diag([1e-4, 4e-3, 4e-3, 8e-3, 8e-3, 8e-3]).astype(np.float32)
"""Holds the quadratic back from running away where no skin was seen."""


@dataclass(frozen=True, slots=True)
class Skin:
    """A smooth model of a face's skin under its light: log colour as a quadratic over the texture plane."""

    terms: Floats
    """float32 [6, 3]"""

    @classmethod
    def fit(cls, colours: Image, visible: Floats | None = None) -> "Skin":
        """Fit to a square texture by reweighted least squares; hair, frames and highlights lose their say.

        ``visible`` [side, side] is how much of each texel is the face, 0..1; None: all of it.
        """
        side = colours.shape[0]
        basis = _terms(side)
        prior = _prior(side) if visible is None else _prior(side) * visible.ravel() + np.float32(1e-6)
        logs = _log(colours).reshape(-1, 3)
        weight = prior
        damping = float(prior.sum()) * _DAMPING
        for _ in range(4):
            weighted = basis * weight[:, None]
            terms = np.linalg.solve(weighted.T @ basis + damping, weighted.T @ logs)
            off = (logs - basis @ terms) @ _THIRDS
            weight = prior / (1 + np.square(off / np.float32(0.12)))
        return cls(np.asarray(terms, np.float32))

    def off(self, colours: Image) -> Floats:
        """How much lighter (+) or darker (-) than the model each texel is, in natural logarithms."""
        side = colours.shape[0]
        expected = (_terms(side) @ self.terms).reshape(side, side, 3)
        return np.asarray((_log(colours) - expected) @ _THIRDS, np.float32)

    def colours(self, side: int) -> Floats:
        """The model itself as a texture, float32 [side, side, 3]."""
        return np.asarray(np.exp(_terms(side) @ self.terms).reshape(side, side, 3) - _FLOOR, np.float32)


def _log(colours: Image) -> Floats:
    return np.asarray(np.log(colours.astype(np.float32) + np.float32(_FLOOR)))


def trust(off: Floats) -> Floats:
    """How likely a texel is skin, 0..1, from its distance to the model."""
    far = np.square(off / np.float32(0.25))
    return np.asarray(1 / (1 + far * far), np.float32)


class Colours:
    """Whether a driver's camera knows colours, or none or one tint only, as at night and in sepia."""

    def __init__(self) -> None:
        self._belief: float | None = None
        self.missing = False

    def __call__(self, scene: Image) -> bool:
        """Return whether they are missing; ``scene`` is the driver's face, uint8 [SIDE, SIDE, 3].

        Slow to change, but for the first look.
        """
        logs = _log(scene)[inside(SIDE) > 0]
        now = float((logs[:, ::2] - logs[:, 1:2]).std(0).max() < _COLOURLESS)
        self._belief = now if self._belief is None else self._belief + 0.1 * (now - self._belief)
        self.missing = self._belief > (0.2 if self.missing else 0.8)
        return self.missing


def grey(picture: Image | Floats) -> npt.NDArray[np.generic]:
    """Take the colour out of a BGR picture, which stays one and of its type."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))


_SEAM = 0.09
"""Depth in texture sides to which colours meet those of the scene texel by texel."""
_REACH, _FOREHEAD_REACH = 0.15, 0.3
"""Depth to which the tone at the edge goes on inside; on the forehead, where hair parts it, further."""


@cache
def _seam() -> Floats:
    """1 at the edge, where colours must meet exactly, falling to 0 inside, float32 [32, 32, 1]."""
    return np.asarray(1 - smoothstep(edge_distance(SIDE), 0, _SEAM), np.float32)[..., None]


@cache
def _reach() -> Floats:
    """How much of the edge's tone goes on inside, float32 [32, 32, 1]; no step anywhere."""
    depth = edge_distance(SIDE)
    points = texels(SIDE)[:, 1]
    rows = np.arange(SIDE, dtype=np.float32)[:, None]
    forehead = 1 - smoothstep(rows, float(points[10]), float(points[6]))
    reach = _REACH + (_FOREHEAD_REACH - _REACH) * forehead
    return np.asarray(1 - smoothstep(depth / reach, 0, 1), np.float32)[..., None]


@cache
def _rim() -> Floats:
    """What the edge's tone is read from, float32 [32, 32]."""
    depth = edge_distance(SIDE)
    return np.asarray((depth > 0) * (1 - smoothstep(depth, 0.04, 0.2)), np.float32)


class Relight:
    """Follows one driver's light: gains that make the persona's texture look lit by the driver's scene."""

    def __init__(self, own: Image) -> None:
        """``own`` is the persona's texture, uint8 [SIDE, SIDE, 3]."""
        self._logs = _log(own)
        self._trust = trust(Skin.fit(own).off(own))
        self._gain_logs: Floats | None = None

    def __call__(
        self, scene: Image, skin: Skin, visible: Floats | None = None, beard: Floats | None = None
    ) -> Floats:
        """Return gains, float32 [SIDE, SIDE, 3]; ``scene`` is the driver's face, uint8 [SIDE, SIDE, 3].

        Inside the face only colour, strength and direction of the light are taken over: anything finer
        would carry the driver's own features along. At the seam the colours meet exactly, and what the
        edge is off by fades out slowly inside, so that no step shows; the darkness of a ``beard``
        (how likely each texel is one, [SIDE, SIDE]) does not. Averaged over about five looks, so that
        noise does not flicker.
        """
        weight = skin_area(SIDE) * self._trust * trust(skin.off(scene)) + 1e-3 * skin_area(SIDE)
        if visible is not None:
            weight = weight * visible + np.float32(1e-6)
        bare = weight if beard is None else weight * (1 - beard)
        ratio = _log(scene) - self._logs
        broad = _plane(ratio, bare)
        rest = ratio - broad
        tone = _reach() * _blur(rest, bare * _rim(), SIDE * 0.12)
        logs = _bounded(broad + tone + _seam() * (_blur(rest, weight, SIDE * 0.05) - tone))
        if self._gain_logs is None:
            self._gain_logs = logs
        change = logs - self._gain_logs
        pace = min(0.2 + 3 * float(np.abs(change).mean()), 1.0)  # a lamp switched on is followed at once
        self._gain_logs = self._gain_logs + np.float32(pace) * change
        return np.exp(self._gain_logs)


def _bounded(logs: Floats) -> Floats:
    """Keep gains where 8 bits still hold: strength within a factor of 7, tint within a factor of 2.5."""
    strength = (logs @ _THIRDS)[..., None]
    return np.asarray(np.clip(strength, -1.9, 1.9) + np.clip(logs - strength, -0.9, 0.9), np.float32)


def _plane(values: Floats, weight: Floats) -> Floats:
    """Weighted least-squares plane through ``values`` [h, w, 3], held back from steep slopes."""
    basis = _terms(SIDE)[:, :3]
    weighted = basis * weight.reshape(-1, 1)
    damping = 0.3 * float(weight.sum()) * np.diag([0.0, 1.0, 1.0]).astype(np.float32)
    terms = np.linalg.solve(weighted.T @ basis + damping, weighted.T @ values.reshape(-1, 3))
    return np.asarray((basis @ terms).reshape(values.shape), np.float32)


def _blur(values: Floats, weight: Floats, sigma: float) -> Floats:
    """Gaussian mean of ``values`` [h, w, 3] with ``weight`` [h, w]."""
    stacked = np.dstack([values * weight[..., None], weight])
    soft = cv2.GaussianBlur(stacked, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(soft[..., :3] / np.maximum(soft[..., 3:], 1e-5), np.float32)
