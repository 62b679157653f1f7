"""Which layers must stay in fp32 for a network to give the reference's results, found by trying."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visard.engines import accuracy
from visard.engines.accuracy import Limits
from visard.engines.errors import ModelRefused, NoNumbers
from visard.engines.interfaces import Progress, Report, Samples
from visard.engines.precision import layer_compare
from visard.engines.precision.layer_compare import LayerError

if TYPE_CHECKING:
    import onnx

ROUNDS = 12
HEADROOM = 4
"""Samples do not show the largest numbers there will ever be."""

Convert = Callable[[Collection[str]], "onnx.ModelProto"]
"""Returns the network in another precision, with these layers in fp32."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A network in another precision that passed."""

    model: "onnx.ModelProto"
    fp32_nodes: tuple[str, ...]


def search_fp32_nodes(
    source: "onnx.ModelProto",
    convert: Convert,
    samples: Samples,
    limits: Limits,
    report: Report,
    *,
    asked: Collection[str] = (),
    largest: float,
) -> SearchResult:
    """Convert, compare, and leave the layers that err in fp32, until the outputs are within limits.

    ``largest`` is the largest number that the precision can hold. Raises ModelRefused, naming the layer that
    resisted, and NoNumbers when the network's own results are none.
    """
    right = _reference(source, samples)
    chosen = set(asked) | _overflowing(source, samples, largest)
    names = [value.name for value in source.graph.output]
    worst: list[LayerError] = []
    for number in range(ROUNDS):
        report(Progress(f"precision, round {number + 1}", number / ROUNDS))
        model = convert(chosen)
        ours = layer_compare.outputs(model, samples)
        if accuracy.compare(ours, right, names, limits).ok:
            return SearchResult(model, tuple(sorted(chosen)))
        open_ = {node.name for node in source.graph.node} - chosen
        worst = _offenders(source, model, samples, open_)
        if not worst:
            break
        chosen |= {error.layer for error in worst[: _count(number, len(worst))]}
    where = f"; layer {worst[0].layer} ({worst[0].kind}) is the worst" if worst else ""
    raise ModelRefused(f"its results stay wrong with {len(chosen)} layers in fp32{where}")


def _count(number: int, offenders: int) -> int:
    """Few at first, since one layer often spoils many; ever more later, and all of them in the last round."""
    return max(1, min(1 << number, math.ceil(offenders / (ROUNDS - number))))


def _reference(source: "onnx.ModelProto", samples: Samples) -> accuracy.Outputs:
    right = layer_compare.outputs(source, samples)
    if not all(accuracy.finite(array) for row in right for array in row):
        raise NoNumbers("its own results are no numbers in fp32; export it again")
    return right


def _overflowing(source: "onnx.ModelProto", samples: Samples, largest: float) -> set[str]:
    """Return the layers that make or take numbers near the largest that the precision holds."""
    great = {name for name, peak in layer_compare.peaks(source, samples).items() if peak * HEADROOM > largest}
    for array in (array for sample in samples for array in sample if array.dtype.kind == "f"):
        if float(abs(array).max(initial=0)) * HEADROOM > largest:
            great |= {value.name for value in source.graph.input}
    return {n.name for n in source.graph.node if great & {*n.input, *n.output}}


def _offenders(
    source: "onnx.ModelProto", model: "onnx.ModelProto", samples: Samples, open_: Collection[str]
) -> list[LayerError]:
    """Return them with those first that give no numbers, then by how much error they add to their inputs'."""
    errors = layer_compare.compare_layers(source, model, samples)
    after = {error.output: error for error in errors}
    inputs = {node.name: node.input for node in source.graph.node}
    found = []
    for error in errors:
        before = [after[name] for name in inputs[error.layer] if name in after]
        if error.layer in open_ and not any(entering.broken for entering in before):
            entering = max((e.relative for e in before), default=0.0)
            found.append((error.broken, error.relative - entering, error))
    found.sort(key=lambda item: (-item[0], -item[1]))
    return [error for _, _, error in found]
