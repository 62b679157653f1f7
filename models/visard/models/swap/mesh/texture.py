"""What is made once per persona: texture (no fringe, no hidden side, no gaze), irises, neutral shape."""

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image, Landmarks
from visard.models.geometry.canonical import canonical
from visard.models.geometry.expression import neutral
from visard.models.geometry.pose import Pose, canonical_upright, fit_pose
from visard.models.geometry.uv import Sampler, edge_distance, reduced, texels, unroll
from visard.models.portrait import Portrait
from visard.models.swap.mesh.eyes import EYES, Iris
from visard.models.swap.mesh.glasses import without_glasses
from visard.models.swap.mesh.light import SIDE, Skin, grey, skin_area, smoothstep, trust

Floats = npt.NDArray[np.float32]

SIDES = (512, 256)
"""Texture sizes; the one nearest to the face's size in the frame is used, so that nothing shimmers."""

MASK_SIDE = 96

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

    @classmethod
    def of(cls, portrait: Portrait) -> "Texture":
        """Make it from a photo."""
        image, landmarks = portrait.image, portrait.face.landmarks
        left, right = (Iris.of(image, landmarks, ring, centre) for ring, centre in EYES)
        largest = SIDES[0]
        unrolled = unroll(_without_irises(image, landmarks), landmarks[:468, :2], largest)
        whole = _without_hair(_both_sides(unrolled, landmarks))
        whole = _softened(without_glasses(whole))
        levels = {side: reduced(whole, side) for side in SIDES}
        own = reduced(whole, SIDE)
        return cls(levels, own, (left, right), neutral(portrait.face))

    def monochrome(self) -> "Texture":
        """The same without colour, for a camera that knows none."""
        levels = {side: np.asarray(grey(level), np.uint8) for side, level in self.levels.items()}
        left, right = (Iris(np.asarray(grey(iris.disc), np.float32)) for iris in self.irises)
        return replace(self, levels=levels, own=np.asarray(grey(self.own), np.uint8), irises=(left, right))


@cache
def normals() -> Floats:
    """Unit normals of the canonical head in the upright frame, towards the viewer, float32 [468, 3]."""
    points, triangles = canonical_upright(), canonical().triangles
    a, b, c = (points[triangles[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    summed = np.zeros((468, 3), np.float32)
    for corner in range(3):
        np.add.at(summed, triangles[:, corner], flat)
    summed *= -np.sign(summed[1, 2])
    return np.asarray(summed / np.linalg.norm(summed, axis=1, keepdims=True), np.float32)


def facing(pose: Pose) -> Floats:
    """How much each mesh point faces the viewer: 1 straight on, 0 edge on, less when hidden; [468]."""
    return np.asarray(-(normals() @ pose.rotation.T)[:, 2], np.float32)


def _both_sides(texture: Image, landmarks: Landmarks) -> Image:
    """Fill what the photo's head turn hides with the other side, mirrored and matched in colour."""
    seen = Sampler(64).lookup(facing(fit_pose(landmarks))[:, None])[..., 0]
    other = seen[:, ::-1]
    lacking = smoothstep(other - seen, 0.1, 0.35) * (1 - smoothstep(seen, 0.3, 0.75))
    if lacking.max() < 0.05:
        return texture
    side = texture.shape[0]
    share = _spread(lacking, side)
    mirrored = texture[:, ::-1].astype(np.float32)
    soft = side / 10
    tone = _soft(texture, 1 - share, soft) / np.maximum(_soft(mirrored, 1 - share, soft), 1)
    filled = mirrored * np.clip(tone, 0.7, 1.4)
    return np.clip(texture * (1 - share) + filled * share + 0.5, 0, 255).astype(np.uint8)


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


@cache
def hair_area(side: int) -> Floats:
    """Where hair may hang into the face: forehead and temples, float32 [side, side], 0..1."""
    points = texels(side)
    rows = np.arange(side, dtype=np.float32)[:, None]
    forehead = smoothstep(float(points[[105, 334], 1].mean()) - rows, side * 0.01, side * 0.05)
    beside = smoothstep(0.14 - edge_distance(side), 0, 0.05) * smoothstep(
        float(points[[61, 291], 1].mean()) - rows, 0, side * 0.1
    )
    return np.asarray(np.maximum(np.broadcast_to(forehead, (side, side)), beside), np.float32)


def hair(colours: Image, skin: Skin) -> Floats:
    """How likely each texel of a square texture is hair over skin, 0..1."""
    return smoothstep(-skin.off(colours), 0.28, 0.5) * hair_area(colours.shape[0])


def _without_hair(texture: Image) -> Image:
    """Replace fringe and background in the photo by skin: the model's colour with some of the grain."""
    small = reduced(texture, MASK_SIDE)
    skin = Skin.fit(small)
    found = np.asarray(cv2.dilate(hair(small, skin), np.ones((5, 5), np.uint8)), np.float32)
    if found.mean() < 0.002:
        return texture
    side = texture.shape[0]
    share = _spread(found, side)
    sure = cv2.resize(trust(skin.off(small)), (side, side))[..., None] * (1 - share)
    bare = cv2.GaussianBlur(texture * sure + skin.colours(side) * (1 - sure), (0, 0), side / 32)
    grain = texture - np.asarray(cv2.GaussianBlur(texture, (0, 0), 2), np.float32)
    filled = np.asarray(bare + 0.3 * grain, np.float32)
    return np.clip(texture * (1 - share) + filled * share + 0.5, 0, 255).astype(np.uint8)


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
