"""fp16 and bf16 written into a graph, with the layers that need it left in fp32.

Which inputs and outputs of an operator may be half is read from ONNX's own schemas. Graph inputs and outputs
stay as they are.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from visard.engines.precision import graph as graphs
from visard.engines.precision.shape_arithmetic import shape_arithmetic_nodes

if TYPE_CHECKING:
    import onnx

FLOAT, FLOAT16, BFLOAT16 = graphs.FLOAT, 10, 16
"""ONNX's numbers for element types."""
NAMES = {FLOAT16: "tensor(float16)", BFLOAT16: "tensor(bfloat16)"}
LARGEST = {FLOAT16: 65504.0, BFLOAT16: 3.38e38}
LOSS = {FLOAT16: 0.01, BFLOAT16: 0.05}
"""Relative error of rounded weights from which a layer stays in fp32: most of them vanish or overflow."""
_TYPED = frozenset({"to", "dtype"})
"""Attributes that say an output's type."""
_EXACT = {
    *("Range", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Bernoulli", "Multinomial"),
    *("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"),
}
"""Operators that stay in fp32: counting, the borders of int8, and chance."""
_STAY = {FLOAT16: _EXACT, BFLOAT16: _EXACT | {"ConvTranspose"}}
"""TensorRT for RTX 1.7 has no ConvTranspose in bf16."""


@dataclass(slots=True)
class HalfGraph:
    """A converted graph and what there is to say about it."""

    model: "onnx.ModelProto"
    fp32_nodes: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """Which of a node's inputs and outputs become half."""

    inputs: frozenset[int]
    outputs: frozenset[int]


def convert_to_half(model: "onnx.ModelProto", half: int, fp32_nodes: Collection[str] = ()) -> HalfGraph:
    """Return a tidied fp32 model in half precision; nodes named in ``fp32_nodes`` stay in fp32."""
    return _HalfConversion(model, half, frozenset(fp32_nodes)).run()


@dataclass(slots=True)
class _HalfConversion:
    source: "onnx.ModelProto"
    half: int
    asked: frozenset[str]
    reasons: list[str] = field(default_factory=list)
    """Why layers stay in fp32 whose weights cannot be half."""
    fp32_nodes: list[str] = field(default_factory=list)
    nodes: list["onnx.NodeProto"] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    exact: set[str] = field(default_factory=set)
    short: str = ""
    """What the name of a tensor ends in that is half beside one in fp32."""
    long: str = ""
    """The same the other way round."""
    weights: dict[str, "onnx.TensorProto"] = field(default_factory=dict)
    halves: dict[str, str] = field(default_factory=dict)
    """Names of tensors in half precision, by their name in the source."""
    fulls: dict[str, str] = field(default_factory=dict)
    """Names of those in fp32 that the source had and that are half now, once somebody needed them."""
    made: dict[str, "onnx.TensorProto"] = field(default_factory=dict)
    """Weights in half precision."""

    def run(self) -> HalfGraph:
        graph = self.source.graph
        self.types = graphs.element_types(self.source)
        self.exact = shape_arithmetic_nodes(self.source, self.types)
        self.short, self.long = (graphs.unused(self.source, ending) for ending in ("__half", "__full"))
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        inner = [graphs.reads(g) for node in graph.node for g in graphs.subgraphs(node)]
        fixed = {value.name for value in graph.output}.union(*inner)  # names that others know tensors by
        for node in graph.node:
            role = self._role(node)
            self._write(node, role, fixed)
        return HalfGraph(self._model(), tuple(self.fp32_nodes), self._notes())

    def _notes(self) -> tuple[str, ...]:
        if not self.reasons:
            return ()
        more = f", and {len(self.reasons) - 1} more like it" if len(self.reasons) > 1 else ""
        return (f"stays in fp32: {self.reasons[0]}{more}",)

    def _role(self, node: "onnx.NodeProto") -> Role | None:
        """Return what becomes half in a node, or None when it stays as it is."""
        role = self._allowed(node)
        if role is None:
            return None
        if node.name in self.asked:
            self.fp32_nodes.append(node.name)
            return None
        if reason := self._lossy(node, role):
            self.reasons.append(f"{node.name} {reason}")
            self.fp32_nodes.append(node.name)
            return None
        return role

    def _allowed(self, node: "onnx.NodeProto") -> Role | None:
        rule = graphs.schema(node, graphs.opset(self.source))
        if rule is None or node.op_type in _STAY[self.half] or any(graphs.subgraphs(node)):
            return None
        if node.name in self.exact or any(name and name not in self.types for name in node.input):
            return None  # what is of no known type may be of any
        makes = {name: self.types.get(name) for name in node.output if name}
        if None in makes.values() or (node.op_type == "Cast" and FLOAT not in makes.values()):
            return None  # indices and the like are worth their exactness
        name = NAMES[self.half]
        takes = {p.type_param_str for p in rule.type_constraints if name in p.allowed_type_strs}
        roles = []
        for names, formal in ((node.input, rule.inputs), (node.output, rule.outputs)):
            chosen = set()
            for index, tensor in enumerate(names):
                if not tensor or not formal or self.types.get(tensor) != FLOAT:
                    continue
                parameter = formal[min(index, len(formal) - 1)]
                if parameter.type_str in takes:
                    chosen.add(index)
                elif names is node.input and parameter.type_str == "tensor(float)":
                    continue  # such as the scales of Resize
                else:
                    return None
            roles.append(frozenset(chosen))
        role = Role(*roles)
        return role if role.inputs or role.outputs else None

    def _lossy(self, node: "onnx.NodeProto", role: Role) -> str:
        """Return why a node's weights cannot be half, if so."""
        for index in role.inputs:
            tensor = self.weights.get(node.input[index])
            if tensor is None:
                continue
            values = _values(tensor)
            if not values.size or not np.isfinite(values).all():
                continue
            largest = float(np.abs(values).max())
            if largest > LARGEST[self.half]:
                return f"with weights up to {largest:.3g}"
            lost = float(np.linalg.norm(values - rounded(values, self.half)))
            if lost > LOSS[self.half] * float(np.linalg.norm(values)):
                return f"with weights too small, {largest:.3g} at most"
        return ""

    def _write(self, node: "onnx.NodeProto", role: Role | None, fixed: set[str]) -> None:
        import onnx

        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for index, name in enumerate(node.input):
            copy.input[index] = self._as_half(name) if role and index in role.inputs else self._as_full(name)
        late = []
        for index, name in enumerate(node.output):
            if role and index in role.outputs:
                copy.output[index] = self.halves[name] = name + self.short if name in fixed else name
                late += [name] if name in fixed else []
        if role:
            self._retype(copy)
        self.nodes.append(copy)
        for name in late:
            self.fulls[name] = name
            self._cast(self.halves[name], name, FLOAT)

    def _retype(self, node: "onnx.NodeProto") -> None:
        """Let attributes that say the output's type, or are its value, say half."""
        for attribute in node.attribute:
            if attribute.name in _TYPED and attribute.i == FLOAT:
                attribute.i = self.half
            elif node.op_type == "ConstantOfShape" and attribute.name == "value":
                attribute.t.CopyFrom(_tensor(_values(attribute.t), "value", self.half))

    def _as_half(self, name: str) -> str:
        if name in self.halves:
            return self.halves[name]
        target = self.halves[name] = name + self.short
        if name in self.weights:
            self.made[name] = _tensor(_values(self.weights[name]), target, self.half)
        else:
            self._cast(name, target, self.half)
        return target

    def _as_full(self, name: str) -> str:
        if name not in self.halves or name in self.weights or self.halves[name] != name:
            return name
        if name not in self.fulls:
            self.fulls[name] = name + self.long
            self._cast(name, self.fulls[name], FLOAT)
        return self.fulls[name]

    def _cast(self, source: str, target: str, to: int) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node("Cast", [source], [target], f"{target}__cast", to=to))

    def _model(self) -> "onnx.ModelProto":
        import onnx

        result = onnx.ModelProto()
        for part in (
            "ir_version",
            "producer_name",
            "producer_version",
            "domain",
            "model_version",
            "doc_string",
        ):
            setattr(result, part, getattr(self.source, part))
        result.opset_import.extend(self.source.opset_import)
        result.metadata_props.extend(self.source.metadata_props)
        graph, source = result.graph, self.source.graph
        graph.name = source.name
        graph.node.extend(self.nodes)
        graph.input.extend(value for value in source.input if value.name not in self.weights)
        graph.output.extend(source.output)
        read = graphs.reads(graph)
        graph.initializer.extend(t for name, t in self.weights.items() if name in read)
        graph.initializer.extend(self.made.values())
        graph.sparse_initializer.extend(source.sparse_initializer)
        graph.value_info.extend(self._typed())
        return result

    def _typed(self) -> Iterator["onnx.ValueInfoProto"]:
        """Tell the type of what is half now: not every reader can infer it for bf16."""
        from onnx import helper

        for name, half in self.halves.items():
            if name not in self.weights:
                yield helper.make_tensor_value_info(half, self.half, None)


def _values(tensor: "onnx.TensorProto") -> npt.NDArray[np.float32]:
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor), np.float32)


def rounded(values: npt.NDArray[np.float32], half: int) -> npt.NDArray[np.float32]:
    """Return values as they come back from half precision."""
    with np.errstate(over="ignore"):
        return np.asarray(values.astype(_dtype(half)), np.float32)


def _dtype(half: int) -> np.dtype[np.generic]:
    from onnx import helper

    return np.dtype(helper.tensor_dtype_to_np_dtype(half))


def _tensor(values: npt.NDArray[np.float32], name: str, half: int) -> "onnx.TensorProto":
    from onnx import numpy_helper

    with np.errstate(over="ignore"):
        return numpy_helper.from_array(values.astype(_dtype(half)), name)
