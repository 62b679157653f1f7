"""What is made once per persona: texture (no fringe, no hidden side, no gaze), irises, neutral shape."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.blendshapes import NAMES
from visard.models.face import Face, Image, Landmarks
from visard.models.geometry.expression import neutral
from visard.models.geometry.pose import facing, fit_pose
from visard.models.geometry.uv import Sampler, reduced, unroll
from visard.models.photo import measures
from visard.models.portrait import Portrait
from visard.models.swap.mesh.correction import Correction
from visard.models.swap.mesh.eyes import EYES, Iris
from visard.models.swap.mesh.light import SIDE, Skin, grey, skin_area, smoothstep
from visard.models.swap.mesh.repair import filled, without_glasses, without_hair, without_teeth
from visard.models.swap.mesh.shading import coloured, evenly_lit, without_smile, without_tint

Floats = npt.NDArray[np.float32]

SIDES = (512, 256)
"""Texture sizes; the one nearest to the face's size in the frame is used, so that nothing shimmers."""

_HIGHLIGHT, _SHADOW = 0.35, 0.6
"""Skin that differs from its model by more than this (natural logarithm) is taken towards it."""


@dataclass(frozen=True, slots=True)
class Texture:
    """A persona, ready for the mesh."""

    levels: dict[int, Image]
    """The unrolled face by size."""
    own: Image
    """The same at the size of light, uint8 [32, 32, 3]."""
    irises: tuple[Iris, Iris]
    shape: Landmarks
    """Neutral shape, float32 [478, 3], upright centimetres."""
    offset: Floats | None = None
    """How far a tuned correction moves the mesh, float32 [468, 3], upright centimetres."""

    @classmethod
    def of(cls, *portraits: Portrait) -> "Texture":
        """Make it from one photo or several of the same person; the best one is what others are added to."""
        views = sorted(map(_View.of, portraits), key=lambda view: -view.quality)
        base = views[0]
        whole, seen = base.texture, base.seen
        for view in views[1:]:
            whole, seen = _completed(whole, seen, view.texture, view.seen)
        whole, seen = _completed(whole, seen, whole[:, ::-1], seen[:, ::-1])
        whole = _softened(_repaired(whole, seen, base.face))
        levels = {side: reduced(whole, side) for side in SIDES}
        shapes, weights = [neutral(view.face) for view in views], [view.quality for view in views]
        shape = np.asarray(np.average(shapes, axis=0, weights=weights), np.float32)
        return cls(levels, reduced(whole, SIDE), base.irises, shape)

    def corrected(self, correction: Correction) -> "Texture":
        """The same with what was learned; ``own`` stays, or the scene's light would take it off again."""
        levels = {side: correction.lit(level) for side, level in self.levels.items()}
        return replace(self, levels=levels, offset=correction.shape)

    def monochrome(self) -> "Texture":
        """The same without colour, for a camera that knows none."""
        levels = {side: np.asarray(grey(level), np.uint8) for side, level in self.levels.items()}
        left, right = (Iris(np.asarray(grey(iris.disc), np.float32)) for iris in self.irises)
        return replace(self, levels=levels, own=np.asarray(grey(self.own), np.uint8), irises=(left, right))


@dataclass(frozen=True, slots=True)
class _View:
    """What one photo shows of a person."""

    face: Face
    texture: Image
    """The unrolled face at the largest size, without irises."""
    seen: Floats
    """How well each texel is seen, float32 [64, 64]: 1 from the front, 0 edge on or outside the photo."""
    irises: tuple[Iris, Iris]

    @classmethod
    def of(cls, portrait: Portrait) -> "_View":
        face, landmarks = portrait.face, portrait.face.landmarks
        image = without_tint(portrait.image, measures.unrolled(portrait.image, face))
        left, right = (Iris.of(image, landmarks, ring, centre) for ring, centre in EYES)
        unrolled = unroll(_without_irises(image, landmarks), landmarks[:468, :2], SIDES[0])
        outside = Sampler(64).lookup(measures.outside(image, landmarks[:468])[:, None].astype(np.float32))
        shown = 1 - cv2.dilate(np.ceil(outside[..., 0]), np.ones((3, 3), np.uint8))
        seen = Sampler(64).lookup(facing(fit_pose(landmarks))[:, None])[..., 0] * shown
        return cls(face, unrolled, seen, _both_irises(left, right, image, landmarks))

    @property
    def quality(self) -> float:
        """How good a photo is for a texture: turned to the viewer, whole and large."""
        return float(self.seen.clip(0, 1).mean()) * min(self.face.size / SIDES[1], 1)


def _both_irises(left: Iris, right: Iris, image: Image, landmarks: Landmarks) -> tuple[Iris, Iris]:
    """Where one eye is cut off by the photo's edge or in the dark, the other one's mirror image serves."""
    outside = measures.outside(image, landmarks)
    weight = [
        (1 - outside[ring].mean()) * float(iris.disc.mean() + 1)
        for iris, (ring, _) in zip((left, right), EYES, strict=True)
    ]
    if weight[0] < 0.5 * weight[1]:
        return Iris(np.ascontiguousarray(right.disc[:, ::-1])), right
    if weight[1] < 0.5 * weight[0]:
        return left, Iris(np.ascontiguousarray(left.disc[:, ::-1]))
    return left, right


