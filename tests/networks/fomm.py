"""The shapes of the First Order Motion Model: keypoints of a picture, and the picture that they move."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from networks._graph import Array, Channels, Graph, scaled

KEYPOINTS = 10
SIDE = 256
LOW = SIDE // 4
HEAT = LOW - 6


def fomm_keypoints(path: Path, width: float = 1.0, *, dynamic: bool = False) -> Path:
    """Write the detector: a picture in, keypoints with their Jacobians out; ``dynamic``: the batch varies."""
    graph, c = Graph("fomm_keypoints", opset=16), scaled(width)
    batch = "N" if dynamic else 1
    x = small(graph, graph.input("source", batch, 3, SIDE, SIDE))
    x, channels = hourglass(graph, x, 3, c(32), c(1024))
    heat = graph.reshape(graph.conv(x, (channels, KEYPOINTS), 7, pad=0, gain=0.3), -1, KEYPOINTS, HEAT * HEAT)
    heat = graph.op("Softmax", graph.op("Div", heat, graph.constant(0.1)), axis=2)
    heat = graph.reshape(heat, -1, KEYPOINTS, HEAT, HEAT)
    places = graph.op("Mul", graph.op("Unsqueeze", heat, graph.constant([-1])), graph.constant(grid(HEAT)))
    graph.output("value", graph.total(places, 2, 3, keep=False), batch, KEYPOINTS, 2)
    maps = graph.reshape(graph.conv(x, (channels, 4 * KEYPOINTS), 7, pad=0), -1, KEYPOINTS, 4, HEAT, HEAT)
    maps = graph.op("Mul", maps, graph.op("Unsqueeze", heat, graph.constant([2])))
    jacobian = graph.reshape(graph.total(maps, 3, 4, keep=False), -1, KEYPOINTS, 2, 2)
    graph.output("jacobian", jacobian, batch, KEYPOINTS, 2, 2)
    return graph.save(path)


def fomm_generator(path: Path, width: float = 1.0, *, dynamic: bool = False) -> Path:
    """Write the generator: a picture and two sets of keypoints in, the moved picture out."""
    graph, c = Graph("fomm_generator", opset=16), scaled(width)
    batch = "N" if dynamic else 1
    source = graph.input("source", batch, 3, SIDE, SIDE)
    points = {
        f"{whose}_{what}": graph.input(f"{whose}_{what}", batch, KEYPOINTS, *shape)
        for whose in ("driving", "source")
        for what, shape in (("value", (2,)), ("jacobian", (2, 2)))
    }
    flow, shade = _motion(graph, small(graph, source), points, c)
    x = _convolved(graph, source, 3, c(64), 7)
    for came, go in ((c(64), c(128)), (c(128), c(256))):
        x = graph.op("AveragePool", _convolved(graph, x, came, go), kernel_shape=[2, 2], strides=[2, 2])
    x = graph.op("Mul", graph.op("GridSample", x, flow, mode="bilinear", align_corners=0), shade)
    for _ in range(6):
        x = _residual(graph, x, c(256))
    for came, go in ((c(256), c(128)), (c(128), c(64))):
        x = _convolved(graph, graph.resize(x, 1, 1, 2, 2), came, go)
    x = graph.op("Sigmoid", graph.conv(x, (c(64), 3), 7, gain=0.5))
    graph.output("prediction", x, batch, 3, SIDE, SIDE)
    return graph.save(path)


def small(graph: Graph, x: str) -> str:
    """Blur against aliasing, 13 taps, and take every fourth pixel."""
    taps = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 1.5**2))
    kernel = np.outer(taps, taps) / taps.sum() ** 2
    weight = graph.constant(np.broadcast_to(kernel, (3, 1, 13, 13)).astype(np.float32))
    x = graph.op("Conv", x, weight, kernel_shape=[13, 13], pads=[6] * 4, group=3)
    return graph.resize(x, 1, 1, 0.25, 0.25)


def hourglass(graph: Graph, x: str, came: int, expansion: int, most: int) -> tuple[str, int]:
    """Add five steps down and five up with what was there on the way; return it and its channels."""
    widths = [min(most, expansion * 2**step) for step in range(6)]
    sizes, kept = [came, *widths[1:]], [x]
    for a, b in pairwise(sizes):
        x = graph.op("AveragePool", _convolved(graph, x, a, b), kernel_shape=[2, 2], strides=[2, 2])
        kept.append(x)
    x, channels = kept.pop(), sizes.pop()
    for go in reversed(widths[:-1]):
        x = _convolved(graph, graph.resize(x, 1, 1, 2, 2), channels, go)
        x = graph.op("Concat", x, kept.pop(), axis=1)
        channels = go + sizes.pop()
    return x, channels


def grid(side: int) -> Array:
    """Return the coordinates -1 to 1 of a square, as [side, side, 2] with x first."""
    line = np.linspace(-1, 1, side, dtype=np.float32)
    return np.stack(np.meshgrid(line, line), -1)


def _motion(graph: Graph, picture: str, points: dict[str, str], c: Channels) -> tuple[str, str]:
    """Return where every pixel comes from, [N, 64, 64, 2], and how much of it shows, [N, 1, 64, 64]."""
    number = KEYPOINTS + 1
    motions = _sparse(graph, points)
    many = graph.op("Unsqueeze", picture, graph.constant([1]))
    many = graph.op("Expand", many, graph.constant([1, number, 1, 1, 1]))
    flat = graph.reshape(motions, -1, LOW, LOW, 2)
    moved = graph.op(
        "GridSample", graph.reshape(many, -1, 3, LOW, LOW), flat, mode="bilinear", align_corners=0
    )
    seen = graph.op("Concat", _heat(graph, points), graph.reshape(moved, -1, number, 3, LOW, LOW), axis=2)
    x, channels = hourglass(graph, graph.reshape(seen, -1, 4 * number, LOW, LOW), 4 * number, c(64), c(1024))
    mask = graph.op("Softmax", graph.conv(x, (channels, number), 7, gain=0.3), axis=1)
    mask = graph.op("Unsqueeze", mask, graph.constant([-1]))
    flow = graph.total(graph.op("Mul", mask, motions), 1, keep=False)
    return flow, graph.op("Sigmoid", graph.conv(x, (channels, 1), 7, gain=0.3))


def _sparse(graph: Graph, points: dict[str, str]) -> str:
    """Return each keypoint's motion over the picture, the still background first: [N, 11, 64, 64, 2]."""
    away = graph.op("Sub", graph.constant(grid(LOW)), _wide(graph, points["driving_value"]))
    turn = graph.op("MatMul", points["source_jacobian"], _inverse(graph, points["driving_jacobian"]))
    turn = graph.reshape(turn, -1, KEYPOINTS, 1, 1, 2, 2)
    away = graph.op("MatMul", turn, graph.op("Unsqueeze", away, graph.constant([-1])))
    away = graph.op("Squeeze", away, graph.constant([-1]))
    moved = graph.op("Add", away, _wide(graph, points["source_value"]))
    first = graph.op("Slice", moved, *map(graph.constant, ([0], [1], [1])))
    still = graph.op("Add", graph.op("Mul", first, graph.constant(0.0)), graph.constant(grid(LOW)))
    return graph.op("Concat", still, moved, axis=1)


