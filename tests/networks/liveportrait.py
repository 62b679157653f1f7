"""The shapes of LivePortrait's large networks; the warping samples volumes (5-D GridSample, opset 20)."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from networks._graph import Array, Channels, Graph, scaled

OPSET = 20
KEYPOINTS = 21
DEPTH, SIDE = 16, 64
VOLUME = 32
"""Channels of the volume of features: 32 x 16 x 64 x 64."""
STAGES = ((3, 96), (3, 192), (9, 384), (3, 768))
ANSWERS = {"pitch": 66, "yaw": 66, "roll": 66, "t": 3, "exp": 63, "scale": 1, "kp": 63}


def liveportrait_appearance(path: Path, width: float = 1.0, *, dynamic: bool = False) -> Path:
    """Write F: a picture in, a volume of its features out; ``dynamic``: the batch varies."""
    graph, c = Graph("liveportrait_appearance", OPSET), scaled(width)
    batch = "N" if dynamic else 1
    x = _convolved(graph, graph.input("img", batch, 3, 256, 256), 3, c(64))
    for came, go in ((c(64), c(128)), (c(128), c(256))):
        x = graph.op("AveragePool", _convolved(graph, x, came, go), kernel_shape=[2, 2], strides=[2, 2])
    x = graph.conv(x, (c(256), VOLUME * DEPTH), 1)
    x = graph.reshape(x, -1, VOLUME, DEPTH, SIDE, SIDE)
    for _ in range(6):
        inner = x
        for gain in (1.4, 0.5):
            inner = graph.op("Relu", graph.batch_norm(inner, VOLUME))
            inner = graph.conv(inner, (VOLUME, VOLUME), 3, dims=3, gain=gain)
        x = graph.op("Add", x, inner)
    graph.output("feature_3d", x, batch, VOLUME, DEPTH, SIDE, SIDE)
    return graph.save(path)


def liveportrait_motion(path: Path, width: float = 1.0, *, dynamic: bool = False) -> Path:
    """Write M: a picture in; pose, expression and keypoints out of a ConvNeXt V2."""
    graph, c = Graph("liveportrait_motion", OPSET), scaled(width)
    batch = "N" if dynamic else 1
    x, came = graph.input("img", batch, 3, 256, 256), 3
    for blocks, channels in STAGES:
        go, step = c(channels), 4 if came == 3 else 2
        if came != 3:
            x = _last(graph, x, partial(_norm, graph, channels=came))
        x = graph.conv(x, (came, go), step, stride=step, pad=0, gain=1.0)
        if came == 3:
            x = _last(graph, x, partial(_norm, graph, channels=go))
        for _ in range(blocks):
            x = _convnext(graph, x, go)
        came = go
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x))
    x = _norm(graph, x, came)
    for name, numbers in ANSWERS.items():
        graph.output(name, graph.dense(x, came, numbers, gain=0.5), batch, numbers)
    return graph.save(path)


def liveportrait_warping(path: Path, width: float = 1.0, *, dynamic: bool = False) -> Path:
    """Write W: a volume and two sets of keypoints in, the moved features out."""
    graph, c = Graph("liveportrait_warping", OPSET), scaled(width)
    batch = "N" if dynamic else 1
    volume = graph.input("feature_3d", batch, VOLUME, DEPTH, SIDE, SIDE)
    driving = graph.input("kp_driving", batch, KEYPOINTS, 3)
    source = graph.input("kp_source", batch, KEYPOINTS, 3)
    flow, shade = _motion(graph, volume, driving, source, c)
    x = graph.op("GridSample", volume, flow, mode="linear", align_corners=0)
    x = graph.reshape(x, -1, VOLUME * DEPTH, SIDE, SIDE)
    x = graph.op("LeakyRelu", graph.conv(x, (VOLUME * DEPTH, 256), 3), alpha=0.01)
    x = graph.op("Mul", graph.conv(x, (256, 256), 1), shade)
    graph.output("out", x, batch, 256, SIDE, SIDE)
    return graph.save(path)


def liveportrait_spade(path: Path, width: float = 1.0, *, dynamic: bool = False) -> Path:
    """Write G: moved features in, the picture of 512 x 512 out."""
    graph, c = Graph("liveportrait_spade", OPSET), scaled(width)
    batch = "N" if dynamic else 1
    seg = graph.input("feature", batch, 256, SIDE, SIDE)
    x = graph.conv(seg, (256, c(512)), 3)
    for _ in range(6):
        x = _spade_block(graph, x, seg, (c(512), c(512)), c(128), 1)
    for step, (came, go) in enumerate(((c(512), c(256)), (c(256), c(64))), 1):
        x = _spade_block(graph, graph.resize(x, 1, 1, 2, 2), seg, (came, go), c(128), 2**step)
    x = graph.conv(graph.op("LeakyRelu", x, alpha=0.2), (c(64), 12), 3, gain=0.3)
    x = graph.op("Sigmoid", graph.op("DepthToSpace", x, blocksize=2, mode="CRD"))
    graph.output("output", x, batch, 3, 512, 512)
    return graph.save(path)


def _convolved(graph: Graph, x: str, came: int, go: int) -> str:
    return graph.op("Relu", graph.conv(x, (came, go), 3))


def _norm(graph: Graph, x: str, channels: int) -> str:
    scale, shift = graph.constant(np.ones(channels)), graph.weight(channels, deviation=0.05)
    return graph.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-6)


def _last(graph: Graph, x: str, work: Callable[[str], str]) -> str:
    """Do something with the channels as the last axis."""
    return graph.op("Transpose", work(graph.op("Transpose", x, perm=[0, 2, 3, 1])), perm=[0, 3, 1, 2])


def _convnext(graph: Graph, x: str, channels: int) -> str:
    """Add a block: each channel by itself, then all of a pixel, with a global normalisation between."""

    def pixelwise(y: str) -> str:
        y = graph.op("Gelu", graph.dense(_norm(graph, y, channels), channels, 4 * channels, gain=1.4))
        size = graph.op("Sqrt", graph.total(graph.op("Mul", y, y), 1, 2))
        mean = graph.op("Add", graph.total(size, 3, kind="ReduceMean"), graph.constant(1e-6))
        share = graph.op("Mul", y, graph.op("Div", size, mean))
        share = graph.op("Mul", share, graph.weight(4 * channels, deviation=0.2))
        return graph.dense(graph.op("Add", y, share), 4 * channels, channels, gain=0.5)

    inner = graph.conv(x, (channels, channels), 7, groups=channels, gain=1.0)
    return graph.op("Add", x, _last(graph, inner, pixelwise))


def _cube() -> Array:
    """Return the coordinates of the volume, [16, 64, 64, 3] with x first."""
    lines = [np.linspace(-1, 1, side, dtype=np.float32) for side in (DEPTH, SIDE, SIDE)]
    z, y, x = np.meshgrid(*lines, indexing="ij")
    return np.stack([x, y, z], -1)


def _motion(graph: Graph, volume: str, driving: str, source: str, c: Channels) -> tuple[str, str]:
    """Return where each voxel comes from, [N, 16, 64, 64, 3], and how much shows, [N, 1, 64, 64]."""
    number = KEYPOINTS + 1
    motions = _sparse(graph, driving, source)
    few = graph.op("Relu", graph.conv(volume, (VOLUME, 4), 1, dims=3))
    many = graph.op("Unsqueeze", few, graph.constant([1]))
    many = graph.op("Expand", many, graph.constant([1, number, 1, 1, 1, 1]))
    many, flat = (
        graph.reshape(many, -1, 4, DEPTH, SIDE, SIDE),
        graph.reshape(motions, -1, DEPTH, SIDE, SIDE, 3),
    )
    moved = graph.op("GridSample", many, flat, mode="linear", align_corners=0)
    moved = graph.reshape(moved, -1, number, 4, DEPTH, SIDE, SIDE)
    seen = graph.op("Concat", _heat(graph, driving, source), moved, axis=2)
    x, channels = _hourglass(graph, graph.reshape(seen, -1, 5 * number, DEPTH, SIDE, SIDE), 5 * number, c)
    mask = graph.op("Softmax", graph.conv(x, (channels, number), 7, dims=3, gain=0.3), axis=1)
    mask = graph.op("Unsqueeze", mask, graph.constant([-1]))
    flow = graph.total(graph.op("Mul", mask, motions), 1, keep=False)
    thick = graph.reshape(x, -1, channels * DEPTH, SIDE, SIDE)
    return flow, graph.op("Sigmoid", graph.conv(thick, (channels * DEPTH, 1), 7, gain=0.3))


def _sparse(graph: Graph, driving: str, source: str) -> str:
    """Return each keypoint's motion over the volume, the still background first: [N, 22, 16, 64, 64, 3]."""
    moved = graph.op("Sub", graph.constant(_cube()), _wide(graph, driving))
    moved = graph.op("Add", moved, _wide(graph, source))
    first = graph.op("Slice", moved, *map(graph.constant, ([0], [1], [1])))
    still = graph.op("Add", graph.op("Mul", first, graph.constant(0.0)), graph.constant(_cube()))
    return graph.op("Concat", still, moved, axis=1)


