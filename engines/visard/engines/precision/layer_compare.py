"""A network beside the same in another precision, layer by layer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Array, Samples
from visard.engines.precision import graph as graphs
from visard.engines.precision.emulate import emulate_half

if TYPE_CHECKING:
    import onnx

ROOM = 512 * 2**20
"""Bytes of tensors looked at in one run, as far as their sizes are known."""
UNKNOWN = 16 * 2**20
_FLOAT = 1


@dataclass(frozen=True, slots=True)
class LayerError:
    """How far one output of a layer is from its reference, over all samples."""

    layer: str
    kind: str
    """The operator."""
    output: str
    relative: float
    """Length of the difference beside that of the reference."""
    broken: bool
    """Some results are no numbers, and the reference's are."""


def compare_layers(
    reference: "onnx.ModelProto", other: "onnx.ModelProto", samples: Samples
) -> list[LayerError]:
    """Compare outputs of layers of two tidied models, in the order of the reference's graph.

    Both run on ONNX Runtime's processor provider; halves as ``emulate_half`` shows them. Raises ModelRefused.
    """
    shown = emulate_half(other)
    theirs = {name for node in shown.graph.node for name in node.output}
    makers = {name: node for node in reference.graph.node for name in node.output if name in theirs}
    types = graphs.element_types(reference)
    wanted = [name for name in makers if types.get(name) == _FLOAT]
    found: dict[str, LayerError] = {}
    for part in _parts(reference, wanted):
        first, second = _Exposed(reference, part), _Exposed(shown, part)
        pairs = [(first.run(sample), second.run(sample)) for sample in samples]
        for index, name in enumerate(part):
            right, left = (np.concatenate([p[k][index].ravel() for p in pairs]) for k in (0, 1))
            found[name] = LayerError(makers[name].name, makers[name].op_type, name, *_difference(right, left))
    return [found[name] for name in wanted]


def _difference(should: Array, is_: Array) -> tuple[float, bool]:
    """Return the relative error of what are numbers, and whether some are none that should be."""
    should, is_ = should.astype(np.float64), is_.astype(np.float64)
    both = np.isfinite(should) & np.isfinite(is_)
    broken = bool((~np.isfinite(is_) & np.isfinite(should)).any())
    length = float(np.linalg.norm(should[both]))
    return float(np.linalg.norm(is_[both] - should[both])) / max(length, 1e-12), broken


def peaks(model: "onnx.ModelProto", samples: Samples) -> dict[str, float]:
    """Return the largest absolute number in the output of each layer."""
    types = graphs.element_types(model)
    wanted = [name for node in model.graph.node for name in node.output if types.get(name) == _FLOAT]
    found = dict.fromkeys(wanted, 0.0)
    for part in _parts(model, wanted):
        session = _Exposed(model, part)
        for sample in samples:
            for name, array in zip(part, session.run(sample), strict=True):
                found[name] = max(found[name], float(np.abs(array).max(initial=0)))
    return found


def outputs(model: "onnx.ModelProto", samples: Samples) -> tuple[tuple[Array, ...], ...]:
    """Return a model's own outputs for every sample, halves as ``emulate_half`` shows them."""
    session = _Exposed(emulate_half(model), None)
    return tuple(tuple(session.run(sample)) for sample in samples)


class _Exposed:
    """A model run with chosen tensors as its outputs; its own when None."""

    def __init__(self, model: "onnx.ModelProto", names: Sequence[str] | None) -> None:
        import onnx

        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        weights = {tensor.name for tensor in changed.graph.initializer}
        self._inputs = [value.name for value in changed.graph.input if value.name not in weights]
        if names is not None:
            del changed.graph.output[:]
            changed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        with TemporaryDirectory(prefix="visard-", ignore_cleanup_errors=True) as folder:
            self._session = _session(changed, Path(folder, "exposed.onnx"))

    def run(self, sample: tuple[Array, ...]) -> list[Array]:
        feed = dict(zip(self._inputs, sample, strict=True))
        try:
            return list(self._session.run(None, feed))
        except Exception as error:  # its exceptions share no public base class
            raise ModelRefused(f"ONNX Runtime cannot run it to compare layers: {error}") from error


def _session(model: "onnx.ModelProto", path: Path) -> Any:
    """Open without any optimisation, so that every layer does what the graph says."""
    import os

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime as ort

    graphs.write(model, path)
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no public base class
        reason = re.sub(r"\s+", " ", str(error))
        raise ModelRefused(f"ONNX Runtime does not take the graph: {reason}") from error


def _parts(model: "onnx.ModelProto", names: Sequence[str]) -> Iterator[list[str]]:
    """Give names in groups that fit into memory."""
    sizes = graphs.sizes(model)
    part: list[str] = []
    room = ROOM
    for name in names:
        size = 4 * sizes[name] if name in sizes else UNKNOWN
        if part and size > room:
            yield part
            part, room = [], ROOM
        part.append(name)
        room -= size
    if part:
        yield part
