"""Which layers count, so that eleven bits are too few for them: sizes, indices and scales of pictures."""

from typing import TYPE_CHECKING

from visard.engines.precision import graph as graphs

if TYPE_CHECKING:
    import onnx

_WHOLE = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
"""ONNX's numbers for whole numbers."""
_PLAIN = frozenset(
    """Abs Add Cast Ceil Clip Concat Div Expand Flatten Floor Gather GatherElements GatherND Identity Max
    Min Mod Mul Neg Reciprocal Reshape Round Slice Split Squeeze Sub Transpose Unsqueeze Where""".split()  # noqa: SIM905
)
"""Arithmetic and moving: cheap, and what sizes and indices are computed with."""


def shape_arithmetic_nodes(model: "onnx.ModelProto", types: dict[str, int]) -> set[str]:
    """Return names of layers of plain arithmetic that lead to whole numbers, or to what must be fp32."""
    makers = {name: node for node in model.graph.node for name in node.output if name}
    version = graphs.opset(model)
    left = [name for node in model.graph.node for name in _counted(node, types, version)]
    seen, found = set(left), set()
    while left:
        node = makers.get(left.pop())
        if node is None or node.op_type not in _PLAIN:
            continue
        found.add(node.name)
        before = [name for name in node.input if types.get(name) == graphs.FLOAT and name not in seen]
        seen.update(before)
        left += before
    return found


def _counted(node: "onnx.NodeProto", types: dict[str, int], version: int) -> list[str]:
    """Return inputs and outputs of a node that something is counted with."""
    if node.op_type == "Cast" and types.get(node.output[0]) in _WHOLE:
        return [*node.output, *node.input]
    if node.op_type == "Range":
        return list(node.input)
    rule = graphs.schema(node, version)
    formal = graphs.parameters(node.input, rule.inputs) if rule else ()
    return [name for name, parameter in formal if parameter.type_str == "tensor(float)"]
