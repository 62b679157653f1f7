"""What can be measured of a photo's face: light, colour, sharpness, and what lies over the skin.

All is measured on the unrolled face, so that a pupil, a brow or the bridge of the nose is always at the same
place, whatever the photo.
"""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Face, Image, Landmarks
from visard.models.geometry.canonical import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_RING_LEFT,
    EYE_RING_RIGHT,
    LIPS_OUTER,
)
from visard.models.geometry.uv import edge_distance, inside, polygons, texels, unroll
from visard.models.picture_file import shrink

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

SIDE = 256
"""Side of the unrolled face."""
_ABOVE_BROWS = [104, 69, 108, 151, 337, 299, 333, 334, 296, 336, 9, 107, 66, 105]
"""The lower half of the forehead: it has no hair but that of a fringe."""
_LENSES = (
    [130, 247, 30, 29, 27, 28, 56, 190, 245, 128, 121, 120, 119, 118, 117, 111, 143],
    [359, 467, 260, 259, 257, 258, 286, 414, 465, 357, 350, 349, 348, 347, 346, 340, 372],
)
"""What the lenses of glasses cover, without the brows: those may be dark."""
STREAKS, BRIDGE, DARK_LENS = 0.02, 0.2, 0.5
"""Of ``streaks``, ``bridge`` and ``lens_darkness``: where fringes, glasses and sunglasses begin."""
_FEATURES = [EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER, BROW_LEFT, BROW_RIGHT]


def unrolled(image: Image, face: Face) -> Image:
    """Return the face on the texture plane, uint8 [256, 256, 3], finer detail than that averaged."""
    scale = 2 * SIDE / max(face.size, 1)
    if scale < 1:
        image = shrink(image, max(1, round(max(image.shape) * scale)))
    points = face.landmarks[:468, :2] * np.float32(min(scale, 1))
    whole = unroll(image, points, 2 * SIDE)
    return np.asarray(cv2.resize(whole, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def skin() -> Bools:
    """Where skin is: the oval, without its rim, without eyes, brows and lips; [256, 256]."""
    return np.asarray((edge_distance(SIDE) > 0.05) & (polygons(SIDE, _FEATURES, 5) == 0), np.bool_)


def _luma(texture: Image) -> Floats:
    return np.asarray(cv2.cvtColor(texture, cv2.COLOR_BGR2GRAY), np.float32)


def _logs(texture: Image) -> Floats:
    """Natural logarithm of the luma; 8 grey levels are added, so that noise in the dark says little."""
    return np.asarray(np.log(_luma(texture) + 8), np.float32)


def _light(logs: Floats) -> Floats:
    """Return the log luma expected of bare skin, float32 [256, 256]: a quadratic, outliers without a say."""
    basis = _basis()
    where = skin().ravel()[::7]
    terms, values = basis[::7][where], logs.ravel()[::7][where]
    weight = np.ones(len(values), np.float32)
    damping = len(values) * np.diag([1e-4, 4e-3, 4e-3, 2e-2, 2e-2, 2e-2]).astype(np.float32)
    for _ in range(5):
        weighted = terms * weight[:, None]
        fitted = np.linalg.solve(weighted.T @ terms + damping, weighted.T @ values)
        weight = np.asarray(1 / (1 + ((values - terms @ fitted) / 0.12) ** 2), np.float32)
    return np.asarray((basis @ fitted).reshape(SIDE, SIDE), np.float32)


@cache
def _basis() -> Floats:
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / (SIDE / 2) - 1
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1).reshape(-1, 6).astype(np.float32)


def side_light(texture: Image) -> float:
    """How much lighter the picture's left half of the skin is than the right one, natural logarithm."""
    logs = _logs(texture)
    both = skin() & skin()[:, ::-1]
    both[:, SIDE // 2 - 20 :] = False
    return float(np.median((logs - logs[:, ::-1])[both]))


def streaks(texture: Image) -> float:
    """How striped the lower forehead is across, as hair over it is; bare skin has 0.01 or less."""
    across = np.gradient(cv2.GaussianBlur(_logs(texture), (0, 0), 1.2), axis=1)
    return float(np.abs(across)[polygons(SIDE, [_ABOVE_BROWS]) > 0].mean())


def lens_darkness(texture: Image) -> float:
    """How much darker than skin both eyes and what is around them are, natural logarithm."""
    logs = _logs(texture)
    off = logs - _light(logs)
    return -max(float(np.median(off[polygons(SIDE, [lens]) > 0])) for lens in _LENSES)


def bridge(texture: Image) -> float:
    """How clear a thin line runs over the nose from eye to eye, as a share of what is around it."""
    left, right = texels(SIDE)[[193, 417], 0]
    top, bottom = texels(SIDE)[[8, 195], 1]
    lines = thin_lines(texture)[int(top) : int(bottom), int(left) + 4 : int(right) - 3]
    return float(np.percentile(lines.max(0), 20))


def thin_lines(texture: Image, thickest: int = 9, *, light: bool = True) -> Floats:
    """How much darker each texel is than both sides of a line, or ``light``er, as a share; [256, 256]."""
    grey = cv2.GaussianBlur(cv2.cvtColor(texture, cv2.COLOR_BGR2GRAY), (0, 0), 0.8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thickest, thickest))
    lines = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, disc)
    if light:
        lines = cv2.max(lines, cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, disc))
    return np.asarray(lines / (cv2.blur(grey, (25, 25)).astype(np.float32) + 8), np.float32)


