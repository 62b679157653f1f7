"""The morph of AMP models: channels of one identity up to some number, of the other from there on.

In the file that number is computed from ``morph_value`` and two slices are cut at it and joined. TensorRT
builds no slices whose size depends on data. A mask of zeros and ones chooses the same channels exactly, in
every precision, and may change from frame to frame.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from visard.engines.errors import ModelRefused

if TYPE_CHECKING:
    import onnx

MASK = "morph_mask"
"""What takes the place of ``morph_value``: float32 [1, C, 1, 1], 1 for the celebrity's channels, 0 else."""
_PROBES = 0.0, 0.1, 0.3, 0.5, 0.75, 0.999, 1.0
_CONTROL = {"Add", "Cast", "Concat", "Equal", "Floor", "Gather", "Identity", "Mul", "Reshape", "Slice",
            "Squeeze", "Sub", "Unsqueeze", "Where"}  # fmt: skip
"""What the place of the cut may be computed with; a file of unknown origin runs nothing else here."""
_SMALL = 4096
"""Numbers up to which a weight may have a part in finding out shapes."""


def morph_mask(channels: int, morph: float) -> npt.NDArray[np.float32]:
    """Return MASK for a morph factor 0..1: TensorFlow cuts the fp32 product down to a whole number."""
    first = int(np.float32(channels) * np.float32(morph))
    return (np.arange(channels) < first).astype(np.float32).reshape(1, channels, 1, 1)


@dataclass(frozen=True, slots=True)
class _Split:
    """The part of a graph that ``morph_value`` controls."""

    control: list["onnx.NodeProto"]
    """Computes where to cut."""
    cuts: list["onnx.NodeProto"]
    joins: list["onnx.NodeProto"]
    ends: tuple[str, str]
    """The tensors that are cut: the celebrity's, the driver's own."""


def unsplit(name: str, model: "onnx.ModelProto") -> None:
    """Replace the split by a mask, in place.

    Raises ModelRefused when the split is not the known one, which is tried out on numbers.
    """
    graph = model.graph
    split = _find(graph)
    shape = _shape(model, split.ends) if split else None
    if split is None or shape is None or not _is_exact(model, split, shape):
        raise ModelRefused(
            f"{name} uses morph_value in a way that is not known here; "
            "expected is a split of two tensors at a channel, as DeepFaceLab's AMP exporter writes it"
        )
    _replace(graph, split, shape[1])


def _find(graph: "onnx.GraphProto") -> _Split | None:
    morph = graph.input[1].name
    fixed = {"", *(tensor.name for tensor in graph.initializer)}
    fixed.update(node.output[0] for node in graph.node if node.op_type == "Constant")
    steered, control, cuts = {morph}, [], []
    for node in graph.node:
        if steered.isdisjoint(node.input):
            continue
        if steered.union(fixed).issuperset(node.input):
            control.append(node)
            steered.update(node.output)
        else:
            cuts.append(node)
    pieces = {output for node in cuts for output in node.output}
    joins = [node for node in graph.node if not pieces.isdisjoint(node.input)]
    ends = tuple(dict.fromkeys(node.input[0] for node in cuts))
    known = (
        {node.op_type for node in control} <= _CONTROL
        and {node.op_type for node in cuts} <= {"Slice", "Split"}
        and {node.op_type for node in joins} == {"Concat"}
        and all(pieces.issuperset(node.input) for node in joins)
        and not steered.union(pieces).intersection(value.name for value in graph.output)
    )
    if not known or len(ends) != 2:
        return None
    first = next(node.input[0] for node in cuts if joins[0].input[0] in node.output)
    return _Split(control, cuts, joins, ends if ends[0] == first else ends[::-1])


def _shape(model: "onnx.ModelProto", names: tuple[str, str]) -> tuple[int, int, int, int] | None:
    """Return the shape that both tensors have, [1, C, H, W], or None; weights are not copied for that."""
    from onnx import TensorProto, helper, shape_inference

    graph = model.graph
    small = [tensor for tensor in graph.initializer if np.prod(tensor.dims) <= _SMALL]
    large = [tensor for tensor in graph.initializer if np.prod(tensor.dims) > _SMALL]
    inputs = [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in large]
    light = helper.make_graph(graph.node, "shapes", [*graph.input, *inputs], graph.output, small)
    inferred = shape_inference.infer_shapes(helper.make_model(light, opset_imports=model.opset_import))
    found = {value.name: value.type.tensor_type for value in inferred.graph.value_info}
    kinds = [found[name] for name in names if name in found]
    shapes = {tuple(dim.dim_value for dim in kind.shape.dim) for kind in kinds}
    if len(kinds) != 2 or len(shapes) != 1 or {kind.elem_type for kind in kinds} != {TensorProto.FLOAT}:
        return None
    shape = shapes.pop()
    return (
        (shape[0], shape[1], shape[2], shape[3]) if len(shape) == 4 and shape[0] == 1 and all(shape) else None
    )


def _is_exact(model: "onnx.ModelProto", split: _Split, shape: tuple[int, int, int, int]) -> bool:
    """Whether the split and the mask choose the same of any two tensors."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    graph, (first, second) = model.graph, split.ends
    nodes = [node for node in graph.node if node in split.control + split.cuts + split.joins]
    used = {name for node in nodes for name in node.input}
    constants = [node for node in graph.node if node.op_type == "Constant" and used & set(node.output)]
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    ports = [helper.make_tensor_value_info(end, TensorProto.FLOAT, shape) for end in split.ends]
    outputs = [helper.make_empty_tensor_value_info(node.output[0]) for node in split.joins]
    part = helper.make_graph([*constants, *nodes], "split", [graph.input[1], *ports], outputs, weights)
    run = ReferenceEvaluator(helper.make_model(part, opset_imports=model.opset_import)).run
    one = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)
    try:
        for morph in _PROBES:
            given = {graph.input[1].name: np.array([morph], np.float32), first: one, second: -one}
            wanted = np.where(morph_mask(shape[1], morph), one, -one)
            if not all(np.array_equal(made, wanted) for made in run(None, given)):
                return False
    except Exception:  # it may fail in any way on what it does not know
        return False
    return True


def _replace(graph: "onnx.GraphProto", split: _Split, channels: int) -> None:
    from onnx import TensorProto, helper, numpy_helper

    ours, theirs = f"{MASK}/celebrity", f"{MASK}/driver"
    for number, join in enumerate(split.joins):
        index = list(graph.node).index(join)
        a, b, rest = (f"{part}/{number}" for part in (ours, theirs, f"{MASK}/rest"))
        nodes = [
            helper.make_node("Sub", [f"{MASK}/one", MASK], [rest], rest),
            helper.make_node("Mul", [split.ends[0], MASK], [a], a),
            helper.make_node("Mul", [split.ends[1], rest], [b], b),
            helper.make_node("Add", [a, b], [join.output[0]], f"{MASK}/choice/{number}"),
        ]
        for node in reversed(nodes):
            graph.node.insert(index, node)
    for node in [*split.control, *split.cuts, *split.joins]:
        graph.node.remove(node)
    graph.initializer.append(numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), f"{MASK}/one"))
    graph.input[1].CopyFrom(helper.make_tensor_value_info(MASK, TensorProto.FLOAT, [1, channels, 1, 1]))
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
