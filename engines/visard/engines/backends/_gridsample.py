"""Writes parts of ONNX graphs anew where a backend lacks an operator."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visard.engines.errors import ModelRefused

if TYPE_CHECKING:
    import onnx

_INLINE = 1_900_000_000
"""Bytes above which weights go into a file of their own: ONNX files end at 2 GB."""

_SMALL = 64
"""Numbers in the largest weight that may be a shape."""


class VolumeRewrite:
    """Nodes and constants that replace one node, with names that are nowhere else in the graph."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self._count = prefix, 0
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def _name(self) -> str:
        self._count += 1
        return f"{self._prefix}/{self._count}"

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = self._name()
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its only output."""
        from onnx import helper

        output = output or self._name()
        self.nodes.append(helper.make_node(operator, inputs, [output], f"{output}:node", **attributes))
        return output


def flatten_grid_samples(model: Path, into: Path) -> Path:
    """Write ``into`` with every GridSample over volumes as one over pictures; return it, or ``model``.

    Exact for linear and nearest; cubic and reflecting edges raise ModelRefused, as broken files do.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    invalid = onnx.checker.ValidationError, onnx.shape_inference.InferenceError
    try:
        network = onnx.load(model, load_external_data=False)
        _load_small(network, model.parent)
        types = _types(onnx.shape_inference.infer_shapes(network, data_prop=True).graph)
        onnx.load_external_data_for_model(network, str(model.parent))
    except (DecodeError, OSError, *invalid) as error:
        raise ModelRefused(f"{model.name} is damaged or no ONNX file: {error}") from error
    patches = {n.output[0]: _flat(n, types, model.name) for n in network.graph.node if _is_volume(n, types)}
    if not patches:
        return model
    old = list(network.graph.node)
    del network.graph.node[:]
    for node in old:
        patch = patches.get(node.output[0]) if node.output else None
        network.graph.node.extend(patch.nodes if patch else [node])
    network.graph.initializer.extend(c for patch in patches.values() for c in patch.constants)
    size = sum(len(weight.raw_data) for weight in network.graph.initializer)
    onnx.save(network, into, save_as_external_data=size > _INLINE)
    return into


def _load_small(network: "onnx.ModelProto", folder: Path) -> None:
    """Load of the weights beside a file what shapes are made of, so that they can be inferred."""
    from onnx import TensorProto
    from onnx import external_data_helper as beside

    for tensor in network.graph.initializer:
        if beside.uses_external_data(tensor) and math.prod(tensor.dims) <= _SMALL:
            beside.load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]


def _types(graph: "onnx.GraphProto") -> dict[str, tuple[int, int]]:
    """Return type and number of dimensions of every tensor, as far as ONNX infers them."""
    told = {t.name: (t.data_type, len(t.dims)) for t in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        if tensor.HasField("shape"):
            told[value.name] = tensor.elem_type, len(tensor.shape.dim)
    return told


def _is_volume(node: "onnx.NodeProto", types: dict[str, tuple[int, int]]) -> bool:
    ranks = [types[name][1] for name in (*node.input, *node.output) if name in types]
    return node.op_type == "GridSample" and bool(ranks) and max(ranks) == 5


def _flat(node: "onnx.NodeProto", types: dict[str, tuple[int, int]], model: str) -> VolumeRewrite:
    """Return depth folded into channels, one sample at (x, y), and a weighted sum over depth."""
    from onnx import helper

    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    mode, edges = given.get("mode", b"linear").decode(), given.get("padding_mode", b"zeros").decode()
    if mode == "cubic" or edges == "reflection" or node.input[1] not in types:
        raise ModelRefused(
            f"{model}: TensorRT has no GridSample over volumes that is {mode} with {edges} edges"
        )
    data, grid = node.input
    patch = VolumeRewrite(f"{node.output[0]}/flat")
    sizes, places = patch.node("Shape", data), patch.node("Shape", grid)

    def some(of: str, *picked: int) -> str:
        return patch.node("Gather", of, patch.constant(picked), axis=0)

    def product(of: str, *picked: int) -> str:
        return patch.node("ReduceProd", some(of, *picked), keepdims=1)

    def shaped(tensor: str, *parts: str) -> str:
        return patch.node("Reshape", tensor, patch.node("Concat", *parts, axis=0))

    n, c, d = some(sizes, 0), some(sizes, 1), some(sizes, 2)
    rows, columns, every = product(places, 1, 2), some(places, 3), product(places, 1, 2, 3)
    one, two = patch.constant([1]), patch.constant([2])
    picture = shaped(data, n, product(sizes, 1, 2), some(sizes, 3, 4))
    xy = shaped(_part(patch, grid, 0, 2), n, rows, columns, two)
    flat = patch.node("GridSample", picture, xy, **given)
    layers = shaped(flat, n, c, d, every)
    z = shaped(_part(patch, grid, 2, 3), n, one, one, every)
    weights = _weights(patch, z, d, given.get("align_corners", 0), mode, edges, types[grid][0])
    if types.get(data, types[grid])[0] != types[grid][0]:
        weights = patch.node("CastLike", weights, layers)
    total = patch.node("ReduceSum", patch.node("Mul", layers, weights), two, keepdims=0)
    end = patch.node("Concat", n, c, some(places, 1, 2, 3), axis=0)
    patch.node("Reshape", total, end, output=node.output[0])
    return patch


def _part(patch: VolumeRewrite, grid: str, start: int, stop: int) -> str:
    return patch.node("Slice", grid, *(patch.constant([x]) for x in (start, stop, -1)))


def _weights(patch: VolumeRewrite, z: str, depth: str, corners: int, mode: str, edges: str, kind: int) -> str:
    """Return how much of each layer [1, 1, D, 1] belongs to the places ``z`` [N, 1, 1, P], in -1..1."""
    from onnx import helper

    dtype = helper.tensor_dtype_to_np_dtype(kind)
    half, unit, zero = (patch.constant(value, dtype) for value in (0.5, 1, 0))
    count = patch.node("Cast", depth, to=kind)
    last = patch.node("Sub", count, unit)
    shifted = patch.node("Mul", patch.node("Add", z, unit), half)
    if corners:
        place = patch.node("Mul", shifted, last)
    else:
        place = patch.node("Sub", patch.node("Mul", shifted, count), half)
    if edges == "border":
        place = patch.node("Min", patch.node("Max", place, zero), last)
    if mode == "nearest":
        place = patch.node("Round", place)
    scalar = patch.node("Squeeze", depth, patch.constant([0]))
    layers = patch.node("Range", patch.constant(0), scalar, patch.constant(1))
    axis = patch.node("Reshape", patch.node("Cast", layers, to=kind), patch.constant([1, 1, -1, 1]))
    away = patch.node("Abs", patch.node("Sub", place, axis))
    return patch.node("Relu", patch.node("Sub", unit, away))
