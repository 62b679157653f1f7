"""A face that something is drawn over, and what it is drawn with."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.geometry.canonical import OVAL

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.floating]
Random = np.random.Generator

_AROUND = 0.15
"""How much a mistake outside the face counts."""
FINE = 4
"""Shapes are drawn so many times larger, so that their edges are soft."""
HAIR = (20, 18, 16), (35, 50, 75), (70, 110, 150), (120, 120, 125), (40, 60, 120)
"""Colours of hair, BGR."""


@dataclass
class Sample:
    """A face and what is in front of it."""

    picture: Floats
    """BGR [side, side, 3], 0..255."""
    front: Floats
    """How much of each pixel is in front, [side, side], 0..1."""
    points: Floats
    """Landmarks in pixels, [478, 2]."""

    @property
    def side(self) -> int:
        """Width and height in pixels."""
        return int(self.front.shape[0])

    @property
    def skin(self) -> Floats:
        """The colour of the cheeks, [3]."""
        x, y = np.clip(self.points[[50, 280, 205, 425]].astype(int), 0, self.side - 1).T
        return np.asarray(self.picture[y, x].mean(0), np.float32)

    def counts(self) -> Floats:
        """How much a mistake counts: inside the face, [side, side]; around it little, there much may be."""
        area = np.zeros((self.side, self.side), np.uint8)
        cv2.fillPoly(area, [np.round(self.points[OVAL]).astype(np.int32)], 1)
        return np.maximum(cv2.dilate(area, np.ones((5, 5), np.uint8)), np.float32(_AROUND))

    def put(self, shape: Floats, colours: Floats, numbers: Random) -> None:
        """Put something with this alpha [side, side] and these colours in front, with its shadow."""
        if numbers.random() < 0.6:
            shift = np.float32([[1, 0, numbers.uniform(-4, 4)], [0, 1, numbers.uniform(0, 6)]])
            shadow = cv2.GaussianBlur(
                cv2.warpAffine(shape, shift, shape.shape), (0, 0), numbers.uniform(1, 5)
            )
            self.picture *= 1 - numbers.uniform(0.1, 0.6) * shadow[..., None]
        self.picture += (colours - self.picture) * shape[..., None]
        self.front = np.maximum(self.front, shape)


def place(
    sample: Sample, numbers: Random, around: tuple[int, ...] = (1, 9, 50, 280, 13, 152, 105, 334, 234, 454)
) -> Floats:
    """A point of the face or near it."""
    point = sample.points[around[int(numbers.integers(len(around)))]]
    return np.asarray(point + numbers.normal(0, sample.side * 0.07, 2), np.float32)


def soft_polygon(side: int, loop: npt.NDArray[np.floating], soft: float) -> Floats:
    """Return how much of each pixel a loop of points [n, 2] holds, [side, side] 0..1."""
    large = np.zeros((side * FINE, side * FINE), np.uint8)
    cv2.fillPoly(large, [np.round(loop * FINE).astype(np.int32)], 255)
    small = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(small, (0, 0), soft) if soft > 0.4 else small, np.float32)


def capsule(
    side: int,
    start: npt.NDArray[np.floating],
    end: npt.NDArray[np.floating],
    radius: float,
    sun: npt.NDArray[np.floating],
) -> tuple[Floats, Floats]:
    """A stroke with round ends, [side, side] 0..1, and how much each pixel of it faces the light, -1..1."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    here = np.stack([x, y], -1) - start.astype(np.float32)
    way = (end - start).astype(np.float32)
    t = np.clip((here @ way) / max(float(way @ way), 1e-6), 0, 1)
    off = here - t[..., None] * way
    distance = np.linalg.norm(off, axis=-1)
    return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32), np.asarray(
        off @ sun.astype(np.float32) / radius, np.float32
    ).clip(-1, 1)


def surface(sample: Sample, numbers: Random) -> Floats:
    """Some material: any colour, shaded, with stripes, spots or grain, [side, side, 3]."""
    side = sample.side
    hue = np.uint8([[[numbers.integers(180), numbers.integers(256), numbers.integers(10, 256)]]])
    colour = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)
    if numbers.random() < 0.3:
        colour = np.full(3, numbers.choice([10, 30, 60, 128, 220, 240, 250]), np.float32)
    if numbers.random() < 0.12:
        colour = sample.skin * np.exp(numbers.normal(0, 0.3, 3)).astype(np.float32)
    colours = colour * shade(side, numbers)[..., None]
    if numbers.random() < 0.45:
        return np.asarray(np.clip(colours, 0, 255), np.float32)  # plain: a cup, a phone
    if numbers.random() < 0.35:  # a pattern
        other = numbers.uniform(0, 255, 3).astype(np.float32)
        y, x = np.mgrid[:side, :side].astype(np.float32)
        wave = np.sin((x * numbers.normal() + y * numbers.normal()) / numbers.uniform(1, 6))
        colours += (
            (other - colours) * (wave > numbers.uniform(-0.5, 0.9))[..., None] * numbers.uniform(0.3, 1)
        )
    grain = cv2.GaussianBlur(
        numbers.normal(0, 1, (side, side)).astype(np.float32), (0, 0), numbers.uniform(0.5, 3)
    )
    return np.asarray(np.clip(colours * (1 + numbers.uniform(0, 0.6) * grain[..., None]), 0, 255), np.float32)


def shade(side: int, numbers: Random) -> Floats:
    """A smooth change of brightness, about 1, [side, side]."""
    coarse = numbers.normal(0, numbers.uniform(0, 0.35), (3, 3)).astype(np.float32)
    return np.asarray(np.exp(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)), np.float32)
