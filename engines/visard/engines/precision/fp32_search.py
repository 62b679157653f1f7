"""Which layers must stay in fp32 for a network to give the reference's results, found by trying."""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visard.engines.accuracy import Limits
from visard.engines.errors import ModelRefused, NoNumbers
from visard.engines.interfaces import Array, Progress, Report, Samples
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
class Found:
    """A network in another precision that passed."""

    model: "onnx.ModelProto"
    islands: tuple[str, ...]


def settle(
    source: "onnx.ModelProto",
    convert: Convert,
    samples: Samples,
    limits: Limits,
    report: Report,
    *,
    asked: Collection[str] = (),
    among: Collection[str] | None = None,
    largest: float = math.inf,
) -> Found:
    """Convert, compare with fp32 and make islands of the layers that err until the outputs are within limits.

    ``among`` are the layers that can become islands, all of them if None; ``largest`` is the largest number
    that the precision can hold. Raises ModelRefused, naming the layer that resisted, and NoNumbers when the
    network's own results are none.
    """
    right = _reference(source, samples)
    chosen = set(asked) | (_overflowing(source, samples, largest) if math.isfinite(largest) else set())
    worst: list[LayerError] = []
    for number in range(ROUNDS):
        report(Progress(f"precision, round {number + 1}", number / ROUNDS))
        model = convert(chosen)
        if within(layer_compare.outputs(model, samples), right, limits):
            return Found(model, tuple(sorted(chosen)))
        open_ = {node.name for node in source.graph.node if among is None or node.name in among} - chosen
        worst = _offenders(source, model, samples, open_)
        if not worst:
            break
        chosen |= {error.layer for error in worst[: _count(number, len(worst))]}
    where = f"; layer {worst[0].layer} ({worst[0].kind}) is the worst" if worst else ""
    raise ModelRefused(f"its results stay wrong with {len(chosen)} layers in fp32{where}")


def _count(number: int, offenders: int) -> int:
    """Few at first, since one layer often spoils many; ever more later, and all of them in the last round."""
    return max(1, min(1 << number, math.ceil(offenders / (ROUNDS - number))))


def _reference(source: "onnx.ModelProto", samples: Samples) -> list[tuple[Array, ...]]:
    import numpy as np

    right = list(layer_compare.outputs(source, samples))
    for row in right:
        if not all(np.isfinite(array).all() for array in row if array.dtype.kind == "f"):
            raise NoNumbers("its own results are no numbers in fp32; export it again")
    return right


def within(ours: Iterable[tuple[Array, ...]], right: Iterable[tuple[Array, ...]], limits: Limits) -> bool:
    """Return whether all outputs are close to the reference."""
    pairs = zip(zip(*ours, strict=True), zip(*right, strict=True), strict=True)
    return all(_close(left, should, limits) for left, should in pairs)


def _close(left: tuple[Array, ...], should: tuple[Array, ...], limits: Limits) -> bool:
    import numpy as np

    if any(a.shape != b.shape for a, b in zip(left, should, strict=True)):
        return False
    mine, right = (np.concatenate([array.ravel() for array in arrays]) for arrays in (left, should))
    if right.dtype.kind != "f":
        return bool(np.mean(mine == right) >= limits.equal) if right.size else True
    error = layer_compare.measure("", "", "", right, mine)
    return not error.broken and error.cosine >= limits.cosine and error.psnr >= limits.psnr


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
    errors = layer_compare.compared(source, model, samples)
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
