"""Changes faces at random while training: what a network sees is warped, and what it has to make is not.

All randomness comes from the generator given, so that a sample is a function of its seed.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.align import Matrix

Picture = npt.NDArray[np.float32]
"""[R, R, C] or [R, R], 0..1, BGR."""
_MOST = 10.0, 0.15, 0.05
"""Degrees of turn, scale, and shift as a share of the side, at most."""
_GENTLE = 0.3
"""Share of that for pairs, which are cut out in training as they are live."""
_CELLS = 2, 4, 8
"""How many cells a warp has along a side, one of these."""
_WARP = 0.24
"""Deviation of a warp's inner corners, in cells."""


class Placement(NamedTuple):
    """Where a picture's pixels come from."""

    matrix: Matrix
    """From the stored picture's pixels to those of the sample, [2, 3]."""
    warp: tuple[Picture, Picture] | None
    """x and y in the sample that warped pixels come from; None: no warp."""


def place(
    generator: np.random.Generator, stored: int, side: int, *, warp: bool, flip: bool, gentle: bool = False
) -> Placement:
    """Choose a turn, a scale, a shift, a mirror and a warp for a picture of ``stored`` pixels."""
    drawn = generator.uniform(-1, 1, 4) * (_GENTLE if gentle else 1)
    mirrored = bool(generator.random() < 0.5) and flip
    degrees, scale = drawn[0] * _MOST[0], (1 + _MOST[1]) ** drawn[1]
    turn = np.array(cv2.getRotationMatrix2D((side / 2, side / 2), degrees, scale), float)
    turn[:, 2] += drawn[2:] * _MOST[2] * side
    fit = np.array([[side / stored, 0, 0], [0, side / stored, 0], [0, 0, 1.0]])
    if mirrored:
        fit = np.array([[-1, 0, side - 1], [0, 1, 0], [0, 0, 1.0]]) @ fit
    grid = _grid(generator, side)
    return Placement(turn @ fit, grid if warp else None)


def moved(picture: Picture, placement: Placement, side: int) -> Picture:
    """Return a picture or mask in its place, not warped; beyond its edges it goes on as at the edge."""
    border = cv2.BORDER_REPLICATE if picture.ndim == 3 else cv2.BORDER_CONSTANT
    picture, matrix = _shrunk(picture, placement.matrix)
    made = cv2.warpAffine(picture, matrix, (side, side), borderMode=border)
    return np.asarray(made, np.float32)


def _shrunk(picture: Picture, matrix: Matrix) -> tuple[Picture, Matrix]:
    """Return a picture averaged to about the size that a matrix gives it, as warping takes single pixels."""
    scale, stored = float(np.linalg.norm(matrix[:, 0])), picture.shape[0]
    if scale > 0.8:
        return picture, matrix
    side = max(round(stored * scale), 1)
    times = stored / side
    small = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    back = np.array([[times, 0, (times - 1) / 2], [0, times, (times - 1) / 2], [0, 0, 1]])
    return small, matrix @ back


def warped(picture: Picture, placement: Placement) -> Picture:
    """Return a picture that is in its place, warped."""
    if placement.warp is None:
        return picture
    return np.asarray(
        cv2.remap(picture, *placement.warp, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def shift_colours(picture: Picture, generator: np.random.Generator, power: float) -> Picture:
    """Shift hue, saturation and value by up to ``power`` each, hue by up to that share of a sixth turn."""
    shift = generator.uniform(-power, power, 3)
    hue, saturation, value = cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV))
    hue = (hue + shift[0] * 60) % 360
    saturation, value = (saturation + shift[1]).clip(0, 1), (value + shift[2]).clip(0, 1)
    hsv = cv2.merge([hue.astype(np.float32), saturation.astype(np.float32), value.astype(np.float32)])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.float32)


def blur_outside(picture: Picture, mask: Picture) -> Picture:
    """Return a picture whose surroundings near the mask are smeared, so that its edge need not be learned."""
    side = picture.shape[0]
    around = 1 - mask
    deviation = side / 128
    weight = cv2.GaussianBlur(around, (0, 0), deviation)
    smeared = (
        cv2.GaussianBlur(picture * around[..., None], (0, 0), deviation) / np.maximum(weight, 1e-3)[..., None]
    )
    return np.asarray(picture * mask[..., None] + smeared.clip(0, 1) * around[..., None], np.float32)


def _grid(generator: np.random.Generator, side: int) -> tuple[Picture, Picture]:
    """Return a smooth map of corners that were moved; the outermost stay."""
    cells = int(generator.choice(_CELLS))
    offsets = np.zeros((2, cells + 1, cells + 1), np.float32)
    noise = generator.normal(0, _WARP, (2, cells - 1, cells - 1)).clip(-2 * _WARP, 2 * _WARP)
    offsets[:, 1:-1, 1:-1] = noise * (side / cells)
    across, down = np.meshgrid(*[np.linspace(0, cells, side, dtype=np.float32)] * 2)
    smooth = [cv2.remap(each, across, down, cv2.INTER_CUBIC) for each in offsets]
    unmoved = np.meshgrid(*[np.arange(side, dtype=np.float32)] * 2)
    return unmoved[0] + smooth[0], unmoved[1] + smooth[1]
