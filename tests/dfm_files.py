"""Small ``.dfm`` files with random weights, node for node as DeepFaceLab's exporter writes them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from networks._graph import Graph
from onnx import TensorProto, helper

D = 8
"""Channels of the decoders; pictures are made from an eighth of their side."""


@dataclass
class Writer:
    """``c``: x*cos(x) for leaky; ``d``: a picture in four parts; ``quantized``: convolutions in fp16."""

    graph: Graph
    side: int
    c: bool = False
    d: bool = False
    quantized: bool = False

    def conv(self, x: str, came: int, go: int, kernel: int = 3, stride: int = 1) -> str:
        weight = self.graph.weight(go, came, kernel, kernel, deviation=1.2 / (came * kernel**2) ** 0.5)
        how = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [kernel // 2] * 4}
        if self.quantized:
            x, weight = (self.graph.op("Cast", each, to=TensorProto.FLOAT16) for each in (x, weight))
        made = self.graph.op("Conv", x, weight, **how)
        if self.quantized:
            made = self.graph.op("Cast", made, to=TensorProto.FLOAT)
        return self.graph.op("Add", made, self.graph.weight(1, go, 1, 1, deviation=0.05))

    def act(self, x: str) -> str:
        return self.graph.op("Mul", x, self.graph.op("Cos", x)) if self.c else self.leaky(x)

    def leaky(self, x: str) -> str:
        return self.graph.op("LeakyRelu", x, alpha=0.1)

    def to_space(self, x: str, channels: int, side: int) -> str:
        """Depth to space in six dimensions, from ``side`` to twice that."""
        x = self.graph.reshape(x, -1, 2, 2, channels, side, side)
        x = self.graph.op("Transpose", x, perm=[0, 3, 4, 1, 5, 2])
        return self.graph.reshape(x, -1, channels, side * 2, side * 2)

    def encode(self, x: str) -> str:
        """A picture to a code of 16 numbers."""
        x = self.graph.op("Transpose", x, perm=[0, 3, 1, 2])
        for came, go in ((3, 4), (4, 6), (6, D)):
            x = self.act(self.conv(x, came, go, 5, stride=2))
        size = D * (self.side // 8) ** 2
        x = self.graph.reshape(x, -1, size)
        mean = self.graph.op("ReduceMean", self.graph.op("Mul", x, x), axes=[1], keepdims=1)
        root = self.graph.op("Sqrt", self.graph.op("Add", mean, self.graph.constant(1e-6)))
        return self.graph.dense(self.graph.op("Mul", x, self.graph.op("Reciprocal", root)), size, 16)

    def inter(self, code: str, channels: int) -> str:
        low = self.side // 8
        return self.graph.reshape(self.graph.dense(code, 16, channels * low**2), -1, channels, low, low)

    def decode(self, x: str, came: int, go: int) -> str:
        """A picture of ``go`` channels, 0..1, in NHWC."""
        side = self.side // 8
        for _ in range(2 if self.d else 3):
            x, came, side = self.to_space(self.act(self.conv(x, came, D * 4)), D, side), D, side * 2
        if self.d:
            x = self.graph.op("Concat", *(self.conv(x, D, go) for _ in range(4)), axis=1)
            x = self.to_space(x, go, side)
        else:
            x = self.conv(x, D, go, 1)
        return self.graph.op("Transpose", self.graph.op("Sigmoid", x), perm=[0, 2, 3, 1])

    def save(self, path: Path, own: str, other: str, channels: int) -> Path:
        """Write the file with both masks and the picture made of two codes."""
        made = self.decode(own, channels, 1), self.decode(other, channels, 3), self.decode(other, channels, 1)
        names = "out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0"
        for name, tensor, depth in zip(names, made, (1, 3, 1), strict=True):
            self.graph.output(name, tensor, f"unk__{name}", self.side, self.side, depth)
        return self.graph.save(path)


def saehd(path: Path, side: int = 64, *, seed: int = 0, **archi: bool) -> Path:
    """Write a model of one identity."""
    writer = Writer(Graph("saehd", opset=12, seed=seed), side, **archi)
    code = writer.encode(writer.graph.input("in_face:0", "unk__1", side, side, 3))
    return writer.save(path, writer.inter(code, 12), writer.inter(code, 12), 12)


Count = Callable[[Graph, str, int], str]
"""Makes the number of the celebrity's channels, int64, of a morph, a float."""


def cut_down(graph: Graph, morph: str, channels: int) -> str:
    product = graph.op("Mul", graph.constant(float(channels)), morph)
    return graph.op("Cast", product, to=TensorProto.INT64)