def _heat(graph: Graph, driving: str, source: str) -> str:
    """Return how near voxels are to the keypoints, driving less source, [N, 22, 1, 16, 64, 64]."""
    maps = []
    for points in (driving, source):
        away = graph.op("Sub", graph.constant(_cube()), _wide(graph, points))
        square = graph.total(graph.op("Mul", away, away), 5, keep=False)
        maps.append(graph.op("Exp", graph.op("Mul", square, graph.constant(-0.5 / 0.01))))
    heat = graph.op("Unsqueeze", graph.op("Sub", *maps), graph.constant([2]))
    return graph.op("Pad", heat, graph.constant([0, 1, 0, 0, 0, 0] + [0] * 6))


def _wide(graph: Graph, points: str) -> str:
    return graph.reshape(points, -1, KEYPOINTS, 1, 1, 1, 3)


def _hourglass(graph: Graph, x: str, came: int, c: Channels) -> tuple[str, int]:
    """Add five steps down in height and width, and five up."""
    widths = [c(min(1024, 32 * 2**step)) for step in range(6)]
    sizes, kept = [came, *widths[1:]], [x]
    for a, b in pairwise(sizes):
        x = graph.op("Relu", graph.conv(x, (a, b), 3, dims=3))
        x = graph.op("AveragePool", x, kernel_shape=[1, 2, 2], strides=[1, 2, 2])
        kept.append(x)
    x, channels = kept.pop(), sizes.pop()
    for go in reversed(widths[:-1]):
        x = graph.conv(graph.resize(x, 1, 1, 1, 2, 2), (channels, go), 3, dims=3)
        x = graph.op("Concat", graph.op("Relu", x), kept.pop(), axis=1)
        channels = go + sizes.pop()
    return x, channels


