"""Draws what is a face's own, and the light on it and on what is before it, for ``train.py``."""

from collections.abc import Callable

import cv2
import numpy as np
from drawing import HAIR, Random, Sample, capsule, place, soft_polygon
from drawn_hands import put_hand
from drawn_things import glasses, put_cap, put_object, put_strands

from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER


def adorn(sample: Sample, numbers: Random) -> None:
    """Change what is the face's own and does not count."""
    kinds: list[Callable[[Sample, Random], None]] = [_clear_glasses, _wrinkles, _stubble, _rouge, _shadow]
    for kind in kinds:
        if numbers.random() < 0.12:
            kind(sample, numbers)


def _clear_glasses(sample: Sample, numbers: Random) -> None:
    """What finds their rims is elsewhere."""
    rim = glasses(sample, numbers, filled=False)[..., None]
    sample.picture += (
        (numbers.uniform(5, 220, 3).astype(np.float32) - sample.picture) * rim * numbers.uniform(0.5, 1)
    )


def _wrinkles(sample: Sample, numbers: Random) -> None:
    """Darker lines and folds, with a lighter side."""
    side, drawn = sample.side, np.zeros((sample.side, sample.side), np.uint8)
    for _ in range(int(numbers.integers(1, 7))):
        middle, way = place(sample, numbers), numbers.normal(0, 1, 2) * side * 0.08
        bend = numbers.normal(0, side * 0.02, 2)
        t = np.linspace(-1, 1, 9)[:, None]
        curve = np.round((middle + t * way + t**2 * bend) * 8).astype(np.int32)
        cv2.polylines(drawn, [curve], False, 255, 1, cv2.LINE_AA, 3)
    dark = cv2.GaussianBlur(drawn, (0, 0), numbers.uniform(0.4, 1.6)) / np.float32(255)
    relief = dark - 0.6 * np.roll(dark, int(numbers.integers(1, 3)), 0)
    sample.picture *= 1 - numbers.uniform(0.2, 0.9) * relief[..., None]


def _stubble(sample: Sample, numbers: Random) -> None:
    """A shaved or a short beard, or a moustache."""
    side, points = sample.side, sample.points
    loops = [[132, 61, 2, 291, 361, 397, 152, 172], [61, 2, 291, 13], [61, 291, 397, 152, 172]]
    area = soft_polygon(side, points[loops[int(numbers.integers(3))]], side * 0.02)
    area *= 1 - soft_polygon(side, points[LIPS_OUTER], 0.7)
    rough = cv2.GaussianBlur(numbers.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 0.8)
    tone = np.float32(HAIR[int(numbers.integers(len(HAIR)))]) - sample.picture
    sample.picture += tone * (area * np.clip(numbers.uniform(0.1, 0.6) * (1 + 0.5 * rough), 0, 1))[..., None]


def _rouge(sample: Sample, numbers: Random) -> None:
    """Red cheeks or a red nose, painted lips or lids."""
    points = sample.points
    loop = [points[LIPS_OUTER], points[EYE_RING_LEFT], points[EYE_RING_RIGHT]][int(numbers.integers(3))]
    area = soft_polygon(sample.side, loop, numbers.uniform(0.5, 3))
    if numbers.random() < 0.5:
        middle = place(sample, numbers, (50, 280, 1))
        area, _ = capsule(sample.side, middle, middle + 0.01, sample.side * 0.07, np.array([1.0, 0.0]))
        area = cv2.GaussianBlur(area, (0, 0), sample.side * 0.04)
    sample.picture *= np.exp(numbers.normal(0, 0.35, 3).astype(np.float32) * area[..., None])


def _shadow(sample: Sample, numbers: Random) -> None:
    """The shadow of a hand, a cap or hair that is itself out of sight."""
    other = Sample(sample.picture.copy(), np.zeros_like(sample.front), sample.points)
    (put_hand, put_cap, put_strands, put_object)[int(numbers.integers(4))](other, numbers)
    shape = cv2.GaussianBlur(other.front, (0, 0), numbers.uniform(0.5, 6))
    tint = np.float32([1, 1, 1]) * numbers.uniform(0.2, 0.6) + numbers.normal(0, 0.05, 3).astype(np.float32)
    sample.picture *= 1 - np.clip(tint, 0, 0.8) * shape[..., None]


def light(sample: Sample, numbers: Random) -> None:
    """Change light, colour, sharpness and noise of the whole picture."""
    side, picture = sample.side, sample.picture
    y, x = (np.mgrid[:side, :side] / side - 0.5).astype(np.float32)
    if numbers.random() < 0.5:  # light from one side
        angle = numbers.uniform(0, 2 * np.pi)
        slope = np.tanh(
            (x * np.cos(angle) + y * np.sin(angle) + numbers.normal(0, 0.15)) * numbers.uniform(1, 9)
        )
        picture *= np.exp(slope * numbers.uniform(0, 0.7))[..., None]
    if numbers.random() < 0.25:  # a cast shadow
        shadow = soft_polygon(side, numbers.uniform(0, side, (4, 2)), numbers.uniform(0.5, 5))
        picture *= 1 - numbers.uniform(0.2, 0.65) * shadow[..., None]
    if numbers.random() < 0.35:  # coloured light from a lamp or a screen
        colour = np.exp(numbers.normal(0, 0.35, 3)).astype(np.float32)
        share = np.clip(0.5 + x * numbers.normal(0, 3) + y * numbers.normal(0, 3), 0, 1)[..., None]
        picture *= 1 + (colour - 1) * share
    picture *= np.exp(numbers.normal(0, 0.12, 3)).astype(np.float32) * np.exp(numbers.normal(0, 0.3))
    picture[...] = 255 * np.clip(picture / 255, 0, 1) ** np.exp(numbers.normal(0, 0.25))
    if numbers.random() < 0.12:
        picture[...] = picture.mean(2, keepdims=True)
    if numbers.random() < 0.5:  # a face far away
        small = int(side * numbers.uniform(0.25, 0.9))
        reduced = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        picture[...] = cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR)
    picture += numbers.normal(0, numbers.uniform(0, 9), picture.shape).astype(np.float32)
    if numbers.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(numbers.integers(25, 95))]
        encoded = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), quality)[1]
        picture[...] = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
