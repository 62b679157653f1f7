"""What a graph in half precision computes, shown in fp32 by rounding every number that would be half.

ONNX Runtime's processor provider runs half precision in fp32 and leaves casts out where it can, so a number
too large for fp16 passes unseen; bf16 it mostly refuses. Here every layer computes in fp32 and its
results are rounded to what half precision can hold: sums are better than on some GPUs, overflow is real.
"""

from typing import TYPE_CHECKING

from visard.engines.precision import graph as graphs
from visard.engines.precision.half import BFLOAT16, FLOAT, FLOAT16

if TYPE_CHECKING:
    import onnx

_HALVES = (FLOAT16, BFLOAT16)


def emulate_half(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Return a model that computes in fp32 and rounds to half; one without halves is returned as it is."""
    import onnx

    types = graphs.element_types(model)
    halves = {name: kind for name, kind in types.items() if kind in _HALVES}
    if not halves:
        return model
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    del graph.value_info[:], graph.node[:]
    ending = graphs.unused(model, "__exact")
    for node in model.graph.node:
        graph.node.extend(_shown(node, halves, ending))
    for tensor in graph.initializer:
        if tensor.data_type in _HALVES:
            tensor.CopyFrom(_full(tensor))
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in _HALVES:
            value.type.tensor_type.elem_type = FLOAT
    return result


def _shown(node: "onnx.NodeProto", halves: dict[str, int], ending: str) -> list["onnx.NodeProto"]:
    import onnx
    from onnx import helper

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for attribute in copy.attribute:
        if attribute.name in ("to", "dtype") and attribute.i in _HALVES:
            attribute.i = FLOAT
        elif attribute.HasField("t") and attribute.t.data_type in _HALVES:
            attribute.t.CopyFrom(_full(attribute.t))
    after = []
    for index, name in enumerate(node.output):
        if kind := halves.get(name):
            copy.output[index], short = name + ending, f"{name}__short{ending}"
            after.append(helper.make_node("Cast", [copy.output[index]], [short], f"{short}__cast", to=kind))
            after.append(helper.make_node("Cast", [short], [name], f"{short}__back", to=FLOAT))
    return [copy, *after]


def _full(tensor: "onnx.TensorProto") -> "onnx.TensorProto":
    import numpy as np
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray(numpy_helper.to_array(tensor), np.float32), tensor.name)
