"""Reading, tidying and writing ONNX graphs, and the element types of their tensors."""

import math
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visard.engines.errors import ModelRefused

if TYPE_CHECKING:
    import onnx

FLOAT = 1
"""ONNX's number for fp32."""
LARGE = 1_800_000_000
"""Bytes from which weights go into a file of their own: protobuf ends at 2 GB."""


def read(path: Path) -> "onnx.ModelProto":
    """Return a network with its weights, tidied; raise ModelRefused when it is no ONNX file or incomplete."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path)
    except (DecodeError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelRefused(f"{path.name} is no ONNX file: {error}") from error
    except OSError as error:
        raise ModelRefused(f"{path.name} or the file with its weights cannot be read: {error}") from error
    if not model.graph.node:
        raise ModelRefused(f"{path.name} has no layers; it is no ONNX file, or an empty one")
    return tidy(model)


def in_parts(path: Path) -> bool:
    """Return whether a network's weights are in files of their own; raise ModelRefused when it is no ONNX."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnx.external_data_helper import uses_external_data

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except (DecodeError, OSError, ValueError) as error:
        raise ModelRefused(f"{path.name} is no ONNX file: {error}") from error
    return any(map(uses_external_data, graph.initializer))


def tidy(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Write functions out, give every node a name of its own, and make constants initializers."""
    from onnx import inliner

    if model.functions:
        model = inliner.inline_local_functions(model)
    _modernise(model)
    _name(model.graph)
    _gather_constants(model.graph)
    _fold(model)
    return model


def _modernise(model: "onnx.ModelProto") -> None:
    """Weights are no inputs: until the format's third version they were, later they may be."""
    model.ir_version = max(4, model.ir_version)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def _name(graph: "onnx.GraphProto") -> None:
    taken: set[str] = set()
    for number, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{number}"
            while node.name in taken:
                node.name += "_"
        taken.add(node.name)


def _gather_constants(graph: "onnx.GraphProto") -> None:
    """Constants of type tensor become initializers, where weights are looked for."""
    outputs = {value.name for value in graph.output}
    rest = []
    for node in graph.node:
        tensor = _constant(node) if node.op_type == "Constant" else None
        if tensor is not None and node.output[0] not in outputs:
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
        else:
            rest.append(node)
    del graph.node[:]
    graph.node.extend(rest)


def _constant(node: "onnx.NodeProto") -> "onnx.TensorProto | None":
    """Return the value of a Constant as a tensor; texts and sparse ones have none."""
    import numpy as np
    from onnx import helper, numpy_helper

    (attribute,) = node.attribute
    if attribute.name == "value":
        tensor: onnx.TensorProto = attribute.t
        return tensor
    if attribute.name not in _PLAIN_CONSTANTS:
        return None
    value = np.asarray(helper.get_attribute_value(attribute), _PLAIN_CONSTANTS[attribute.name])
    return numpy_helper.from_array(value)


_PLAIN_CONSTANTS = {
    "value_float": "float32",
    "value_floats": "float32",
    "value_int": "int64",
    "value_ints": "int64",
}
_FOLDED = frozenset({"Cast", "Identity", "Transpose", "Squeeze", "Unsqueeze"})
"""What exporters put between a layer and its weights, above all to store these in half precision."""


def _fold(model: "onnx.ModelProto") -> None:
    """Do at once what is done to weights alone, so that layers have their weights at hand."""
    import numpy as np
    from onnx import ValueInfoProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    fixed = {value.name for value in (*graph.output, *graph.input)}
    rest = []
    for node in graph.node:
        known = node.op_type in _FOLDED and not node.domain and fixed.isdisjoint((*node.input, *node.output))
        if not known or any(name not in weights for name in node.input):
            rest.append(node)
            continue
        inputs = [helper.make_tensor_value_info(n, weights[n].data_type, weights[n].dims) for n in node.input]
        outputs = [ValueInfoProto(name=node.output[0])]
        alone = helper.make_model(helper.make_graph([node], "fold", inputs, outputs))
        alone.opset_import[0].version = opset(model)
        values = {name: numpy_helper.to_array(weights[name]) for name in node.input}
        (result,) = ReferenceEvaluator(alone).run(None, values)
        weights[node.output[0]] = numpy_helper.from_array(np.asarray(result), node.output[0])
    if len(rest) < len(graph.node):
        del graph.node[:], graph.initializer[:]
        graph.node.extend(rest)
        read = reads(graph)
        graph.initializer.extend(tensor for name, tensor in weights.items() if name in read)


def opset(model: "onnx.ModelProto") -> int:
    """Return the version of the standard operators."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)


def schema(node: "onnx.NodeProto", version: int) -> Any:
    """Return an operator's schema, or None when the standard does not know it."""
    import onnx

    if node.domain not in ("", "ai.onnx"):
        return None
    try:
        return onnx.defs.get_schema(node.op_type, version, "")
    except onnx.defs.SchemaError:
        return None


def subgraphs(node: "onnx.NodeProto") -> Iterator["onnx.GraphProto"]:
    """Give the graphs inside a node: branches and bodies of loops."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def unused(model: "onnx.ModelProto", ending: str) -> str:
    """Return an ending, this one or a longer, that no name of the outer graph has."""
    graph = model.graph
    made = {name for node in graph.node for name in (node.name, *node.output)}
    made.update(part.name for part in (*graph.input, *graph.initializer))
    while any(name.endswith(ending) for name in made):
        ending += "_"
    return ending


def reads(graph: "onnx.GraphProto") -> set[str]:
    """Return every name that the nodes of a graph and of those inside it read."""
    names = {value.name for value in graph.output}
    for node in graph.node:
        names.update(node.input)
        for inner in subgraphs(node):
            names |= reads(inner)
    return names


def element_types(model: "onnx.ModelProto") -> dict[str, int]:
    """Return the element type of every tensor of the outer graph that inference can tell."""
    inferred = _inferred(model).graph
    known: dict[str, int] = {tensor.name: tensor.data_type for tensor in inferred.initializer}
    for value in (*inferred.value_info, *inferred.input, *inferred.output):
        if value.type.HasField("tensor_type") and value.type.tensor_type.elem_type:
            known[value.name] = value.type.tensor_type.elem_type
    _follow(model, known)
    return known


def _inferred(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Infer shapes and types; weights stay out of it, they may be larger than protobuf takes."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(_without_weights(model))
    try:
        return onnx.shape_inference.infer_shapes(bare)
    except Exception:  # it stops at operators it does not know and sizes that contradict each other
        return bare


def _without_weights(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Return the model with large weights turned into inputs."""
    import onnx
    from onnx import helper

    bare = onnx.ModelProto()
    bare.ir_version = model.ir_version
    bare.opset_import.extend(model.opset_import)
    graph = bare.graph
    graph.name = model.graph.name
    for part in ("node", "input", "output", "value_info"):
        getattr(graph, part).extend(getattr(model.graph, part))
    known = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        if tensor.ByteSize() < 4096:
            graph.initializer.append(tensor)
        elif tensor.name not in known:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return bare


def _follow(model: "onnx.ModelProto", known: dict[str, int]) -> None:
    """Where inference stopped, let an operator's outputs have the type of the inputs they are bound to."""
    version = opset(model)
    for node in model.graph.node:
        if all(name in known or not name for name in node.output) or not (rule := schema(node, version)):
            continue
        bound = {}
        for name, parameter in parameters(node.input, rule.inputs):
            if name in known:
                bound[parameter.type_str] = known[name]
        for name, parameter in parameters(node.output, rule.outputs):
            if name not in known and parameter.type_str in bound:
                known[name] = bound[parameter.type_str]


def parameters(names: Iterable[str], formal: Any) -> Iterator[tuple[str, Any]]:
    """Pair names with the schema's parameters; the last of these may stand for many."""
    for index, name in enumerate(names):
        if name and formal:
            yield name, formal[min(index, len(formal) - 1)]


def write(model: "onnx.ModelProto", into: Path) -> None:
    """Write whole or not at all; large weights go into a file beside it, ``.data``."""
    import onnx

    folder = Path(tempfile.mkdtemp(dir=into.parent, prefix=".writing-"))
    beside = f"{into.name}.data"
    half = folder / into.name
    try:
        large = sum(tensor.ByteSize() for tensor in model.graph.initializer) > LARGE
        onnx.save_model(
            model, half, save_as_external_data=large, location=beside, all_tensors_to_one_file=True
        )
        if large:
            (folder / beside).replace(into.parent / beside)
        half.replace(into)
    finally:
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()


def sizes(model: "onnx.ModelProto") -> dict[str, int]:
    """Return how many elements tensors have, where that is known; a batch left open counts as one."""
    known = {}
    for value in _inferred(model).graph.value_info:
        shape = value.type.tensor_type.shape.dim
        if all(d.HasField("dim_value") or index == 0 for index, d in enumerate(shape)):
            known[value.name] = math.prod(max(1, d.dim_value) for d in shape)
    return known
