"""Draws hands, half hands and fingertips: tapered rounds in the light, with creases, knuckles and nails."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from drawing import Floats, Points, Random, Sample, place

from visard.models.geometry.canonical import OVAL


@dataclass
class Hand:
    """Where the parts of a hand are, in pixels; the wrist is behind the origin of its fingers."""

    rounds: list[tuple[Points, Points, float, float]] = field(default_factory=list)
    """Parts from one end to the other and their radii there, in the order they are drawn."""
    creases: list[tuple[Points, Points]] = field(default_factory=list)
    """Short lines across the fingers."""
    nails: list[tuple[Points, Points, float]] = field(default_factory=list)
    """Middle, direction and half the width of each nail."""
    tips: list[Points] = field(default_factory=list)
    """Ends of the fingers."""

    def moved(self, by: Points) -> "Hand":
        """Return it elsewhere."""
        return Hand(
            [(a + by, b + by, r, s) for a, b, r, s in self.rounds],
            [(a + by, b + by) for a, b in self.creases],
            [(a + by, way, r) for a, way, r in self.nails],
            [tip + by for tip in self.tips],
        )


def put_hand(sample: Sample, numbers: Random) -> None:
    """A hand across the face, one that rests on it, one that points at it, or fingertips that come in."""
    scale = sample.side * numbers.uniform(0.3, 0.68)
    outline, up = sample.points[OVAL], -np.pi / 2
    pose = numbers.choice(["across", "tips", "rests", "points"], p=[0.3, 0.38, 0.17, 0.15])
    fingers, fist = int(numbers.choice([1, 2, 3, 4], p=[0.1, 0.15, 0.25, 0.5])), False
    if pose == "tips":
        edge = outline[int(numbers.integers(len(outline)))]
        inward = outline.mean(0) - edge
        aim = edge + inward / np.linalg.norm(inward) * sample.side * numbers.uniform(0.01, 0.22)
        angle = np.arctan2(inward[1], inward[0]) + numbers.normal(0, 0.4)
    elif pose == "rests":
        aim = place(sample, numbers, (152, 172, 397, 13, 2, 50, 280))
        angle, fist = up + numbers.normal(0, 0.6), bool(numbers.random() < 0.5)
    elif pose == "points":
        aim, fingers = place(sample, numbers), int(numbers.integers(1, 3))
        angle = up + numbers.normal(0, 0.9)
    else:
        aim, angle = place(sample, numbers), numbers.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    made = _hand_at(scale, angle, fingers, numbers, fist=fist)
    tip = along * 0.75 * scale if fist else max(made.tips, key=lambda end: float(end @ along))
    deeper = along * scale * numbers.uniform(0, 0.9) * (pose == "across")
    skin = sample.skin
    if numbers.random() < 0.5:
        skin = skin * np.exp(numbers.normal(0, 0.07) + numbers.normal(0, 0.02, 3))
    elif numbers.random() < 0.8:
        skin = skin * np.exp(numbers.normal(0, 0.25) + numbers.normal(0, 0.06, 3))
    else:
        skin = numbers.uniform(5, 250, 3)  # a glove
    cover, colours = _painted(made.moved(aim - tip + deeper), np.float32(skin), sample.side, numbers)
    if numbers.random() < 0.3:
        cover, colours = _moving(cover, colours, numbers)
    sample.put(cover, colours, numbers)


def _moving(cover: Floats, colours: Floats, numbers: Random) -> tuple[Floats, Floats]:
    """Blur something along a line, as what moves is."""
    long = int(numbers.integers(3, 10))
    kernel = np.zeros((2 * long + 1, 2 * long + 1), np.float32)
    end = (numbers.uniform(-0.5, 0.5, 2) * long + long).round().astype(int)
    cv2.line(kernel, tuple(end.tolist()), tuple((2 * long - end).tolist()), 1.0, 1, cv2.LINE_AA)
    kernel /= kernel.sum()
    spread = cv2.filter2D(cover, -1, kernel)
    mixed = cv2.filter2D(colours * cover[..., None], -1, kernel) / np.maximum(spread, 0.02)[..., None]
    return np.asarray(spread, np.float32), np.asarray(mixed, np.float32)


def _hand_at(scale: float, angle: float, fingers: int, numbers: Random, *, fist: bool = False) -> Hand:
    """Return a hand around 0 whose fingers point along ``angle``; ``scale`` is its palm's length."""
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-np.sin(angle), np.cos(angle)]) * numbers.choice([-1, 1])
    made, thick = Hand(), numbers.uniform(0.85, 1.1)
    wrist = -along * scale * numbers.uniform(1.8, 3) + across * scale * numbers.normal(0, 0.3)
    made.rounds.append((wrist, -along * scale * 0.3, scale * 0.33, scale * numbers.uniform(0.26, 0.33)))
    for side in (-0.2, 0.0, 0.2):
        heel, root = (-0.1 * along + side * 0.9 * across) * scale, (0.5 * along + side * 1.2 * across) * scale
        made.rounds.append((heel, root, scale * 0.23 * thick, scale * 0.2 * thick))
    if numbers.random() < 0.75:  # the thumb, on one side
        bend = along * numbers.uniform(0.3, 1) + across * numbers.uniform(0.5, 1)
        way = bend / np.linalg.norm(bend)
        _finger(
            made, (0.1 * along + 0.25 * across) * scale, way, scale * 0.62, scale * 0.125 * thick, numbers, 2
        )
    spread, curl = numbers.uniform(0.0, 0.28), numbers.uniform(0.55, 1.1)
    order = numbers.permutation(4)[:fingers] if fingers < 4 else np.arange(4)
    for number in range(4):
        root = (0.5 * along + (number - 1.5) * -0.23 * across) * scale
        tilt = (number - 1.5) * -spread + numbers.normal(0, 0.05)
        way = along * np.cos(tilt) + across * np.sin(tilt)
        bent = fist or number not in order
        long = (
            scale * (0.85 - 0.09 * abs(number - 1.7)) * (0.28 if bent else curl * numbers.uniform(0.85, 1.1))
        )
        _finger(
            made, root, way, long, scale * numbers.uniform(0.095, 0.115) * thick, numbers, 1 if bent else 3
        )
        if bent:
            made.tips.pop()
    return made