def blur(texture: Image) -> float:
    """How soft eyes, brows and lips are across or down: below 0.3 sharp, 0.6 when much is lost."""
    return softness(_luma(texture), np.asarray(polygons(SIDE, _FEATURES, 6) > 0, np.bool_))


def softness(grey: Floats, where: Bools) -> float:
    """How much less changes from pixel to pixel of a luma than in what is sharp, as ``blur`` has it."""
    sharpness = []
    for axis in (0, 1):
        first = np.diff(grey, axis=axis, append=0)[where]
        second = np.diff(grey, 2, axis=axis, append=0, prepend=0)[where]
        sharpness.append(float(np.sqrt((second**2).mean() / ((first**2).mean() + 0.1))))
    return 1 - min(sharpness)


def _lab(texture: Image) -> Floats:
    return np.asarray(cv2.cvtColor(texture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB), np.float32)


def colourfulness(texture: Image) -> float:
    """How far colours stray from one that only grows lighter (Lab): about 0 in a grey or toned picture."""
    lab = cv2.GaussianBlur(_lab(texture), (0, 0), 2)[inside(SIDE) > 0]
    lightness = lab[:, 0] / 50
    basis = np.stack([np.ones_like(lightness), lightness, lightness**2], 1)
    fitted = basis @ np.linalg.lstsq(basis, lab[:, 1:], rcond=None)[0]
    return float(np.sqrt(((lab[:, 1:] - fitted) ** 2).sum(1).mean()))


def skin_colour(texture: Image) -> tuple[float, float]:
    """Return hue, in degrees from Lab's red axis to its yellow one, and chroma of the skin."""
    _, a, b = np.median(_lab(texture)[skin()], axis=0)
    return float(np.degrees(np.arctan2(b, a))), float(np.hypot(a, b))


def monochrome(texture: Image) -> bool:
    """Whether a picture is grey, or has the shades of one other colour."""
    return colourfulness(texture) < 1


def tinted(texture: Image) -> bool:
    """Whether skin has a colour that it cannot have in any white light."""
    hue, chroma = skin_colour(texture)
    return not monochrome(texture) and (chroma > 52 or (chroma > 4 and not -25 < hue < 78))


def brightest(texture: Image) -> float:
    """Return the luma of the face's lightest fiftieth: whites of the eyes, teeth, the nose's highlight."""
    return float(np.percentile(_luma(texture)[inside(SIDE) > 0], 98))


def clipped(texture: Image) -> float:
    """Share of the skin that is as light as can be in a channel, and that in all of them once more."""
    return float((texture.min(2) > 244)[skin()].mean() + (texture.max(2) > 253)[skin()].mean() / 3)


def flat(image: Image, face: Face) -> float:
    """Share of the face in its eight most frequent colours: a drawing has few."""
    x, y, right, bottom = (max(0, round(v)) for v in face.box)
    cut = np.asarray(cv2.medianBlur(np.ascontiguousarray(image[y:bottom, x:right]), 3), np.int32) >> 3
    codes = cut @ np.array([1, 32, 1024], np.int32)
    _, counts = np.unique(codes, return_counts=True)
    return float(np.sort(counts)[-8:].sum() / codes.size)


def outside(image: Image, landmarks: Landmarks) -> Bools:
    """Which landmarks the picture's edge cuts off."""
    x, y = landmarks[:, 0], landmarks[:, 1]
    return np.asarray((x < 0) | (y < 0) | (x > image.shape[1] - 1) | (y > image.shape[0] - 1), np.bool_)
