"""The shape of a network that restores faces: down, a code for each place, up again with what was there."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from networks._graph import Graph, scaled

CODES = 1024


def enhancer(path: Path, side: int, width: float = 1.0, *, weighted: bool = False) -> Path:
    """Write one for crops of ``side`` pixels; ``weighted``: told how true to stay, as CodeFormer is."""
    graph, c = Graph("enhancer", opset=17), scaled(width)
    x = graph.conv(graph.input("input", 1, 3, side, side), (3, c(64)), 3)
    kept, channels, size = [], c(64), side
    while size > 32:
        kept.append((x, channels))
        x = graph.op("LeakyRelu", graph.conv(x, (channels, c(256)), 3, stride=2), alpha=0.2)
        channels, size = c(256), size // 2
    if weighted:
        x = _coded(graph, x, channels, size)
    for skip, came in reversed(kept):
        x = _normed(graph, graph.conv(graph.resize(x, 1, 1, 2, 2), (channels, came), 3), came)
        x = graph.op("Add", graph.op("LeakyRelu", x, alpha=0.2), _shared(graph, skip, weighted=weighted))
        channels = came
    graph.output("output", graph.op("Tanh", graph.conv(x, (channels, 3), 3, gain=0.3)), 1, 3, side, side)
    return graph.save(path)


def _coded(graph: Graph, x: str, channels: int, size: int) -> str:
    """Put the likeliest code in every place, after a look at all of them."""
    graph._inputs.append(helper.make_tensor_value_info("weight", TensorProto.DOUBLE, []))
    tokens = graph.op("Transpose", graph.reshape(x, 1, channels, size * size), perm=[0, 2, 1])
    ones, zeros = (graph.constant(np.full(channels, value, np.float32)) for value in (1, 0))
    asks = graph.op("LayerNormalization", tokens, ones, zeros, axis=-1)
    alike = graph.op(
        "MatMul", asks, graph.op("Transpose", graph.dense(asks, channels, channels), perm=[0, 2, 1])
    )
    looked = graph.op("MatMul", graph.op("Softmax", alike, axis=-1), graph.dense(asks, channels, channels))
    chosen = graph.op("ArgMax", graph.dense(looked, channels, CODES), axis=2, keepdims=0)
    codes = graph.op("Gather", graph.weight(CODES, channels), chosen, axis=0)
    return graph.reshape(graph.op("Transpose", codes, perm=[0, 2, 1]), 1, channels, size, size)


def _shared(graph: Graph, skip: str, *, weighted: bool) -> str:
    """Return what comes from the input itself, as much as it is to stay true to it."""
    if not weighted:
        return skip
    return graph.op("Mul", skip, graph.op("Cast", "weight", to=TensorProto.FLOAT))


def _normed(graph: Graph, x: str, channels: int) -> str:
    ones, zeros = (graph.constant(np.full(channels, value, np.float32)) for value in (1, 0))
    return graph.op("InstanceNormalization", x, ones, zeros, epsilon=1e-6)
