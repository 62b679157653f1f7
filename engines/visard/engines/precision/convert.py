"""The one door to the converters: a network in, the same in another precision out."""

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visard.engines.accuracy import LIMITS
from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Precision, Progress, Report, Samples
from visard.engines.precision import graph as graphs
from visard.engines.precision.fp32_search import settle
from visard.engines.precision.half import BFLOAT16, FLOAT, FLOAT16, LARGEST, convert
from visard.engines.precision.quantise import Quantiser

if TYPE_CHECKING:
    import onnx

NEWEST_BF16 = 22
"""The operators' version in which nearly all know bf16."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A network with a precision in its graph."""

    path: Path
    precision: Precision
    islands: tuple[str, ...] = ()
    """Layers that stayed in fp32."""
    notes: tuple[str, ...] = ()
    """What somebody who wonders about speed or accuracy should know."""


@dataclass(frozen=True, slots=True)
class _Task:
    model: "onnx.ModelProto"
    samples: Samples | None
    report: Report
    islands: Collection[str]


def prepare(
    model: Path,
    precision: Precision,
    into: Path,
    *,
    samples: Samples | None,
    report: Report,
    islands: Collection[str] = (),
) -> Prepared:
    """Write ``model`` to ``into`` with a precision in its graph; ``islands`` are layers to leave in fp32.

    Inputs and outputs keep their types. Raises ModelRefused when it cannot be converted, or not without harm.
    """
    report(Progress("reading", 0.0))
    if precision is Precision.fp32:
        return _as_it_is(model, precision, into, "")
    source = graphs.read(model)
    if reason := _done(source):
        return _as_it_is(model, precision, into, reason)
    task = _Task(source, samples, report, islands)
    made, kept, notes = _WAYS[precision](task)
    report(Progress("writing", 0.9))
    graphs.write(made, into)
    report(Progress("written", 1.0))
    said = (
        f"{len(kept)} of {len(source.graph.node)} layers stay in fp32: {', '.join(kept[:8])}" if kept else ""
    )
    return Prepared(into, precision, tuple(kept), (*notes, *filter(None, [said])))


def _as_it_is(model: Path, precision: Precision, into: Path, note: str) -> Prepared:
    if model.resolve() != into.resolve():
        if graphs.in_parts(model):
            graphs.write(graphs.read(model), into)
        else:
            beside = into.with_name(f".{into.name}.writing")
            shutil.copyfile(model, beside)
            beside.replace(into)
    return Prepared(into, precision, (), (note,) if note else ())


def _done(model: "onnx.ModelProto") -> str:
    """Return why a network is left as it is, if so."""
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node):
        return "it has int8 in its graph already and is left as it is"
    types = graphs.element_types(model)
    made = [types.get(name) for node in model.graph.node if node.op_type != "Cast" for name in node.output]
    if made.count(FLOAT16) + made.count(BFLOAT16) > made.count(FLOAT):
        return "it is in half precision already and is left as it is"
    return ""


Made = tuple["onnx.ModelProto", tuple[str, ...], tuple[str, ...]]


def _half(kind: int) -> Callable[[_Task], Made]:
    def way(task: _Task) -> Made:
        model = _raised(task.model) if kind == BFLOAT16 else task.model
        task.report(Progress("converting", 0.3))
        made = convert(model, kind, task.islands)
        _sensible(made.model, kind)
        return made.model, made.islands, made.notes

    return way


def _mixed(task: _Task) -> Made:
    if not task.samples:
        raise ModelRefused("mixed precision is found by trying: give samples of its inputs")
    notes: tuple[str, ...] = ()

    def attempt(islands: Collection[str]) -> "onnx.ModelProto":
        nonlocal notes
        made = convert(task.model, FLOAT16, islands)
        _sensible(made.model, FLOAT16)
        notes = made.notes
        return made.model

    found = settle(
        task.model, attempt, task.samples, LIMITS[Precision.mixed], task.report,
        asked=task.islands, largest=LARGEST[FLOAT16],
    )  # fmt: skip
    return found.model, found.islands, notes


def _int8(task: _Task) -> Made:
    if not task.samples:
        raise ModelRefused("int8 is fitted to samples of its inputs: give a clip, pictures or an .npz file")
    quantiser = Quantiser(task.model, task.samples)
    limits = LIMITS[Precision.int8]
    asked = {*task.islands, *(quantiser.last if len(quantiser.layers) > len(quantiser.last) else ())}
    found = settle(
        task.model, quantiser.convert, task.samples, limits, task.report, asked=asked, among=quantiser.layers
    )
    left = quantiser.layers - set(found.islands)
    if not left:
        raise ModelRefused("no layer of it keeps its results in int8")
    note = f"{len(left)} of {len(quantiser.layers)} layers with weights compute in int8"
    return found.model, tuple(i for i in found.islands if i in quantiser.layers), (note,)


def _sensible(model: "onnx.ModelProto", kind: int) -> None:
    """Refuse what came out without a single layer in half precision."""
    computing = [node for node in model.graph.node if node.op_type != "Cast"]
    types = graphs.element_types(model)
    if not any(types.get(name) == kind for node in computing for name in node.output):
        raise ModelRefused("no layer of it can compute in half precision")


def _raised(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Return the model with operators that know bf16 where that is possible; the rest become islands."""
    from onnx import version_converter

    if graphs.opset(model) >= NEWEST_BF16 - 9 and not _lacking(model):
        return model
    try:
        return graphs.tidy(version_converter.convert_version(model, NEWEST_BF16))
    except Exception:  # it raises RuntimeError and its own; without it there are more islands
        return model


def _lacking(model: "onnx.ModelProto") -> bool:
    version = graphs.opset(model)
    rules = [graphs.schema(node, version) for node in model.graph.node]
    allowed = [{t for c in rule.type_constraints for t in c.allowed_type_strs} for rule in rules if rule]
    return any("tensor(float16)" in types and "tensor(bfloat16)" not in types for types in allowed)


_WAYS: dict[Precision, Callable[[_Task], Made]] = {
    Precision.fp16: _half(FLOAT16),
    Precision.bf16: _half(BFLOAT16),
    Precision.mixed: _mixed,
    Precision.int8: _int8,
}
