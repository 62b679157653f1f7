"""A network beside the same in another precision, layer by layer."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Array, Samples
from visard.engines.precision import graph as graphs
from visard.engines.precision.emulate import shadow

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
    cosine: float
    psnr: float
    """In dB, beside the reference's range; infinite when equal."""
    largest: float
    """Largest absolute difference."""
    peak: float
    """Largest absolute number of the reference."""
    relative: float
    """Length of the difference beside that of the reference."""
    broken: bool
    """Some results are no numbers, and the reference's are."""

    def facts(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        return asdict(self)


def compare(
    reference: Path, other: Path, samples: Samples, names: Collection[str] | None = None
) -> list[LayerError]:
    """Compare outputs of layers, all or those ``names``, in the order of the reference's graph.

    Both run on ONNX Runtime's processor provider; halves as ``shadow`` shows them. Raises ModelRefused.
    """
    return compared(graphs.read(reference), graphs.read(other), samples, names)


def compared(
    reference: "onnx.ModelProto",
    other: "onnx.ModelProto",
    samples: Samples,
    names: Collection[str] | None = None,
) -> list[LayerError]:
    """Compare two tidied models; see ``compare``."""
    shown = shadow(other)
    theirs = {name for node in shown.graph.node for name in node.output}
    makers = {
        name: node
        for node in reference.graph.node
        for name in node.output
        if name in theirs and (names is None or name in names)
    }
    types = graphs.element_types(reference)
    wanted = [name for name in makers if types.get(name) == _FLOAT]
    found: dict[str, LayerError] = {}
    for part in _parts(reference, wanted):
        first, second = _Exposed(reference, part), _Exposed(shown, part)
        pairs = [(first.run(sample), second.run(sample)) for sample in samples]
        for index, name in enumerate(part):
            right, left = (np.concatenate([p[k][index].ravel() for p in pairs]) for k in (0, 1))
            found[name] = measure(makers[name].name, makers[name].op_type, name, right, left)
    return [found[name] for name in wanted]


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


def measure(layer: str, kind: str, output: str, should: Array, is_: Array) -> LayerError:
    """Compare two arrays."""
    should, is_ = should.astype(np.float64), is_.astype(np.float64)
    broken = bool((~np.isfinite(is_) & np.isfinite(should)).any())
    both = np.isfinite(should) & np.isfinite(is_)
    right, left = should[both], is_[both]
    if not right.size:
        return LayerError(layer, kind, output, float(not broken), 0.0, 0.0, 0.0, 0.0, broken)
    difference = left - right
    length, own = float(np.linalg.norm(right)), float(np.linalg.norm(left))
    cosine = float(right @ left) / (length * own) if length and own else float(length == own)
    peak, square = float(np.abs(right).max()), float(np.mean(difference**2))
    psnr = 10 * np.log10(max(peak, 1e-12) ** 2 / square) if square else np.inf
    relative = float(np.linalg.norm(difference)) / max(length, 1e-12)
    return LayerError(
        layer, kind, output, cosine, float(psnr), float(np.abs(difference).max()), peak, relative, broken
    )


def outputs(model: "onnx.ModelProto", samples: Samples) -> tuple[tuple[Array, ...], ...]:
    """Return a model's own outputs for every sample, halves as ``shadow`` shows them."""
    session = _Exposed(shadow(model), None)
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
