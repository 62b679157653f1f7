"""Eyes: the persona's irises at the driver's gaze, and lids that still close on another eye shape."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import IRIS_LEFT, IRIS_RIGHT, Image, Landmarks
from visard.models.geometry.canonical import BROW_LEFT, BROW_RIGHT, EYE_RING_LEFT, EYE_RING_RIGHT
from visard.models.geometry.pose import canonical_upright
from visard.models.swap.mesh.light import smoothstep

Floats = npt.NDArray[np.float32]

EYES = ((EYE_RING_LEFT, IRIS_LEFT), (EYE_RING_RIGHT, IRIS_RIGHT))

LID_SKIN = (
    [130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25],
    [359, 467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255],
)
"""Loops around the lids of both eyes, up to the folds."""

LIDS = np.array(
    [(246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155),
     (466, 249), (388, 390), (387, 373), (386, 374), (385, 380), (384, 381), (398, 382)]
)  # fmt: skip
"""Upper and lower lid points that meet when the eye closes."""

INNER_LIPS = np.array(
    [(13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318), (191, 95), (415, 324)]
)
"""Upper and lower points that meet when the mouth closes."""

_BROW_GAIN = 0.3
"""Swapped clips, looked at by the landmark network, show 0.6 to 0.9 of the driver's motion without it."""
_NARROWED = 0.78
"""Lid gap of narrowed eyes over the driver's."""
_RISE, _FALL = 0.15, 0.004
"""Pace at which a wider and a narrower gap become the usual one: no blink does, a long squint in seconds."""
_CONTRAST = 0.75
"""How much of the driver's contrast is taken over, as a power: in another tone all of it would glare."""
_DISC = 48
_REACH = 1.25
"""A disc picture shows this many iris radii."""


def opening(shape: Landmarks) -> float:
    """How far the lids of both eyes are apart, in the units of ``shape``."""
    return float(_gaps(shape).sum())


def closed(driver: Landmarks, neutral: Landmarks, scale: float) -> list[float]:
    """How far each eye is closed, 0..1; ``scale`` is pixels per unit of the neutral shape."""
    ratio = _gaps(driver) / np.maximum(_gaps(neutral) * np.float32(scale), np.float32(1e-3))
    return [float(share) for share in 1 - smoothstep(ratio, 0.3, 0.6)]


def meet(moved: Landmarks, driver: Landmarks, pairs: npt.NDArray[np.intp], ratio: float | Floats) -> None:
    """Give pairs of ``moved`` the driver's distance times ``ratio``: what is closed stays closed.

    ``ratio`` is one for all, or one for each pair, [n].
    """
    upper, lower = pairs.T
    middle = (moved[upper] + moved[lower]) / 2
    half = (driver[upper] - driver[lower]) * (np.asarray(ratio, np.float32) / 2).reshape(-1, 1)
    moved[upper], moved[lower] = middle + half, middle - half


class Lids:
    """How far a driver's eyes are open, measured against how far they usually are."""

    def __init__(self) -> None:
        self._usual: Floats | None = None

    def ratio(self, driver: Landmarks, neutral: Landmarks, persona: Landmarks, scale: float) -> Floats:
        """The persona's lid gap over the driver's for each pair of LIDS, float32 [14].

        Wide eyes are the persona's, narrowed ones the driver's and a little more: a photo of open eyes keeps
        looking awake. ``neutral`` and ``persona`` are neutral shapes, ``scale`` pixels per unit of those.
        """
        now = _gaps(driver) / np.float32(scale)
        if self._usual is None:
            self._usual = np.maximum(now, 0.6 * _gaps(neutral))
        change = now - self._usual
        self._usual = self._usual + np.where(change > 0, np.float32(_RISE), np.float32(_FALL)) * change
        share = np.asarray(now / np.maximum(self._usual, 1e-3), np.float32)
        awake = smoothstep(share, 0.5, 1)
        own = np.clip(opening(persona) / max(opening(neutral), 1e-3), 0.6, 1.5)
        return np.repeat(np.float32(_NARROWED) + awake * np.float32(own - _NARROWED), 7)


