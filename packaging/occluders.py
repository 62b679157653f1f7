"""Draws what may be in front of a face, and the light on both, for ``train_occluder.py``."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT, OVAL

Floats = npt.NDArray[np.float32]
Random = np.random.Generator

_AROUND = 0.15
"""How much a mistake outside the face counts."""
_MASKS = (235, 215, 170), (245, 245, 245), (210, 225, 190), (40, 40, 40), (235, 190, 130)
"""Colours of medical masks, BGR."""
_FINE = 4
"""Shapes are drawn so many times larger, so that their edges are soft."""


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


def draw(sample: Sample, numbers: Random) -> None:
    """Put one thing in front of the face, or a pair of clear glasses, which do not count."""
    kinds: list[Callable[[Sample, Random], None]] = [
        _object, _hand, _stick, _mask, _cap, _strands, _sunglasses, _scarf, _clear_glasses,
    ]  # fmt: skip
    kinds[int(numbers.choice(len(kinds), p=[0.25, 0.25, 0.09, 0.08, 0.13, 0.07, 0.04, 0.03, 0.06]))](
        sample, numbers
    )


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
        shadow = _soft_polygon(side, numbers.uniform(0, side, (4, 2)), numbers.uniform(0.5, 5))
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


def _object(sample: Sample, numbers: Random) -> None:
    """A cup, a phone, anything: an ellipse, a rounded box or a polygon."""
    side = sample.side
    middle = _place(sample, numbers)
    size = side * numbers.uniform(0.07, 0.4, 2)
    kind = numbers.integers(3)
    turn = numbers.uniform(0, 360)
    if kind == 0:
        loop = np.array(cv2.ellipse2Poly((0, 0), (1000, 1000), 0, 0, 360, 10), np.float32) / 1000 * size
    elif kind == 1:
        loop = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32) * size
    else:
        angles = np.sort(numbers.uniform(0, 2 * np.pi, 7))
        loop = np.stack([np.cos(angles), np.sin(angles)], 1) * numbers.uniform(0.5, 1, (7, 1)) * size
    angle = np.radians(turn)
    loop = loop @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))]) + middle
    shape = _soft_polygon(side, loop, numbers.uniform(0.3, 1.5))
    colours = _surface(sample, numbers)
    if numbers.random() < 0.4:  # something in or on it
        inner = _soft_polygon(side, middle + (loop - middle) * numbers.uniform(0.3, 0.9), 0.6)
        colours += (_surface(sample, numbers) - colours) * inner[..., None]
    sample.put(shape, colours, numbers)


def _hand(sample: Sample, numbers: Random) -> None:
    """A palm and fingers, each round in the light, in about the face's colour."""
    side = sample.side
    scale = side * numbers.uniform(0.28, 0.5)
    angle = numbers.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    middle = _place(sample, numbers) - along * scale * numbers.uniform(0, 0.9)
    skin = sample.skin * np.exp(numbers.normal(0, 0.22)) * np.exp(numbers.normal(0, 0.06, 3))
    if numbers.random() < 0.12:
        skin = numbers.uniform(5, 250, 3)  # a glove
    sun = np.array([np.cos(a := numbers.uniform(0, 2 * np.pi)), np.sin(a)])
    spread, curl = numbers.uniform(0.02, 0.3), numbers.uniform(0.3, 1)
    parts = [(middle - along * scale * 2.5, middle, scale * numbers.uniform(0.25, 0.33))]  # the wrist
    parts += [(middle - along * 0.1 * scale, middle + along * 0.25 * scale, scale * 0.4)]
    for finger in range(int(numbers.choice([4, 4, 4, 3, 2, 1]))):
        root = middle + along * scale * 0.5 + across * scale * (finger - 1.5) * 0.22
        tilt = (finger - 1.5) * spread + numbers.normal(0, 0.05)
        way = along * np.cos(tilt) + across * np.sin(tilt)
        long = scale * (0.8 - 0.08 * abs(finger - 1.5)) * curl * numbers.uniform(0.85, 1.1)
        parts.append((root, root + way * long, scale * numbers.uniform(0.095, 0.12)))
    if numbers.random() < 0.7:
        way = along * 0.5 + across * numbers.choice([-1, 1])
        parts.append((middle - along * 0.1 * scale, middle + way * scale * 0.65, scale * 0.13))
    whole, colours = np.zeros((side, side), np.float32), sample.picture.copy()
    contrast = numbers.uniform(0.1, 0.5)
    for start, end, radius in parts:
        shape, round_ = _capsule(side, start, end, radius, sun)
        if numbers.random() < 0.8:  # the gap beside a finger is darker
            wider, _ = _capsule(side, start, end, radius * 1.12, sun)
            colours *= 1 - 0.4 * (wider * whole)[..., None]
        lit = skin * (0.95 + contrast * round_[..., None])
        colours += (lit - colours) * shape[..., None]
        whole = np.maximum(whole, shape)
    sample.put(whole, colours.astype(np.float32), numbers)


