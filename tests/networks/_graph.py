"""Writes ONNX files layer by layer, with random weights that keep activations at a sane size."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
Shape = Sequence[int | str]
"""A name stands for a dimension that varies."""


Channels = Callable[[int], int]


def scaled(width: float) -> Channels:
    """Return what makes numbers of channels of a narrower network, always multiples of 4."""
    return lambda channels: max(4, round(channels * width / 4) * 4)


class Graph:
    """A graph that grows; tensors are told apart by their names."""

    def __init__(self, name: str, opset: int, seed: int = 0) -> None:
        self._name, self._opset = name, opset
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *shape: int | str) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, name: str, tensor: str, *shape: int | str) -> None:
        self._nodes.append(helper.make_node("Identity", [tensor], [name], name=f"Identity_{name}"))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def save(self, path: Path) -> Path:
        """Check the file that is written at ``path``, and return it."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._weights)
        opsets = [helper.make_opsetid("", self._opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="visard-tests")
        onnx.checker.check_model(model)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)
        return path

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node and return its first output's name; the others end in ``.1``, ``.2`` and so on."""
        name = f"{kind}_{len(self._nodes)}"
        names = [name, *(f"{name}.{number}" for number in range(1, outputs))]
        self._nodes.append(helper.make_node(kind, inputs, names, name=name, **attributes))
        return name

    def constant(self, value: Array | Sequence[int] | float, name: str = "") -> str:
        """Add an initializer: floats as fp32, integers as int64."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        name = name or f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, *shape: int, deviation: float = 1.0) -> str:
        return self.constant(self._random.standard_normal(shape, np.float32) * np.float32(deviation))

    def conv(
        self,
        x: str,
        channels: tuple[int, int],
        kernel: int,
        *,
        stride: int = 1,
        pad: int | None = None,
        groups: int = 1,
        dims: int = 2,
        bias: bool = True,
        gain: float = math.sqrt(2),
    ) -> str:
        """Add a convolution from ``channels[0]`` to ``channels[1]``, padded to keep the size."""
        came, go = channels
        edge = kernel // 2 if pad is None else pad
        fan = came // groups * kernel**dims
        weights = [self.weight(go, came // groups, *[kernel] * dims, deviation=gain / math.sqrt(fan))]
        if bias:
            weights.append(self.weight(go, deviation=0.05))
        return self.op(
            "Conv", x, *weights, kernel_shape=[kernel] * dims, strides=[stride] * dims,
            pads=[edge] * dims * 2, group=groups,
        )  # fmt: skip

    def dense(self, x: str, came: int, go: int, gain: float = 1.0) -> str:
        """Add a layer that connects each with each, over the last axis."""
        product = self.op("MatMul", x, self.weight(came, go, deviation=gain / math.sqrt(came)))
        return self.op("Add", product, self.weight(go, deviation=0.05))

    def batch_norm(self, x: str, channels: int) -> str:
        near_one = 1 + self._random.standard_normal((2, channels)).astype(np.float32) * np.float32(0.05)
        mean = self.weight(channels, deviation=0.05)
        scale, variance = self.constant(near_one[0]), self.constant(np.abs(near_one[1]))
        return self.op("BatchNormalization", x, scale, self.weight(channels, deviation=0.05), mean, variance)

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.constant(shape))

    def resize(self, x: str, *scales: float, mode: str = "nearest") -> str:
        """Enlarge by a factor per axis, as PyTorch exports it."""
        how: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        if mode == "linear":
            how = {"coordinate_transformation_mode": "half_pixel"}
        part = "" if self._opset >= 13 else self.constant(np.empty(0))  # once it had to be there
        return self.op("Resize", x, part, self.constant(np.array(scales, np.float32)), mode=mode, **how)

    def reflect(self, x: str, edge: int) -> str:
        return self.op("Pad", x, self.constant([0, 0, edge, edge] * 2), mode="reflect")

    def total(self, x: str, *axes: int, kind: str = "ReduceSum", keep: bool = True) -> str:
        """Add a sum (or mean) over axes, in the form that the opset asks for."""
        if self._opset >= (13 if kind == "ReduceSum" else 18):
            return self.op(kind, x, self.constant(axes), keepdims=int(keep))
        return self.op(kind, x, axes=list(axes), keepdims=int(keep))
