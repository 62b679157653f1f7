"""Draws what may be in front of a face, for ``train.py``."""

from collections.abc import Callable

import cv2
import numpy as np
from drawing import FINE, HAIR, Floats, Random, Sample, capsule, place, shade, soft_polygon, surface
from drawn_hands import put_hand

from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT

_MASKS = (235, 215, 170), (245, 245, 245), (210, 225, 190), (40, 40, 40), (235, 190, 130)
"""Colours of medical masks, BGR."""
_WHOLE = 1.7
"""A pixel that a thin hair fills to this part of one counts as hair altogether."""


def draw(sample: Sample, numbers: Random) -> None:
    """Put one thing in front of the face."""
    kinds: list[Callable[[Sample, Random], None]] = [
        put_object, _cup, put_hand, _stick, _mask, put_cap, put_strands, _sunglasses, _scarf,
    ]  # fmt: skip
    kinds[int(numbers.choice(len(kinds), p=[0.14, 0.11, 0.34, 0.06, 0.05, 0.14, 0.12, 0.02, 0.02]))](
        sample, numbers
    )


def put_object(sample: Sample, numbers: Random) -> None:
    """A cup, a phone, anything: an ellipse, a rounded box or a polygon."""
    side = sample.side
    middle = place(sample, numbers)
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
    shape = soft_polygon(side, loop, numbers.uniform(0.3, 1.5))
    colours = surface(sample, numbers)
    if numbers.random() < 0.4:  # something in or on it
        inner = soft_polygon(side, middle + (loop - middle) * numbers.uniform(0.3, 0.9), 0.6)
        colours += (surface(sample, numbers) - colours) * inner[..., None]
    sample.put(shape, colours, numbers)


def _cup(sample: Sample, numbers: Random) -> None:
    """A cup or a glass before the mouth: round in the light, with a rim and perhaps a handle."""
    side = sample.side
    middle = place(sample, numbers, (13, 14, 0, 17, 2))
    wide, high = side * numbers.uniform(0.12, 0.26), side * numbers.uniform(0.12, 0.3)
    foot, flat = wide * numbers.uniform(0.6, 1), wide * numbers.uniform(0.05, 0.5)
    turn = cv2.getRotationMatrix2D((0.0, 0.0), numbers.normal(0, 20), 1)[:, :2]
    rim = cv2.ellipse2Poly((0, 0), (1000, 1000), 0, 0, 360, 10) / 1000 * (wide, flat) - (0, high)
    sole = cv2.ellipse2Poly((0, 0), (1000, 1000), 0, 0, 180, 10) / 1000 * (foot, flat) + (0, high)
    body = np.vstack([rim[18:], sole])
    loops = [np.asarray(loop @ turn.T + middle, np.float32) for loop in (body, rim, rim * (0.9, 1) + (0, 1))]
    shape, top, inside = (soft_polygon(side, loop, 0.5) for loop in loops)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    across = ((x - middle[0]) * turn[0, 0] + (y - middle[1]) * turn[1, 0]) / wide
    lit = 1 - numbers.uniform(0.1, 0.6) * np.clip(np.abs(across - numbers.uniform(-0.6, 0.6)), 0, 1.5) ** 2
    colours = surface(sample, numbers) * lit[..., None].astype(np.float32)
    colours += (surface(sample, numbers) * np.float32(0.6) - colours) * inside[..., None]
    shape = np.maximum(shape, top)
    if numbers.random() < 0.5:
        ring = np.zeros((side, side), np.uint8)
        at = tuple(
            (turn @ np.array([wide * numbers.choice([-1, 1]), 0]) + middle).round().astype(int).tolist()
        )
        cv2.circle(
            ring, at, int(high * 0.5), 255, max(int(side * numbers.uniform(0.02, 0.05)), 1), cv2.LINE_AA
        )
        shape = np.maximum(shape, ring / np.float32(255))
    sample.put(shape, colours, numbers)


