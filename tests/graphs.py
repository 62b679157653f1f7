"""Small ONNX files for tests of engines."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def small(
    path: Path, *, scale: float = 1.0, seed: int = 1, shape: tuple[int | str, ...] = (1, 3, 16, 16)
) -> Path:
    """A convolution, a bend and a mean: picture in, picture and four numbers out."""
    numbers = np.random.default_rng(seed)
    weights = {
        "w": (numbers.standard_normal((4, 3, 3, 3)) * scale).astype(np.float32),
        "b": numbers.standard_normal(4).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("LeakyRelu", ["c"], ["picture"], alpha=0.1),
        helper.make_node("GlobalAveragePool", ["picture"], ["mean"]),
    ]
    outputs = [("picture", [shape[0], 4, *shape[2:]]), ("mean", [shape[0], 4, 1, 1])]
    return write(path, nodes, weights, [("x", list(shape))], outputs)


def write(path: Path, nodes: list, weights: dict, inputs: list, outputs: list) -> Path:
    """Write a graph of float32 inputs and outputs, given as (name, shape)."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