def _repaired(texture: Image, seen: Floats, face: Face) -> Image:
    """Take out what belongs to the photo and not to the person."""
    side = texture.shape[0]
    missing = np.asarray(cv2.resize(smoothstep(-seen, -0.06, -0.01), (side, side)), np.float32)
    if missing.max() > 0.5:
        texture = filled(texture, missing, skin_area(side) * (missing < 0.01))
    expression = dict(zip(NAMES, face.blendshapes, strict=True))
    smile = float(expression["mouthSmileLeft"] + expression["mouthSmileRight"]) / 2
    upper, lower, left, right = face.landmarks[[13, 14, 78, 308], :2]
    gap = float(np.linalg.norm(upper - lower)) / max(float(np.linalg.norm(left - right)), 1)
    texture = without_teeth(without_hair(evenly_lit(coloured(texture))), gap)
    return without_smile(without_glasses(texture), smile)


def _completed(texture: Image, seen: Floats, other: Image, other_seen: Floats) -> tuple[Image, Floats]:
    """Fill what a texture lacks with another one, matched in colour.

    Of both, ``seen`` says how well each texel is seen, float32 [64, 64]. Returns both for the whole.
    """
    lacking = smoothstep(other_seen - seen, 0.1, 0.35) * (1 - smoothstep(seen, 0.3, 0.75))
    if lacking.max() < 0.05:
        return texture, seen
    side = texture.shape[0]
    share = _spread(lacking, side)
    added = other.astype(np.float32)
    soft = side / 10
    tone = _soft(texture, 1 - share, soft) / np.maximum(_soft(added, 1 - share, soft), 1)
    filled_in = added * np.clip(tone, 0.7, 1.4)
    whole = np.clip(texture * (1 - share) + filled_in * share + 0.5, 0, 255).astype(np.uint8)
    return whole, np.maximum(seen, other_seen * (lacking > 0))


def _spread(share: Floats, side: int) -> Floats:
    """A soft-edged and larger copy, float32 [side, side, 1]."""
    return np.asarray(cv2.resize(cv2.GaussianBlur(share, (0, 0), 2), (side, side)), np.float32)[..., None]


def _soft(picture: Image | Floats, weight: Floats, sigma: float) -> Floats:
    """Gaussian mean with weights, worked at an eighth of the size."""
    side = picture.shape[0]
    small = cv2.resize(np.dstack([picture * weight, weight]).astype(np.float32), (side // 8, side // 8))
    small = cv2.GaussianBlur(small, (0, 0), sigma / 8)
    mean = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    return np.asarray(cv2.resize(mean, (side, side)), np.float32)


def _softened(texture: Image) -> Image:
    """Take down the photo's own highlights and deep shadows, which would burn out in another light."""
    side = texture.shape[0]
    skin = Skin.fit(np.asarray(cv2.resize(texture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8))
    off = cv2.GaussianBlur(skin.off(texture), (0, 0), side / 100)
    limit = np.where(off > 0, _HIGHLIGHT, _SHADOW)
    area = cv2.GaussianBlur(skin_area(side), (0, 0), side / 50)
    change = np.exp((limit * np.tanh(off / limit) - off) * area)[..., None]
    return np.asarray(np.clip(texture * change + 0.5, 0, 255).astype(np.uint8))


def _without_irises(image: Image, landmarks: Landmarks) -> Image:
    """Paint the white of the eye over the irises, which are drawn at the driver's gaze."""
    painted = image.copy()
    for ring, centre in EYES:
        _whiten(painted, landmarks[ring, :2], landmarks[centre : centre + 5, :2])
    return painted


def _whiten(image: Image, lids: Floats, iris: Floats) -> None:
    middle = iris[0]
    radius = float(np.linalg.norm(iris[1:] - middle, axis=1).mean()) * 1.12
    opened = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(opened, [np.round(lids * 16).astype(np.int32)], 255, shift=4)
    disc = np.zeros_like(opened)
    cv2.circle(disc, tuple(map(int, np.round(middle * 16))), int(radius * 16), 255, -1, shift=4)
    white = image[cv2.erode(opened & ~disc, np.ones((3, 3), np.uint8)) > 0].astype(np.float32)
    if len(white) < 8:
        return
    light = white.mean(1)
    colour = white[light >= np.percentile(light, 40)].mean(0)
    top, bottom = lids[:, 1].min(), lids[:, 1].max()
    rows = np.arange(image.shape[0], dtype=np.float32)[:, None, None]
    shade = 0.62 + 0.38 * np.clip(2.2 * (rows - top) / max(bottom - top, 1), 0, 1)  # the upper lid's shadow
    mask = cv2.bitwise_and(cv2.dilate(disc, np.ones((3, 3), np.uint8)), opened)
    share = cv2.GaussianBlur(mask, (0, 0), max(0.6, radius * 0.1)).astype(np.float32)[..., None] / 255
    image[...] = np.clip(image * (1 - share) + colour * shade * share + 0.5, 0, 255).astype(np.uint8)
