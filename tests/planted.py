"""Small graphs for the converters: odd ones, and some with a fault planted in them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]
node = helper.make_node


def tensor(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def f32(*values: float) -> Array:
    """Return a scalar or a vector."""
    return np.array(values if len(values) > 1 else values[0], np.float32)


def kernel(outputs: int = 4, inputs: int = 4, scale: float = 1.0) -> Array:
    """Return random weights [outputs, inputs, 3, 3]."""
    return (np.random.default_rng(7).standard_normal((outputs, inputs, 3, 3)) * scale).astype(np.float32)


def picture(*shape: int, count: int = 2, seed: int = 0) -> list[tuple[Array, ...]]:
    """Return samples for a network with one input."""
    random = np.random.default_rng(seed)
    return [(random.standard_normal(shape or (1, 4, 16, 16), np.float32),) for _ in range(count)]


def plant(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    weights: Mapping[str, Array] | None = None,
    *,
    inputs: Sequence[onnx.ValueInfoProto] = (tensor("x", 1, 4, 16, 16),),
    outputs: Sequence[onnx.ValueInfoProto] = (tensor("y", 1, 4, 16, 16),),
    opset: int = 17,
    domains: Sequence[str] = (),
    functions: Sequence[onnx.FunctionProto] = (),
) -> Path:
    """Write a graph and return its path."""
    values = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "planted", inputs, outputs, values)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions), path)
    return path


INSIDE = [1] * 4


def conv(source: str, target: str, name: str = "") -> onnx.NodeProto:
    return node("Conv", [source, "w"], [target], name or f"conv {target}", pads=INSIDE)


FAULTS: dict[str, tuple[list[onnx.NodeProto], dict[str, Array], str]] = {
    "squares overflow": (
        [node("Mul", ["x", "k"], ["a"]), node("Mul", ["a", "a"], ["b"], "fault"), node("Sqrt", ["b"], ["c"])],
        {"k": f32(3000)},
        "fault",
    ),
    "exponentials overflow": (
        [node("Mul", ["x", "k"], ["a"]), node("Exp", ["a"], ["b"], "fault"), node("Log", ["b"], ["c"])],
        {"k": f32(8)},
        "fault",
    ),
    "sums overflow": (
        [
            node("Abs", ["x"], ["a"]),
            node("Mul", ["a", "k"], ["b"]),
            node("ReduceSum", ["b"], ["s"], "fault", keepdims=1),
            node("Div", ["b", "s"], ["d"]),
            node("Mul", ["d", "n"], ["c"]),
        ],
        {"k": f32(500), "n": f32(1000)},
        "fault",
    ),
    "squares vanish": (
        [
            node("Mul", ["x", "k"], ["a"]),
            node("Mul", ["a", "a"], ["b"], "fault"),
            node("Add", ["b", "e"], ["d"]),
            node("Sqrt", ["d"], ["r"]),
            node("Div", ["a", "r"], ["c"]),
        ],
        {"k": f32(1e-4), "e": f32(1e-12)},
        "fault",
    ),
}
"""Layers that half precision breaks, the weights they need, and the one to blame."""


def planted_fault(name: str, path: Path) -> tuple[Path, str]:
    """Write a network with one of these faults before layers that have none, and return what is to blame."""
    nodes, weights, fault = FAULTS[name]
    tail = [conv("c", "d1"), node("Relu", ["d1"], ["r1"]), conv("r1", "d2"), conv("d2", "y", "last")]
    return plant(path, [*nodes, *tail], {**weights, "w": kernel(scale=0.2)}), fault