def _finger(
    made: Hand, root: Points, way: Points, long: float, radius: float, numbers: Random, bones: int
) -> None:
    """Add a finger of so many bones, each bent a little further to one side."""
    shares = {1: [1.0], 2: [0.55, 0.45], 3: [0.45, 0.3, 0.25]}[bones]
    turn = numbers.normal(0, 0.12)
    here, thick = root, radius * 1.08
    for share in shares:
        way = way * np.cos(turn) + np.array([-way[1], way[0]]) * np.sin(turn)
        there, thin = here + way * long * share, thick * (0.93 if bones > 1 else 1.0)
        made.rounds.append((here, there, thick, thin))
        side = np.array([-way[1], way[0]]) * thick
        for step in (0.0, 0.22):
            line = here + way * step * radius * 2
            made.creases.append(
                (line - side * numbers.uniform(0.4, 0.95), line + side * numbers.uniform(0.4, 0.95))
            )
        here, thick = there, thin
    made.nails.append((here + way * thick * 0.35, way, thick * numbers.uniform(0.5, 0.68)))
    made.tips.append(here + way * thick)


def _painted(made: Hand, skin: Floats, side: int, numbers: Random) -> tuple[Floats, Floats]:
    """Return how much of each pixel it covers, [side, side] 0..1, and its colours, [side, side, 3] BGR."""
    cover, height = np.zeros((side, side), np.float32), np.full((side, side), -1.0, np.float32)
    for part in made.rounds:
        _raise(cover, height, *part)
    depth = cv2.GaussianBlur(np.maximum(height, 0), (0, 0), numbers.uniform(0.7, 2.2))
    sun = np.array([*numbers.normal((0.0, -0.4), 0.6), 1.0])
    sun /= np.linalg.norm(sun)
    slope_x, slope_y = (
        cv2.Sobel(depth, cv2.CV_32F, i, 1 - i, scale=0.125 * numbers.uniform(0.6, 1)) for i in (1, 0)
    )
    lit = (sun[2] - slope_x * sun[0] - slope_y * sun[1]) / np.sqrt(1 + slope_x**2 + slope_y**2)
    ambient = numbers.uniform(0.35, 0.8)
    light = ambient + (1 - ambient) * np.clip(lit, -0.2, 1.2) / sun[2]
    gaps = cv2.GaussianBlur(depth, (0, 0), side * 0.018) - depth
    light *= np.exp(-np.clip(gaps, 0, None) / (side * 0.03) * numbers.uniform(0.1, 1))
    rough = cv2.GaussianBlur(
        numbers.normal(0, 1, (side, side)).astype(np.float32), (0, 0), numbers.uniform(0.6, 2.5)
    )
    light *= 1 + numbers.uniform(0, 0.12) * rough
    light *= _lines(made, side, numbers)
    colours = skin * np.ones((side, side, 1), np.float32)
    colours *= 1 + _flush(made, side)[..., None] * np.float32([-0.16, -0.14, 0.05]) * numbers.uniform(0, 0.7)
    if numbers.random() < 0.5:
        _put_nails(made, colours, numbers)
    if numbers.random() < 0.2:
        _put_ring(made, colours, numbers)
    return cover, np.asarray(colours * light[..., None], np.float32)


