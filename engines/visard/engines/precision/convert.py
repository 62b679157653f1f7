"""A network in, the same in another precision out."""

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visard.engines.accuracy import LIMITS
from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Precision, Progress, Report, Samples
from visard.engines.precision import graph as graphs
from visard.engines.precision.declared import declared_fp32
from visard.engines.precision.fp32_search import search_fp32_nodes
from visard.engines.precision.half import BFLOAT16, FLOAT, FLOAT16, LARGEST, convert_to_half

if TYPE_CHECKING:
    import onnx

NEWEST_BF16 = 22
"""The operators' version in which nearly all know bf16."""


@dataclass(frozen=True, slots=True)
class ConvertedNetwork:
    """A network with a precision in its graph."""

    path: Path
    precision: Precision
    fp32_nodes: tuple[str, ...] = ()
    """Layers that stayed in fp32."""
    notes: tuple[str, ...] = ()
    """What somebody who wonders about speed or accuracy should know."""


@dataclass(frozen=True, slots=True)
class _Conversion:
    model: "onnx.ModelProto"
    samples: Samples | None
    report: Report
    fp32_nodes: Collection[str]


def convert_precision(
    model: Path,
    precision: Precision,
    into: Path,
    *,
    samples: Samples | None,
    report: Report,
    fp32_nodes: Collection[str] = (),
) -> ConvertedNetwork:
    """Write ``model`` to ``into`` with a precision in its graph; ``fp32_nodes`` are layers to leave in fp32,
    beside those that the network declares.

    Inputs and outputs keep their types. Raises ModelRefused when it cannot be converted, or not without harm.
    """
    report(Progress("reading", 0.0))
    if precision is Precision.fp32:
        return _as_it_is(model, precision, into, "")
    source = graphs.read(model)
    if reason := _done(source):
        return _as_it_is(model, precision, into, reason)
    task = _Conversion(source, samples, report, {*fp32_nodes, *declared_fp32(source)})
    made, kept, notes = _CONVERTERS[precision](task)
    report(Progress("writing", 0.9))
    graphs.write(made, into)
    report(Progress("written", 1.0))
    said = (
        f"{len(kept)} of {len(source.graph.node)} layers stay in fp32: {', '.join(kept[:8])}" if kept else ""
    )
    return ConvertedNetwork(into, precision, tuple(kept), (*notes, *filter(None, [said])))


def _as_it_is(model: Path, precision: Precision, into: Path, note: str) -> ConvertedNetwork:
    if model.resolve() != into.resolve():
        if graphs.in_parts(model):
            graphs.write(graphs.read(model), into)
        else:
            beside = into.with_name(f".{into.name}.writing")
            shutil.copyfile(model, beside)
            beside.replace(into)
    return ConvertedNetwork(into, precision, (), (note,) if note else ())


def _done(model: "onnx.ModelProto") -> str:
    """Return why a network is left as it is, if so."""
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node):
        return "it has int8 in its graph already and is left as it is"
    types = graphs.element_types(model)
    made = [types.get(name) for node in model.graph.node if node.op_type != "Cast" for name in node.output]
    if made.count(FLOAT16) + made.count(BFLOAT16) > made.count(FLOAT):
        return "it is in half precision already and is left as it is"
    return ""


_Made = tuple["onnx.ModelProto", tuple[str, ...], tuple[str, ...]]


def _half(kind: int) -> Callable[[_Conversion], _Made]:
    def converter(task: _Conversion) -> _Made:
        model = _raised(task.model) if kind == BFLOAT16 else task.model
        task.report(Progress("converting", 0.3))
        made = convert_to_half(model, kind, task.fp32_nodes)
        _sensible(made.model, kind)
        return made.model, made.fp32_nodes, made.notes

    return converter


def _mixed(task: _Conversion) -> _Made:
    if not task.samples:
        raise ModelRefused("mixed precision is found by trying: give samples of its inputs")
    notes: tuple[str, ...] = ()

    def attempt(fp32_nodes: Collection[str]) -> "onnx.ModelProto":
        nonlocal notes
        made = convert_to_half(task.model, FLOAT16, fp32_nodes)
        _sensible(made.model, FLOAT16)
        notes = made.notes
        return made.model

    found = search_fp32_nodes(
        task.model, attempt, task.samples, LIMITS[Precision.mixed], task.report,
        asked=task.fp32_nodes, largest=LARGEST[FLOAT16],
    )  # fmt: skip
    return found.model, found.fp32_nodes, notes


def _sensible(model: "onnx.ModelProto", kind: int) -> None:
    """Refuse what came out without a single layer in half precision."""
    computing = [node for node in model.graph.node if node.op_type != "Cast"]
    types = graphs.element_types(model)
    if not any(types.get(name) == kind for node in computing for name in node.output):
        raise ModelRefused("no layer of it can compute in half precision")


def _raised(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Return the model with operators that know bf16 where that is possible; the rest stay in fp32."""
    from onnx import version_converter

    if graphs.opset(model) >= NEWEST_BF16 - 9 and not _lacking(model):
        return model
    try:
        return graphs.tidy(version_converter.convert_version(model, NEWEST_BF16))
    except Exception:  # it raises RuntimeError and its own; without it more layers stay in fp32
        return model


def _lacking(model: "onnx.ModelProto") -> bool:
    version = graphs.opset(model)
    rules = [graphs.schema(node, version) for node in model.graph.node]
    allowed = [{t for c in rule.type_constraints for t in c.allowed_type_strs} for rule in rules if rule]
    return any("tensor(float16)" in types and "tensor(bfloat16)" not in types for types in allowed)


_CONVERTERS: dict[Precision, Callable[[_Conversion], _Made]] = {
    Precision.fp16: _half(FLOAT16),
    Precision.bf16: _half(BFLOAT16),
    Precision.mixed: _mixed,
}