def _inverse(graph: Graph, matrix: str) -> str:
    """Return inverses of 2x2 matrices in closed form."""
    flat = graph.reshape(matrix, -1, KEYPOINTS, 4)
    a = graph.op("Split", flat, graph.constant([1, 1, 1, 1]), outputs=4, axis=2)
    b, c, d = (f"{a}.{number}" for number in (1, 2, 3))
    determinant = graph.op("Sub", graph.op("Mul", a, d), graph.op("Mul", b, c))
    adjoint = graph.op("Concat", d, graph.op("Neg", b), graph.op("Neg", c), a, axis=2)
    return graph.reshape(graph.op("Div", adjoint, determinant), -1, KEYPOINTS, 2, 2)


def _heat(graph: Graph, points: dict[str, str]) -> str:
    """Return how near pixels are to the keypoints, driving less source, [N, 11, 1, 64, 64]; first zeros."""
    maps = []
    for whose in ("driving", "source"):
        away = graph.op("Sub", graph.constant(grid(LOW)), _wide(graph, points[f"{whose}_value"]))
        square = graph.total(graph.op("Mul", away, away), 4, keep=False)
        maps.append(graph.op("Exp", graph.op("Mul", square, graph.constant(-0.5 / 0.01))))
    heat = graph.op("Unsqueeze", graph.op("Sub", *maps), graph.constant([2]))
    return graph.op("Pad", heat, graph.constant([0, 1, 0, 0, 0] + [0] * 5))


def _wide(graph: Graph, points: str) -> str:
    return graph.reshape(points, -1, KEYPOINTS, 1, 1, 2)


def _convolved(graph: Graph, x: str, came: int, go: int, kernel: int = 3) -> str:
    """Convolve; its batch norm is folded into it already."""
    return graph.op("Relu", graph.conv(x, (came, go), kernel))


def _residual(graph: Graph, x: str, channels: int) -> str:
    inner = x
    for gain in (1.4, 0.5):
        inner = graph.op("Relu", graph.batch_norm(inner, channels))
        inner = graph.conv(inner, (channels, channels), 3, gain=gain)
    return graph.op("Add", x, inner)
