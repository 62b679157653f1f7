"""The least time that a network can take: its operations and bytes against what a machine can do at best."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from _hardware import Machine

from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Precision

if TYPE_CHECKING:
    import onnx

Shape = tuple[int, ...]

BYTES = {Precision.fp32: 4, Precision.fp16: 2, Precision.mixed: 2, Precision.bf16: 2}
"""Of a number, by precision."""
LARGE = 4096
"""Bytes of a constant that is weights: shapes, axes and so on are smaller."""
# fmt: off
FREE = frozenset({
    "Cast", "Concat", "Constant", "ConstantOfShape", "DepthToSpace", "DequantizeLinear", "Dropout", "Expand",
    "Flatten", "Gather", "Identity", "Pad", "QuantizeLinear", "Range", "Reshape", "Shape", "Slice",
    "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
})
"""Layers that only move or relabel: a compiler can fold them into others."""
THROUGH = frozenset({
    "Conv", "ConvTranspose", "Gemm", "MatMul", "GridSample", "InstanceNormalization", "LayerNormalization",
    "GroupNormalization",
})
# fmt: on
"""Layers whose inputs and outputs have to go through memory; others can be fused with what is beside them."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one node of the graph takes."""

    kind: str
    operations: int
    """A multiplication with an addition is two."""
    moved: int
    """Numbers read and written beside weights."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a whole network takes."""

    layers: tuple[Layer, ...]
    weights: int
    """Numbers that are read in every run."""
    ends: int
    """Numbers that come in and go out."""
    unknown: tuple[str, ...] = ()
    """Layers whose shapes cannot be told from the file, and that are not counted."""

    @property
    def operations(self) -> int:
        """Return all operations."""
        return sum(layer.operations for layer in self.layers)

    @property
    def moved(self) -> int:
        """Return all numbers that are read and written, weights too."""
        return self.weights + max(self.ends, sum(layer.moved for layer in self.layers))

    def kinds(self) -> dict[str, int]:
        """Return the operations of each kind of layer, the most first."""
        found: Counter[str] = Counter()
        for layer in self.layers:
            found[layer.kind] += layer.operations
        return dict(found.most_common())


@dataclass(frozen=True, slots=True)
class Floor:
    """The least seconds a run can take; None where the machine's abilities are not known."""

    computing: float | None
    moving: float | None
    total: float | None = field(init=False)

    def __post_init__(self) -> None:
        known = [part for part in (self.computing, self.moving) if part is not None]
        object.__setattr__(self, "total", max(known, default=None))


def floor(work: Work, machine: Machine, precision: Precision) -> Floor:
    """Return the time for the operations and for the bytes; they overlap, so the longer one counts."""
    peak = machine.peaks.get(precision)
    return Floor(
        computing=work.operations / peak if peak else None,
        moving=work.moved * BYTES[precision] / machine.bandwidth if machine.bandwidth else None,
    )


def work(model: Path, shapes: Mapping[str, Sequence[int]] | None = None) -> Work:
    """Count what an ONNX file takes; a dimension that varies is as in ``shapes`` (by input), else 1.

    Raises ModelRefused for what is no ONNX file.
    """
    graph, weights = _inferred(model, shapes or {})
    known = dict(_shapes(graph))
    layers, unknown, used = [], [], set()
    for node in graph.node:
        needed = [name for name in (*node.input, *node.output) if name]
        used.update(node.input)
        if node.op_type in FREE:
            continue
        if all(name in known or name in weights for name in needed):
            layers.append(_layer(node, {**{n: weights[n] for n in needed if n in weights}, **known}, weights))
        else:
            unknown.append(node.name or node.op_type)
    ends = [tensor.name for tensor in (*graph.input, *graph.output) if tensor.name not in weights]
    return Work(
        layers=tuple(layers),
        weights=sum(math.prod(shape) for name, shape in weights.items() if name in used),
        ends=sum(math.prod(known[name]) for name in ends if name in known),
        unknown=tuple(unknown),
    )


Inferred = tuple["onnx.GraphProto", dict[str, Shape]]