def _stick(sample: Sample, numbers: Random) -> None:
    """A microphone, a pen, a headset's boom."""
    side = sample.side
    head = place(sample, numbers, (13, 14, 61, 291, 152, 205, 425))
    angle = numbers.uniform(0, 2 * np.pi)
    tail = head + side * 1.5 * np.array([np.cos(angle), np.sin(angle)])
    colours = surface(sample, numbers)
    if numbers.random() < 0.6:
        colours *= np.float32(0.25)
    shape, _ = capsule(side, head, tail, side * numbers.uniform(0.012, 0.06), np.array([1.0, 0.0]))
    ball, round_ = capsule(
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
    shape = soft_polygon(sample.side, loop, 0.6)
    colours = surface(sample, numbers)
    if numbers.random() < 0.6:
        colour = np.array(_MASKS[int(numbers.integers(len(_MASKS)))], np.float32)
        colours = colour * shade(sample.side, numbers)[..., None]
    rows = np.arange(sample.side, dtype=np.float32)[:, None, None]
    colours = colours * (1 + numbers.uniform(0, 0.12) * np.sin(rows / numbers.uniform(1, 4)))
    for side in (left, right):
        for rise in (-0.1, 0.35):
            ear = side + (side - middle) * 0.5 - (low - top) * rise
            ribbon, _ = capsule(sample.side, side, ear, sample.side * 0.008, np.array([1.0, 0.0]))
            shape = np.maximum(shape, ribbon)
    sample.put(shape, colours.astype(np.float32), numbers)


def put_cap(sample: Sample, numbers: Random) -> None:
    """A cap, a hood, a headband or a helmet: everything above a line over the forehead."""
    points = sample.points
    brow, top = (points[105] + points[334]) / 2, points[10]
    up, across = top - brow, points[454] - points[234]
    edge = brow + up * numbers.uniform(-0.05, 0.8)
    bend, wide = numbers.uniform(-0.35, 0.35), numbers.uniform(0.4, 0.8)
    steps = np.linspace(-1, 1, 13)[:, None]
    line = edge + across * wide * steps + up * bend * (steps * wide * 2) ** 2
    high = up * (numbers.uniform(0.2, 0.6) if numbers.random() < 0.15 else 4)
    if numbers.random() < 0.5:  # a dome
        high = up * numbers.uniform(1, 4) * np.sqrt(1 - steps**2) ** numbers.uniform(0.5, 1)
    shape = soft_polygon(sample.side, np.vstack([line, line[::-1] + high]), numbers.uniform(0.4, 1.2))
    colours = surface(sample, numbers)
    if numbers.random() < 0.5:
        brim = soft_polygon(sample.side, np.vstack([line, line[::-1] + up * numbers.uniform(0.1, 0.3)]), 0.8)
        colours *= 1 - numbers.uniform(0.2, 0.7) * brim[..., None]
    sample.put(shape, colours, numbers)


def put_strands(sample: Sample, numbers: Random) -> None:
    """Hair that hangs into the face: single hairs, thin strands and locks, in its own colour or another."""
    side, points = sample.side, sample.points
    colour = np.array(HAIR[int(numbers.integers(len(HAIR)))], np.float32) * numbers.uniform(0.6, 1.4)
    if numbers.random() < 0.5:
        colour = sample.picture[1:5, side // 3 : 2 * side // 3].mean((0, 1))
    shape = np.zeros((side * FINE, side * FINE), np.uint8)
    start = points[[10, 338, 109, 297, 67, 284, 54, 251, 21][int(numbers.integers(9))]]
    start = start + (start - points[1]) * numbers.uniform(0, 0.3)
    aim = place(sample, numbers, (33, 263, 105, 334, 50, 280, 159, 386, 61, 291, 132, 361, 1, 152))
    spread, bow = side * numbers.uniform(0.005, 0.05), numbers.normal(0, side * 0.1, 2)
    for _ in range(int(numbers.choice([1, 2, 3, 5, 9, 14]))):
        end, bend = aim + numbers.normal(0, spread, 2), bow + numbers.normal(0, spread, 2)
        t = np.linspace(0, 1, 14)[:, None]
        curve = (start + numbers.normal(0, spread, 2)) * (1 - t) + end * t + 4 * t * (1 - t) * bend
        thick = int(numbers.integers(2, 5) if numbers.random() < 0.5 else numbers.integers(4, 16))
        cv2.polylines(shape, [np.round(curve * FINE).astype(np.int32)], False, 255, thick, cv2.LINE_AA)
    soft = cv2.resize(shape, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    grain = cv2.GaussianBlur(numbers.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 1.0)
    colours = colour * (shade(side, numbers) * (1 + 0.2 * grain))[..., None]
    sample.put(soft, np.clip(colours, 0, 255).astype(np.float32), numbers)
    sample.front = np.maximum(sample.front, np.clip(soft * _WHOLE, 0, 1))


def _sunglasses(sample: Sample, numbers: Random) -> None:
    colour = numbers.uniform(5, 60, 3)
    shape = glasses(sample, numbers, filled=True)
    sample.put(
        shape,
        np.broadcast_to(colour, sample.picture.shape).astype(np.float32)
        * shade(sample.side, numbers)[..., None],
        numbers,
    )


def glasses(sample: Sample, numbers: Random, *, filled: bool) -> Floats:
    """Return the glasses or their rims, [side, side] 0..1."""
    side, points = sample.side, sample.points
    shape = np.zeros((side * FINE, side * FINE), np.uint8)
    apart = float(np.linalg.norm(points[263] - points[33]))
    thick = -1 if filled else max(int(apart * numbers.uniform(0.02, 0.07) * FINE), 1)
    axes = np.array([numbers.uniform(0.25, 0.33), numbers.uniform(0.17, 0.28)]) * apart * FINE
    for ring in (EYE_RING_LEFT, EYE_RING_RIGHT):
        middle = points[ring].mean(0) + np.array([0, 0.05 * apart])
        cv2.ellipse(shape, (tuple(middle * FINE), tuple(axes * 2), 0), 255, thick, cv2.LINE_AA)
    bridge = [
        points[[133, 362]],
        np.array([points[33] - (0.12 * apart, 0), points[127]]),
        np.array([points[263] + (0.12 * apart, 0), points[356]]),
    ]
    for line in bridge:
        cv2.polylines(
            shape,
            [np.round(line * FINE).astype(np.int32)],
            False,
            255,
            max(int(0.035 * apart * FINE), 1),
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
        soft_polygon(sample.side, np.vstack([line, line[::-1] + 3 * down]), 1.0),
        surface(sample, numbers),
        numbers,
    )