def rounded_up(graph: Graph, morph: str, channels: int) -> str:
    product = graph.op("Mul", graph.constant(float(channels)), morph)
    return graph.op("Cast", graph.op("Ceil", product), to=TensorProto.INT64)


def amp(
    path: Path, side: int = 64, channels: int = 20, *, seed: int = 0, count: Count = cut_down, **archi: bool
) -> Path:
    """Write a model that morphs: slices whose ends are computed from ``morph_value``, joined."""
    writer = Writer(Graph("amp", opset=12, seed=seed), side, **archi)
    graph = writer.graph
    code = writer.encode(graph.input("in_face:0", "unk__1", side, side, 3))
    one = graph.op("Slice", graph.input("morph_value:0", 1), *(graph.constant([n]) for n in (0, 1, 0)))
    number = count(graph, graph.op("Squeeze", one, axes=[0]), channels)
    own, celebrity = writer.inter(code, channels), writer.inter(code, channels)
    joined = graph.op("Concat", _first(graph, celebrity, number), _rest(graph, own, number, channels), axis=1)
    return writer.save(path, own, joined, channels)


def _corner(graph: Graph, number: str, others: int) -> str:
    middle = graph.op("Unsqueeze", number, axes=[0])
    edge = graph.constant([others])
    return graph.op("Concat", edge, middle, edge, edge, axis=0)


def _end(graph: Graph, number: str) -> str:
    """TensorFlow's size -1 means all: it becomes the largest number."""
    size = _corner(graph, number, -1)
    all_ = graph.op("Cast", graph.op("Equal", size, graph.constant([-1])), to=TensorProto.INT64)
    return graph.op("Add", size, graph.op("Mul", graph.constant([2**31 - 1]), all_))


def _first(graph: Graph, x: str, number: str) -> str:
    return graph.op("Slice", x, graph.constant([0, 0, 0, 0]), _end(graph, number))


def _rest(graph: Graph, x: str, number: str, channels: int) -> str:
    left = _end(graph, graph.op("Sub", graph.constant(channels), number))
    begin = _corner(graph, number, 0)
    return graph.op("Slice", x, begin, graph.op("Add", begin, left))


def scaled_by_morph(path: Path, side: int = 64) -> Path:
    """Write a file that looks like one of AMP but multiplies by the morph."""
    writer = Writer(Graph("odd", opset=12), side)
    code = writer.encode(writer.graph.input("in_face:0", "unk__1", side, side, 3))
    other = writer.graph.op("Mul", writer.inter(code, 12), writer.graph.input("morph_value:0", 1))
    return writer.save(path, writer.inter(code, 12), other, 12)


def tinted(path: Path, colour: tuple[float, float, float] = (0.3, 0.4, 0.7), side: int = 64) -> Path:
    """Write a model whose face is the driver's in a colour, BGR 0..1, inside an oval that fits most faces."""
    graph = Graph("tinted", opset=12)
    face = graph.input("in_face:0", "unk__1", side, side, 3)
    tint = graph.op("Add", graph.op("Mul", face, graph.constant(0.4)), graph.constant(0.6 * np.array(colour)))
    across, down = np.meshgrid(*[(np.arange(side) + 0.5) / side * 2 - 1] * 2)
    oval = np.clip((1 - np.hypot(across / 0.55, (down - 0.1) / 0.75)) * 8, 0, 1)
    nothing = graph.op(
        "Mul", graph.op("Slice", face, *map(graph.constant, ([0], [1], [3]))), graph.constant(0.0)
    )
    mask = graph.op("Add", nothing, graph.constant(oval[None, ..., None]))
    for name, tensor, depth in (
        ("out_face_mask:0", mask, 1), ("out_celeb_face:0", tint, 3), ("out_celeb_face_mask:0", mask, 1),
    ):  # fmt: skip
        graph.output(name, tensor, f"unk__{name}", side, side, depth)
    return graph.save(path)


Shape = tuple[int | str, ...]


def stub(
    path: Path, inputs: dict[str, Shape], outputs: dict[str, Shape], kind: int = TensorProto.FLOAT
) -> Path:
    """Write a file with these inputs and outputs and nothing that computes."""
    came, go = (
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in ports.items()]
        for ports in (inputs, outputs)
    )
    nodes = [helper.make_node("Identity", [came[0].name], [value.name]) for value in go]
    onnx.save(helper.make_model(helper.make_graph(nodes, "stub", came, go), ir_version=7), path)
    return path
