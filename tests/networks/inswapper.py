"""The shape of a one-shot swapper of the inswapper family: 128 x 128 and an embedding of 512."""

from pathlib import Path

import numpy as np

from networks._graph import Graph, scaled

EMBEDDING = 512
BLOCKS = 6


def inswapper(path: Path, width: float = 1.0, *, dynamic: bool = False, side: int = 128) -> Path:
    """Write it: 350 G operations and 138 M weights at full width; ``dynamic``: batch, height, width vary.

    ``side`` is that of its crops.
    """
    graph, c = Graph("inswapper", opset=11), scaled(width)
    batch, high, wide = ("N", "H", "W") if dynamic else (1, side, side)
    x = graph.input("target", batch, 3, high, wide)
    style = graph.input("source", batch, EMBEDDING)
    x = _leaky(graph, graph.conv(graph.reflect(x, 3), (3, c(128)), 7, pad=0))
    x = _leaky(graph, graph.conv(x, (c(128), c(256)), 3))
    x = _leaky(graph, graph.conv(x, (c(256), c(512)), 3, stride=2))
    x = _leaky(graph, graph.conv(x, (c(512), c(1024)), 3, stride=2))
    for _ in range(BLOCKS):
        x = _block(graph, x, style, c(1024))
    for came, go in ((c(1024), c(512)), (c(512), c(256))):
        x = graph.resize(x, 1, 1, 2, 2, mode="linear")
        x = _leaky(graph, graph.conv(x, (came, go), 3))
    x = _leaky(graph, graph.conv(x, (c(256), c(128)), 3))
    x = graph.op("Tanh", graph.conv(graph.reflect(x, 3), (c(128), 3), 7, pad=0, gain=0.5))
    x = graph.op("Mul", graph.op("Add", x, graph.constant(1.0)), graph.constant(0.5))
    graph.output("output", x, batch, 3, high, wide)
    graph.constant(np.random.default_rng(7).standard_normal((EMBEDDING, EMBEDDING)), "emap")  # last, unused
    return graph.save(path)


def _block(graph: Graph, x: str, style: str, channels: int) -> str:
    inner = graph.conv(graph.reflect(x, 1), (channels, channels), 3, pad=0)
    inner = graph.op("Relu", _modulate(graph, _normed(graph, inner), style, channels))
    inner = graph.conv(graph.reflect(inner, 1), (channels, channels), 3, pad=0)
    return graph.op("Add", x, _modulate(graph, _normed(graph, inner), style, channels))


def _normed(graph: Graph, x: str) -> str:
    """Spell instance normalisation out, squares and all, as these files do: where fp16 may overflow."""
    x = graph.op("Sub", x, graph.op("ReduceMean", x, axes=[2, 3], keepdims=1))
    mean = graph.op("ReduceMean", graph.op("Mul", x, x), axes=[2, 3], keepdims=1)
    root = graph.op("Sqrt", graph.op("Add", mean, graph.constant(1e-8)))
    return graph.op("Mul", x, graph.op("Div", graph.constant(1.0), root))


def _modulate(graph: Graph, x: str, style: str, channels: int) -> str:
    both = graph.op("Gemm", style, graph.weight(2 * channels, EMBEDDING, deviation=0.2),
                    graph.weight(2 * channels, deviation=0.05), transB=1)  # fmt: skip
    both = graph.op("Unsqueeze", both, axes=[2, 3])
    scale = graph.op("Split", both, outputs=2, axis=1)
    grown = graph.op("Mul", x, graph.op("Add", scale, graph.constant(1.0)))
    return graph.op("Add", grown, f"{scale}.1")


def _leaky(graph: Graph, x: str) -> str:
    return graph.op("LeakyRelu", x, alpha=0.2)