def _gaps(shape: Landmarks) -> Floats:
    """How far the lids of each eye are apart, [2]."""
    gaps = np.linalg.norm(shape[LIDS[:, 0]] - shape[LIDS[:, 1]], axis=1)
    return np.asarray(gaps.reshape(2, 7).sum(1), np.float32)


@cache
def _brow_area() -> Floats:
    """1 at the brows, falling to 0 at the lids and up the forehead, float32 [468, 1]."""
    points = canonical_upright()
    brows = points[BROW_LEFT + BROW_RIGHT + [9]]
    apart = np.linalg.norm(points[:, None] - brows[None], axis=2).min(1)
    near = 1 - smoothstep(apart, 0.0, 1.6)
    near[np.concatenate([LIDS.ravel(), EYE_RING_LEFT, EYE_RING_RIGHT])] = 0
    return np.asarray(near[:, None], np.float32)


def brow_motion(driver: Landmarks, neutral: Landmarks) -> Landmarks:
    """How much further brows go than the driver's landmarks, which follow them only in part: [468, 3].

    All are upright centimetres.
    """
    moved = np.clip((driver - neutral)[:468], -0.6, 0.6) * np.array([1, 1, 0], np.float32)
    return np.asarray(_BROW_GAIN * _brow_area() * moved, np.float32)