def _stick(sample: Sample, numbers: Random) -> None:
    """A microphone, a pen, a headset's boom."""
    side = sample.side
    head = _place(sample, numbers, (13, 14, 61, 291, 152, 205, 425))
    angle = numbers.uniform(0, 2 * np.pi)
    tail = head + side * 1.5 * np.array([np.cos(angle), np.sin(angle)])
    colours = _surface(sample, numbers)
    if numbers.random() < 0.6:
        colours *= np.float32(0.25)
    shape, _ = _capsule(side, head, tail, side * numbers.uniform(0.012, 0.06), np.array([1.0, 0.0]))
    ball, round_ = _capsule(
        side, head, head + 0.01, side * numbers.uniform(0.02, 0.15), np.array([-0.5, -0.8])
    )
    if numbers.random() < 0.7:
        shape = np.maximum(shape, ball)
        colours *= 1 + 0.3 * (round_ * ball)[..., None]
    sample.put(shape, colours, numbers)


def _mask(sample: Sample, numbers: Random) -> None:
    """A medical mask with folds and ribbons, or a respirator."""
    top = sample.points[[197, 5, 4, 1][int(numbers.integers(4))]]
    left, right, chin = (sample.points[i] for i in (123, 352, 152))
    low = chin + (chin - sample.points[13]) * numbers.uniform(-0.1, 0.4)
    wide = numbers.uniform(0.75, 1.15)
    middle = (left + right) / 2
    left, right = middle + (left - middle) * wide, middle + (right - middle) * wide
    corner = (low - top) * 0.55
    rise, jaw = (top - middle) * 0.3, top * 0.25 + corner
    loop = np.array([left, (left + top) / 2 + rise, top, (right + top) / 2 + rise,
                     right, right * 0.75 + jaw, low, left * 0.75 + jaw])  # fmt: skip
    shape = _soft_polygon(sample.side, loop, 0.6)
    colours = _surface(sample, numbers)
    if numbers.random() < 0.6:
        colour = np.array(_MASKS[int(numbers.integers(len(_MASKS)))], np.float32)
        colours = colour * _shade(sample.side, numbers)[..., None]
    rows = np.arange(sample.side, dtype=np.float32)[:, None, None]
    colours = colours * (1 + numbers.uniform(0, 0.12) * np.sin(rows / numbers.uniform(1, 4)))
    for side in (left, right):
        for rise in (-0.1, 0.35):
            ear = side + (side - middle) * 0.5 - (low - top) * rise
            ribbon, _ = _capsule(sample.side, side, ear, sample.side * 0.008, np.array([1.0, 0.0]))
            shape = np.maximum(shape, ribbon)
    sample.put(shape, colours.astype(np.float32), numbers)


def _cap(sample: Sample, numbers: Random) -> None:
    """A cap, a hood, a headband or a helmet: everything above a line over the forehead."""
    points = sample.points
    brow, top = (points[105] + points[334]) / 2, points[10]
    up, across = top - brow, points[454] - points[234]
    edge = brow + up * numbers.uniform(0.05, 0.9)
    bend = numbers.uniform(-0.35, 0.35)
    steps = np.linspace(-0.75, 0.75, 9)[:, None]
    line = edge + across * steps + up * bend * (steps * 2) ** 2
    high = up * (numbers.uniform(0.2, 0.6) if numbers.random() < 0.15 else 4)
    shape = _soft_polygon(sample.side, np.vstack([line, line[::-1] + high]), numbers.uniform(0.4, 1.2))
    colours = _surface(sample, numbers)
    if numbers.random() < 0.5:
        brim = _soft_polygon(sample.side, np.vstack([line, line[::-1] + up * numbers.uniform(0.1, 0.3)]), 0.8)
        colours *= 1 - numbers.uniform(0.2, 0.7) * brim[..., None]
    sample.put(shape, colours, numbers)