def _raise(cover: Floats, height: Floats, start: Points, end: Points, wide: float, thin: float) -> None:
    """Lay a tapered round over what is there, in place."""
    side, reach = len(cover), max(wide, thin) + 2
    low = np.clip(np.floor(np.minimum(start, end) - reach), 0, side).astype(int)
    high = np.clip(np.ceil(np.maximum(start, end) + reach) + 1, 0, side).astype(int)
    if (low >= high).any():
        return
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    y, x = np.mgrid[window].astype(np.float32)
    x, y = x - np.float32(start[0]), y - np.float32(start[1])
    way = (end - start).astype(np.float32)
    t = np.clip((x * way[0] + y * way[1]) / max(float(way @ way), 1e-6), 0, 1)
    distance = np.hypot(x - t * way[0], y - t * way[1])
    radius = wide + (thin - wide) * t
    np.maximum(cover[window], np.clip(radius - distance + 0.5, 0, 1), out=cover[window])
    np.maximum(height[window], np.sqrt(np.maximum(radius**2 - distance**2, 0)), out=height[window])


def _lines(made: Hand, side: int, numbers: Random) -> Floats:
    """How bright creases leave each pixel, [side, side]."""
    drawn, deep = np.zeros((side, side), np.uint8), numbers.uniform(0, 0.3)
    for start, end in made.creases:
        if numbers.random() < 0.7:
            ends = [tuple(np.round(point * 8).astype(int).tolist()) for point in (start, end)]
            cv2.line(drawn, ends[0], ends[1], 255, 1, cv2.LINE_AA, 3)
    return np.asarray(1 - deep * cv2.GaussianBlur(drawn, (0, 0), numbers.uniform(0.4, 1)) / np.float32(255))


def _flush(made: Hand, side: int) -> Floats:
    """How red the skin is, at the tips and at the knuckles, [side, side] 0..1."""
    red = np.zeros((side, side), np.uint8)
    for *_, end, _wide, thin in made.rounds[1:]:
        cv2.circle(red, tuple(np.round(end).astype(int).tolist()), max(int(thin), 1), 255, -1)
    return np.asarray(cv2.GaussianBlur(red, (0, 0), side * 0.02) / np.float32(255), np.float32)


def _put_nails(made: Hand, colours: Floats, numbers: Random) -> None:
    side = len(colours)
    tint = np.exp(numbers.normal(0.1, 0.08)) * np.float32([1.05, 1.0, 1.02])
    polish = numbers.uniform(0, 255, 3).astype(np.float32) if numbers.random() < 0.25 else None
    shape = np.zeros((side, side), np.uint8)
    for middle, way, half in made.nails:
        box = (tuple(middle.tolist()), (half * 2.4, half * 2), float(np.degrees(np.arctan2(way[1], way[0]))))
        cv2.ellipse(shape, box, 255, -1, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(shape, (0, 0), 0.5)[..., None] / np.float32(255)
    colours += ((colours * tint if polish is None else polish) - colours) * alpha


def _put_ring(made: Hand, colours: Floats, numbers: Random) -> None:
    start, end = made.creases[int(numbers.integers(len(made.creases)))]
    ends = [tuple(np.round(point * 8).astype(int).tolist()) for point in (start, end)]
    metal = np.float32([(190, 195, 200), (90, 160, 200), (40, 40, 40)][int(numbers.integers(3))])
    cv2.line(colours, ends[0], ends[1], metal.tolist(), int(numbers.integers(2, 5)), cv2.LINE_AA, 3)