def _inferred(model: Path, shapes: Mapping[str, Sequence[int]]) -> Inferred:
    """Return the graph with all shapes that can be told, less its weights, and those weights' shapes."""
    import onnx

    try:
        proto = onnx.load(model, load_external_data=False)
    except Exception as error:  # protobuf's own class is not public
        raise ModelRefused(f"{model.name} is not an ONNX file ({error})") from error
    graph = proto.graph
    if not graph.node:
        raise ModelRefused(f"{model.name} is not an ONNX file (there is no layer in it)")
    large = [each for each in graph.initializer if each.ByteSize() > LARGE or each.external_data]
    weights = {each.name: tuple(each.dims) for each in large}
    kept = [each for each in graph.initializer if each.name not in weights]
    inputs = [each for each in graph.input if each.name not in weights]
    for each in large:
        inputs.append(onnx.helper.make_tensor_value_info(each.name, each.data_type, each.dims))
    _fix(graph.input, shapes)
    for part, values in ((graph.initializer, kept), (graph.input, inputs), (graph.value_info, [])):
        copies = [type(value).FromString(value.SerializeToString()) for value in values]
        del part[:]
        part.extend(copies)
    for tensor in graph.output:
        tensor.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(proto, data_prop=True).graph, weights


def _fix(inputs: "Sequence[onnx.ValueInfoProto]", shapes: Mapping[str, Sequence[int]]) -> None:
    """Give inputs that vary the wanted shape."""
    for tensor in inputs:
        dims = tensor.type.tensor_type.shape.dim
        wanted = shapes.get(tensor.name) or [dim.dim_value or 1 for dim in dims]
        for dim, size in zip(dims, wanted, strict=True):
            dim.dim_value = size


def _shapes(graph: "onnx.GraphProto") -> "Iterator[tuple[str, Shape]]":
    for tensor in graph.initializer:
        yield tensor.name, tuple(tensor.dims)
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
            yield value.name, tuple(dim.dim_value for dim in kind.shape.dim)


def _layer(node: "onnx.NodeProto", shapes: Mapping[str, Shape], weights: Mapping[str, Shape]) -> Layer:
    came = [shapes[name] for name in node.input if name]
    went = [shapes[name] for name in node.output if name]
    moved = 0
    if node.op_type in THROUGH:
        reads = {name for name in node.input if name and name not in weights}
        moved = sum(math.prod(shapes[name]) for name in reads) + sum(map(math.prod, went))
    return Layer(node.op_type, _operations(node, came, went), moved)


def _operations(node: "onnx.NodeProto", came: Sequence[Shape], went: Sequence[Shape]) -> int:
    count = _COUNTS.get(node.op_type)
    if count is not None:
        return count(node, came, went[0])
    if node.op_type.startswith(("Reduce", "Global")):
        return math.prod(came[0])
    return math.prod(went[0])


def _pool(node: "onnx.NodeProto", came: Sequence[Shape], out: Shape) -> int:
    window = next((each.ints for each in node.attribute if each.name == "kernel_shape"), ())
    return math.prod(out) * math.prod(window)


def _times(factor: int) -> "Count":
    return lambda node, came, out: factor * math.prod(out)


Count = Callable[["onnx.NodeProto", Sequence[Shape], Shape], int]
_COUNTS: dict[str, Count] = {
    "Conv": lambda _, came, out: 2 * math.prod(out) * math.prod(came[1][1:]),
    "ConvTranspose": lambda _, came, __: 2 * math.prod(came[0]) * math.prod(came[1][1:]),
    "MatMul": lambda _, came, out: 2 * math.prod(out) * came[0][-1],
    "Gemm": lambda _, came, out: 2 * math.prod(came[0]) * out[-1],
    "GridSample": lambda _, came, out: 2 * math.prod(out) * 2 ** (len(came[0]) - 2),
    "AveragePool": _pool,
    "MaxPool": _pool,
    "Softmax": _times(5),
    "InstanceNormalization": _times(8),
    "LayerNormalization": _times(8),
    "GroupNormalization": _times(8),
}
"""By kind of layer, from the shapes of what comes in and what goes out; others count one for each number."""