@dataclass(frozen=True, slots=True)
class Iris:
    """An iris without lids and reflections, to be drawn anywhere."""

    disc: Floats
    """float32 [48, 48, 3]"""

    @classmethod
    def of(cls, image: Image, landmarks: Landmarks, ring: list[int], centre: int) -> "Iris":
        """Take it from a photo; what the lids hide is filled from below and from the mean at that radius."""
        middle, radius = _circle(landmarks, centre)
        step = radius * _REACH / (_DISC / 2)
        corner = middle - step * (_DISC - 1) / 2
        matrix = np.array([[step, 0, corner[0]], [0, step, corner[1]]], np.float32)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(image, matrix, (_DISC, _DISC), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        seen = np.zeros((_DISC, _DISC), np.uint8)
        cv2.fillPoly(
            seen, [np.round((landmarks[ring, :2] - corner) / step * 16).astype(np.int32)], 255, shift=4
        )
        cv2.erode(seen, np.ones((3, 3), np.uint8), dst=seen, iterations=3)
        return cls(_complete(picture.astype(np.float32), seen > 0))


def _circle(landmarks: Landmarks, centre: int) -> tuple[Floats, float]:
    middle = landmarks[centre, :2]
    edge = landmarks[centre + 1 : centre + 5, :2]
    return middle, max(float(np.linalg.norm(edge - middle, axis=1).mean()), 1.0)


def _radius() -> Floats:
    """Distance from the disc's middle in iris radii, float32 [48, 48]."""
    y, x = np.mgrid[:_DISC, :_DISC] - (_DISC - 1) / 2
    return np.asarray(np.hypot(x, y) / (_DISC / 2 / _REACH), np.float32)


def _complete(picture: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    """Colour by radius, plus what detail was seen, mirrored to where it was hidden."""
    place = _radius() * 12 - 0.5
    rings = np.clip(np.round(place).astype(int), 0, 15)
    profile = np.zeros((16, 3), np.float32)
    last = picture[seen].mean(0) if seen.any() else picture.mean((0, 1))
    for ring in range(16):
        pixels = picture[(rings == ring) & seen]
        if len(pixels) > 2:
            light = pixels.mean(1)
            last = pixels[light <= np.percentile(light, 70)].mean(0)  # the photo's reflections stay out
        profile[ring] = last
    low = np.clip(np.floor(place).astype(int), 0, 14)
    share = np.clip(place - low, 0, 1)[..., None]
    smooth = profile[low] * (1 - share) + profile[low + 1] * share
    detail = np.where(seen[..., None], np.clip(picture - smooth, -30, 25), 0)
    detail = np.where(seen[..., None], detail, detail[::-1])
    return np.asarray(smooth + 0.7 * detail, np.float32)


def gaze(driver: Landmarks, moved: Landmarks, ring: list[int], centre: int) -> tuple[Floats, float]:
    """Where the driver's iris is in the moved eye, and its radius, in frame pixels."""
    before, after = driver[ring, :2].astype(np.float64), moved[ring, :2].astype(np.float64)
    origin, target = before.mean(0), after.mean(0)
    known, told = before - origin, after - target
    gram = known.T @ known
    affine = np.linalg.solve(gram + 1e-6 * np.trace(gram) * np.eye(2), known.T @ told)
    middle = target + (driver[centre, :2] - origin) @ affine
    edge = driver[centre + 1 : centre + 5, :2] - driver[centre, :2]
    return middle.astype(np.float32), max(float(np.linalg.norm(edge, axis=1).mean()), 1.0)


def draw_iris(
    face: Image, scene: Image, opened: npt.NDArray[np.uint8], iris: Iris, middle: Floats, radius: float,
    gain: Floats,
) -> None:  # fmt: skip
    """Draw an iris into ``face`` where ``opened`` (0..255) shows the eye, keeping the scene's reflections.

    ``middle`` and ``radius`` are in pixels of the pictures, ``gain`` [3] is the light.
    """
    reach = int(np.ceil(radius * 1.2)) + 1
    x, y = int(middle[0]) - reach, int(middle[1]) - reach
    part = slice(max(y, 0), max(y + 2 * reach + 1, 0)), slice(max(x, 0), max(x + 2 * reach + 1, 0))
    here, shown, below = face[part], opened[part], scene[part]
    if not here.size:
        return
    height, width = shown.shape
    left, top = part[1].start, part[0].start
    step = radius * _REACH / (_DISC / 2)
    matrix = np.array([[step, 0, middle[0] - left], [0, step, middle[1] - top]], np.float32)
    matrix[:, 2] -= step * (_DISC - 1) / 2
    disc = cv2.warpAffine(iris.disc, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE) * gain
    columns = (np.arange(left, left + width, dtype=np.float32) - middle[0]) / np.float32(radius)
    rows = (np.arange(top, top + height, dtype=np.float32) - middle[1]) / np.float32(radius)
    distance = np.hypot(columns, rows[:, None])
    mask = np.clip((1.08 - distance) / 0.16, 0, 1) * (shown * np.float32(1 / 255))
    grey = cv2.cvtColor(below, cv2.COLOR_BGR2GRAY)
    seen = grey[(distance < 0.9) & (shown > 127)]
    usual = float(np.partition(seen, seen.size // 2)[seen.size // 2]) if seen.size else 255.0
    lit = np.minimum(disc + np.maximum(grey - np.float32(usual + 35), 0)[..., None], 255)
    here[...] = np.clip(here + (lit - here) * mask[..., None] + 0.5, 0, 255).astype(np.uint8)


def blend_toned(face: Image, scene: Image, share: npt.NDArray[np.uint8]) -> None:
    """Blend ``scene`` over ``face`` by ``share`` (0..255), in place, in the colour ``face`` has there."""
    x, y, width, height = cv2.boundingRect(share)
    part = slice(y, y + height), slice(x, x + width)
    here, over, weight = face[part], scene[part], share[part]
    if not weight.any():
        return
    ours, theirs = (np.array(cv2.mean(picture, weight)[:3]) for picture in (here, over))
    levels = (np.arange(256, dtype=np.float32)[:, None] + 2) / (theirs + 2)
    table = np.clip((ours + 2) * np.clip(levels, 0, 4) ** _CONTRAST - 2, 0, 255).astype(np.uint8)
    alpha = weight * np.float32(1 / 255)
    toned = cv2.LUT(np.ascontiguousarray(over), table[None])
    here[...] = cv2.blendLinear(toned, np.ascontiguousarray(here), alpha, 1 - alpha)