def _spade_block(graph: Graph, x: str, seg: str, sizes: tuple[int, int], hidden: int, scale: int) -> str:
    came, go = sizes
    seg = graph.resize(seg, 1, 1, scale, scale) if scale > 1 else seg
    middle, short = min(came, go), x
    inner = graph.op("LeakyRelu", _spade(graph, x, seg, came, hidden), alpha=0.2)
    inner = graph.conv(inner, (came, middle), 3)
    inner = graph.op("LeakyRelu", _spade(graph, inner, seg, middle, hidden), alpha=0.2)
    inner = graph.conv(inner, (middle, go), 3, gain=0.7)
    if came != go:
        short = graph.conv(_spade(graph, x, seg, came, hidden), (came, go), 1, bias=False, gain=1.0)
    return graph.op("Add", short, inner)


def _spade(graph: Graph, x: str, seg: str, channels: int, hidden: int) -> str:
    ones, zeros = graph.constant(np.ones(channels)), graph.constant(np.zeros(channels))
    normed = graph.op("InstanceNormalization", x, ones, zeros, epsilon=1e-5)
    shared = graph.op("Relu", graph.conv(seg, (256, hidden), 3))
    gamma = graph.op("Add", graph.conv(shared, (hidden, channels), 3, gain=0.3), graph.constant(1.0))
    return graph.op(
        "Add", graph.op("Mul", normed, gamma), graph.conv(shared, (hidden, channels), 3, gain=0.3)
    )
