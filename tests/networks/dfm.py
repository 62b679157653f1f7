"""The shape of a trained autoencoder (DFM): 224, LIAE with u, d and t, as TensorFlow's exporter writes it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from networks._graph import Graph, scaled

SIDE = 224
LOW = SIDE // 32


def dfm224(path: Path, width: float = 1.0, *, dynamic: bool = False) -> Path:
    """Write it: a picture in, two masks and a picture out; ``dynamic``: the batch varies, as it does."""
    graph, c = Graph("dfm", opset=12), scaled(width)
    batch = "unk__1" if dynamic else 1
    x = graph.op("Transpose", graph.input("in_face:0", batch, SIDE, SIDE, 3), perm=[0, 3, 1, 2])
    code = _encoder(graph, x, c(64))
    both, own = _inter(graph, code, c(64) * 8, c(512)), _inter(graph, code, c(64) * 8, c(512))
    decoder = _Decoder(graph, c(512) * 4, c(64), c(32))
    other = graph.op("Concat", both, both, axis=1)
    for name, made, channels in (
        ("out_face_mask:0", decoder.mask(graph.op("Concat", own, both, axis=1)), 1),
        ("out_celeb_face:0", decoder.picture(other), 3),
        ("out_celeb_face_mask:0", decoder.mask(other), 1),
    ):
        graph.output(name, graph.op("Transpose", made, perm=[0, 2, 3, 1]), batch, SIDE, SIDE, channels)
    return graph.save(path)


class _Layer:
    """A convolution whose weights are used more than once; its bias is an Add, as TensorFlow has it."""

    def __init__(self, graph: Graph, came: int, go: int, kernel: int, gain: float = 1.4) -> None:
        self._graph, self._kernel = graph, kernel
        self._weight = graph.weight(go, came, kernel, kernel, deviation=gain / (came * kernel**2) ** 0.5)
        self._bias = graph.constant(np.full((1, go, 1, 1), 0.01))

    def __call__(self, x: str, stride: int = 1) -> str:
        how: dict[str, Any] = {
            "kernel_shape": [self._kernel] * 2,
            "strides": [stride] * 2,
            "auto_pad": "SAME_UPPER",
        }
        return self._graph.op("Add", self._graph.op("Conv", x, self._weight, **how), self._bias)


class _Residual:
    def __init__(self, graph: Graph, channels: int) -> None:
        self._graph = graph
        self._first, self._second = (_Layer(graph, channels, channels, 3, gain) for gain in (1.4, 0.5))

    def __call__(self, x: str) -> str:
        inner = self._second(_leaky(self._graph, self._first(x), 0.2))
        return _leaky(self._graph, self._graph.op("Add", x, inner), 0.2)


def _encoder(graph: Graph, x: str, e: int) -> str:
    came = 3
    for number, go in enumerate((e, e * 2, e * 4, e * 8, e * 8)):
        x = _leaky(graph, _Layer(graph, came, go, 5)(x, stride=2))
        if number in (0, 4):
            x = _Residual(graph, go)(x)
        came = go
    flat = graph.reshape(x, -1, e * 8 * LOW * LOW)
    mean = graph.op("ReduceMean", graph.op("Mul", flat, flat), axes=[1], keepdims=1)
    return graph.op("Div", flat, graph.op("Sqrt", graph.op("Add", mean, graph.constant(1e-6))))


def _inter(graph: Graph, code: str, came: int, ae: int) -> str:
    x = graph.dense(graph.dense(code, came * LOW * LOW, ae), ae, ae * 2 * LOW * LOW)
    return graph.op("Transpose", graph.reshape(x, -1, LOW, LOW, ae * 2), perm=[0, 3, 1, 2])


class _Decoder:
    def __init__(self, graph: Graph, came: int, d: int, m: int) -> None:
        self._graph = graph
        ups, masks = [came, d * 8, d * 8, d * 4, d * 2], [came, m * 8, m * 8, m * 4, m * 2, m]
        self._ups = [_Layer(graph, a, b * 4, 3) for a, b in pairwise(ups)]
        self._residuals = [_Residual(graph, channels) for channels in ups[1:]]
        self._outs = [_Layer(graph, d * 2, 3, 3 if number else 1, 0.5) for number in range(4)]
        self._masks = [_Layer(graph, a, b * 4, 3) for a, b in pairwise(masks)]
        self._out = _Layer(graph, m, 1, 1, 0.5)

    def _up(self, layer: _Layer, x: str) -> str:
        return self._graph.op("DepthToSpace", _leaky(self._graph, layer(x)), blocksize=2, mode="DCR")

    def picture(self, x: str) -> str:
        for up, residual in zip(self._ups, self._residuals, strict=True):
            x = residual(self._up(up, x))
        parts = self._graph.op("Concat", *(out(x) for out in self._outs), axis=1)
        return self._graph.op("DepthToSpace", self._graph.op("Sigmoid", parts), blocksize=2, mode="DCR")

    def mask(self, x: str) -> str:
        for up in self._masks:
            x = self._up(up, x)
        return self._graph.op("Sigmoid", self._out(x))


def _leaky(graph: Graph, x: str, alpha: float = 0.1) -> str:
    return graph.op("LeakyRelu", x, alpha=alpha)
