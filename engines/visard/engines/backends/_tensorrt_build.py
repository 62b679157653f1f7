"""Compiling with TensorRT: ONNX in, a plan out that knows its own inputs and outputs."""

import json
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from visard.engines.backends import _plan
from visard.engines.backends._tensorrt_log import TensorRTLog
from visard.engines.backends._tensorrt_progress import monitor
from visard.engines.cache.files import BlobStore
from visard.engines.errors import EngineError, ModelRefused
from visard.engines.interfaces import Options, Precision, Progress, Range, Report

DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
"""TensorRT's names of numbers and numpy's; by name, as the values differ between versions."""


@dataclass(frozen=True, slots=True)
class TensorRTPlan:
    """What TensorRT made, with what it does not say itself: the file's order, and which sizes vary."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ranges: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    """Smallest and largest shape of every input that may vary."""
    engine: Any

    @property
    def varies(self) -> bool:
        """Return whether any size is settled only by the arrays."""
        return any(low != high for low, high in self.ranges.values())

    def pack(self, backend: str, version: str) -> bytes:
        """Return it as bytes."""
        tensors = {"inputs": self.inputs, "outputs": self.outputs, "ranges": self.ranges}
        parts = {"tensors": json.dumps(tensors).encode(), "engine": bytes(self.engine)}
        return _plan.seal(parts, backend, version)

    @classmethod
    def unpack(cls, packed: bytes, backend: str, version: str) -> "TensorRTPlan":
        """Return what was packed; raise EngineError when it is damaged, or of another library or version."""
        parts = _plan.unseal(packed, backend, version)
        told = json.loads(bytes(parts["tensors"]))
        ranges = {name: (tuple(low), tuple(high)) for name, (low, high) in told["ranges"].items()}
        return cls(tuple(told["inputs"]), tuple(told["outputs"]), ranges, parts["engine"])


class TensorRTBuild:
    """One network on its way from ONNX to a plan."""

    def __init__(self, library: Any, log: TensorRTLog, title: str, options: Options) -> None:
        self._library, self._log, self._title, self._options = library, log, title, options
        log.clear()
        self._builder = library.Builder(log.logger)
        # required up to 10, accepted later on: the graph alone says what is computed in which precision
        typed = 1 << int(library.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        self._network = self._builder.create_network(typed)
        self._config = self._builder.create_builder_config()
        self._ranges: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._model = Path()

    def read(self, model: Path, report: Report, samples_volumes: bool) -> None:
        """Parse the file; raise ModelRefused when it cannot be compiled."""
        self._model = model
        report(Progress("reading the network", 0.0))
        if not model.is_file():
            raise ModelRefused(f"{model} is missing")
        parser = self._library.OnnxParser(self._network, self._log.logger)
        with tempfile.TemporaryDirectory() as folder:
            path = model if samples_volumes else _without_volumes(model, Path(folder))
            if not parser.parse_from_file(str(path)):
                raise self._refused(_first_error(parser) or self._log.complaints)
        self._parser = parser  # the network refers to weights it holds
        if not self._network.num_outputs:
            raise self._refused("it holds no network")
        self._check_tensors()
        self._add_profile()
        if self._options.precision is Precision.fp32:
            # TF32 rounds to 10 bits like fp16, and fp32 is what people choose when that is not enough
            self._config.clear_flag(self._library.BuilderFlag.TF32)

    def _refused(self, reason: str) -> ModelRefused:
        return ModelRefused(f"{self._title} does not accept {self._model.name}: {reason}")

    def _tensors(self, kind: str) -> list[Any]:
        count, get = (getattr(self._network, name) for name in (f"num_{kind}s", f"get_{kind}"))
        return [get(index) for index in range(count)]

    def _check_tensors(self) -> None:
        for tensor in (*self._tensors("input"), *self._tensors("output")):
            if tensor.dtype.name not in DTYPES:
                raise self._refused(f"{tensor.name} is of {tensor.dtype.name}; cast it in the graph")
            if tensor.is_shape_tensor:
                raise self._refused(f"the values of {tensor.name} decide shapes; make them constants")

    def _add_profile(self) -> None:
        profile = self._builder.create_optimization_profile()
        for tensor in self._tensors("input"):
            shape = tuple(tensor.shape)
            if -1 in shape:
                shapes = self._shapes(tensor.name, shape)
                profile.set_shape(tensor.name, *shapes)
                self._ranges[tensor.name] = (shapes[0], shapes[2])
        if self._ranges and self._config.add_optimization_profile(profile) < 0:
            raise self._refused(f"the ranges of its inputs contradict each other: {self._log.complaints}")

    def _shapes(self, name: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Return smallest, usual and largest shape of an input with sizes that vary."""
        given = next((r for r in self._options.ranges if r.name == name), None)
        if given:
            return self._checked(given, shape)
        if -1 in shape[1:]:
            text = ", ".join("?" if size < 0 else str(size) for size in shape)
            raise self._refused(
                f"input {name} has shape ({text}); say how large it gets: "
                f"Options(ranges=(Range({name!r}, smallest, usual, largest),))"
            )
        one = (1, *shape[1:])  # a lone unknown first size is the batch
        return one, one, one

    def _checked(self, given: Range, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        shapes = given.low, given.usual, given.high
        fits = all(len(each) == len(shape) for each in shapes) and all(
            1 <= low <= usual <= high and size in (-1, low) and (size < 0 or low == high)
            for size, low, usual, high in zip(shape, *shapes, strict=True)
        )
        if not fits:
            raise self._refused(f"the range {shapes} of input {given.name} does not fit its shape {shape}")
        return shapes

    def aim(self, present: tuple[int, int] | None, wanted: str) -> None:
        """Compile for the GPU that is here, or the one wanted as ``sm_86``; else for all at once."""
        targets = self._library.ComputeCapability
        name = wanted.removeprefix("sm_") if wanted.startswith("sm_") else ""
        if present:
            name = f"{present[0]}{present[1]}"
        target = getattr(targets, f"SM{name}", None) if name else None
        if target is None:
            if name and not present:
                known = ", ".join(f"sm_{n[2:]}" for n in targets.__members__ if n.startswith("SM"))
                raise EngineError(f"{self._title} cannot compile for {wanted}; choose one of {known}")
            return  # a GPU newer than this version, or a data-centre one: what fits all fits it too
        self._config.num_compute_capabilities = 1
        if not self._config.set_compute_capability(target, 0):
            raise EngineError(f"{self._title} cannot compile for {name}: {self._log.complaints}")

    def run(self, report: Report, timings: BlobStore | None, fingerprint: str) -> TensorRTPlan:
        """Compile; raise ModelRefused with the library's own reason when that fails."""
        watch = monitor(self._library, report)
        self._config.progress_monitor = watch.wanted
        name = f"timing-{sha256(f'{self._library.__version__} {fingerprint}'.encode()).hexdigest()[:32]}"
        cache = self._timings(timings.load(name)) if timings else None
        plan = self._builder.build_serialized_network(self._network, self._config)
        watch.raise_what_reporting_raised()
        if plan is None:
            raise self._refused(self._log.complaints)
        if timings and cache:
            timings.save(name, bytes(cache.serialize()))
        report(Progress("compiled", 1.0, 0.0))
        inputs, outputs = (
            tuple(tensor.name for tensor in self._tensors(kind)) for kind in ("input", "output")
        )
        return TensorRTPlan(inputs, outputs, self._ranges, plan)

    def _timings(self, before: bytes) -> Any:
        """Return a cache of measurements in use; a foreign or damaged one is begun anew."""
        cache = self._config.create_timing_cache(before)
        if cache is None or not self._config.set_timing_cache(cache, False):
            cache = self._config.create_timing_cache(b"")
            self._config.set_timing_cache(cache, False)
        return cache


def _first_error(parser: Any) -> str:
    """Return what the parser disliked first: the node, its operator and why."""
    if not parser.num_errors:
        return ""
    error = parser.get_error(0)
    reason = " ".join(str(error.desc()).split())[:400]
    if not (operator := error.node_operator()):
        return reason
    return f"node {error.node_name() or error.node()} ({operator}): {reason}"


def _without_volumes(model: Path, folder: Path) -> Path:
    from visard.engines.backends._gridsample import flatten_grid_samples

    return flatten_grid_samples(model, folder / "flat.onnx")