def _strands(sample: Sample, numbers: Random) -> None:
    """Hair that hangs into the face."""
    side = sample.side
    colour = np.array(
        [(20, 18, 16), (35, 50, 75), (70, 110, 150), (120, 120, 125), (40, 60, 120)][numbers.integers(5)]
    )
    shape = np.zeros((side * _FINE, side * _FINE), np.uint8)
    start = sample.points[[10, 338, 109, 297, 67, 284, 54][int(numbers.integers(7))]]
    aim = _place(sample, numbers)
    for _ in range(int(numbers.integers(1, 14))):
        end, bend = aim + numbers.normal(0, side * 0.04, 2), numbers.normal(0, side * 0.06, 2)
        t = np.linspace(0, 1, 12)[:, None]
        curve = (start + numbers.normal(0, side * 0.03, 2)) * (1 - t) + end * t + 4 * t * (1 - t) * bend
        thick = int(numbers.integers(3, 12))
        cv2.polylines(shape, [np.round(curve * _FINE).astype(np.int32)], False, 255, thick, cv2.LINE_AA)
    soft = cv2.resize(shape, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    colours = colour * numbers.uniform(0.6, 1.4) * _shade(side, numbers)[..., None]
    sample.put(soft, colours.astype(np.float32), numbers)


def _sunglasses(sample: Sample, numbers: Random) -> None:
    colour = numbers.uniform(5, 60, 3)
    shape = _glasses(sample, numbers, filled=True)
    sample.put(
        shape,
        np.broadcast_to(colour, sample.picture.shape).astype(np.float32)
        * _shade(sample.side, numbers)[..., None],
        numbers,
    )


def _clear_glasses(sample: Sample, numbers: Random) -> None:
    """They are not in front: what finds their rims is elsewhere."""
    rim = _glasses(sample, numbers, filled=False)[..., None]
    sample.picture += (
        (numbers.uniform(5, 220, 3).astype(np.float32) - sample.picture) * rim * numbers.uniform(0.5, 1)
    )


def _glasses(sample: Sample, numbers: Random, *, filled: bool) -> Floats:
    side, points = sample.side, sample.points
    shape = np.zeros((side * _FINE, side * _FINE), np.uint8)
    apart = float(np.linalg.norm(points[263] - points[33]))
    thick = -1 if filled else max(int(apart * numbers.uniform(0.02, 0.07) * _FINE), 1)
    axes = np.array([numbers.uniform(0.25, 0.33), numbers.uniform(0.17, 0.28)]) * apart * _FINE
    for ring in (EYE_RING_LEFT, EYE_RING_RIGHT):
        middle = points[ring].mean(0) + np.array([0, 0.05 * apart])
        cv2.ellipse(shape, (tuple(middle * _FINE), tuple(axes * 2), 0), 255, thick, cv2.LINE_AA)
    bridge = [
        points[[133, 362]],
        np.array([points[33] - (0.12 * apart, 0), points[127]]),
        np.array([points[263] + (0.12 * apart, 0), points[356]]),
    ]
    for line in bridge:
        cv2.polylines(
            shape,
            [np.round(line * _FINE).astype(np.int32)],
            False,
            255,
            max(int(0.035 * apart * _FINE), 1),
            cv2.LINE_AA,
        )
    return cv2.resize(shape, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _scarf(sample: Sample, numbers: Random) -> None:
    """A scarf, a collar, a table's edge: everything below a line over chin, mouth or nose."""
    points = sample.points
    high = points[1] + (points[152] - points[1]) * numbers.uniform(0.2, 1.0)
    across, down = points[454] - points[234], points[152] - points[1]
    steps = np.linspace(-0.8, 0.8, 7)[:, None]
    line = high + across * steps + down * numbers.normal(0, 0.12, (7, 1))
    sample.put(
        _soft_polygon(sample.side, np.vstack([line, line[::-1] + 3 * down]), 1.0),
        _surface(sample, numbers),
        numbers,
    )


def _place(
    sample: Sample, numbers: Random, around: tuple[int, ...] = (1, 9, 50, 280, 13, 152, 105, 334, 234, 454)
) -> Floats:
    """A point of the face or near it."""
    point = sample.points[around[int(numbers.integers(len(around)))]]
    return np.asarray(point + numbers.normal(0, sample.side * 0.07, 2), np.float32)


def _soft_polygon(side: int, loop: npt.NDArray[np.floating], soft: float) -> Floats:
    large = np.zeros((side * _FINE, side * _FINE), np.uint8)
    cv2.fillPoly(large, [np.round(loop * _FINE).astype(np.int32)], 255)
    small = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(small, (0, 0), soft) if soft > 0.4 else small, np.float32)


def _capsule(
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


def _surface(sample: Sample, numbers: Random) -> Floats:
    """Some material: any colour, shaded, with stripes, spots or grain, [side, side, 3]."""
    side = sample.side
    hue = np.uint8([[[numbers.integers(180), numbers.integers(256), numbers.integers(10, 256)]]])
    colour = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)
    if numbers.random() < 0.3:
        colour = np.full(3, numbers.choice([10, 30, 60, 128, 220, 240, 250]), np.float32)
    if numbers.random() < 0.12:
        colour = sample.skin * np.exp(numbers.normal(0, 0.3, 3)).astype(np.float32)
    colours = colour * _shade(side, numbers)[..., None]
    if numbers.random() < 0.3:
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


def _shade(side: int, numbers: Random) -> Floats:
    """A smooth change of brightness, about 1, [side, side]."""
    coarse = numbers.normal(0, numbers.uniform(0, 0.35), (3, 3)).astype(np.float32)
    return np.asarray(np.exp(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)), np.float32)
