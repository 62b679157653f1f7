"""OpenVINO: the default on a CPU, two to three times faster there than the fallback on small networks."""

import sys
import tempfile
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from visard.engines.backends import _gridsample as rewrite
from visard.engines.backends import _plan
from visard.engines.errors import BackendUnavailable, DeviceLost, EngineError, ModelRefused
from visard.engines.inputs import on_host
from visard.engines.interfaces import Array, Options, Precision, Range, Report, TensorSpec
from visard.engines.precision.declared import declared_fp32

_NEEDS = {
    Precision.fp32: "FP32",
    Precision.fp16: "FP16",
    Precision.bf16: "BF16",
}
_HINTS = {Precision.fp16: "f16", Precision.bf16: "bf16"}
_DRIVERS = {
    "gpu": "Intel's graphics driver with its OpenCL part (Linux: intel-opencl-icd)",
    "npu": "the driver of Intel's NPU (Linux: intel-driver-compiler-npu and intel-level-zero-npu)",
}


class OpenVinoEngine:
    """A compiled model, run synchronously; on a CPU on the caller's thread."""

    backend = "openvino"

    def __init__(self, compiled: Any, options: Options) -> None:
        self.device, self.precision = options.device, options.precision
        self._compiled, self._options = compiled, options
        self._request = compiled.create_infer_request()
        self.inputs = tuple(map(_spec, compiled.inputs))
        self.outputs = tuple(map(_spec, compiled.outputs))

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Run the network; the arrays returned are OpenVINO's own buffers, rewritten by the next call."""
        hosts = on_host(arrays, self.inputs)
        try:
            results = self._request.infer(hosts, share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            kind = EngineError if self.device == "cpu" else DeviceLost
            raise kind(f"OpenVINO failed on {self.device}: {_why(error)}") from error
        return tuple(results.values())

    def share(self) -> "OpenVinoEngine":
        """Return an engine for another caller on the same weights; calls at the same time take turns."""
        return OpenVinoEngine(self._compiled, self._options)


def _spec(port: Any) -> TensorSpec:
    shape = tuple(d.get_length() if d.is_static else None for d in port.get_partial_shape())
    return TensorSpec(port.get_any_name(), np.dtype(port.get_element_type().to_dtype()), shape)


def _library() -> Any:
    """Import OpenVINO without the part that reports each import to its makers; it does well without."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVino:
    """Compiles ONNX and OpenVINO IR files for Intel's and other processors, Intel's GPUs and NPUs."""

    name = "openvino"
    rank = 10
    instant = True
    written: frozenset[Precision] = frozenset()

    def __init__(self) -> None:
        # What OpenVINO's bindings set up at their first call, they set up with Python's own lock held and
        # sometimes given away: two threads that are first wait for each other for ever.
        self._one_at_a_time = RLock()
        self._made: Any = None
        self._found: tuple[str, ...] = ()

    @property
    def _core(self) -> Any:
        if self._made is None:
            with self._one_at_a_time:
                if self._made is None:
                    self._made = _library().Core()
        return self._made

    def unavailable(self) -> str | None:
        """Say why OpenVINO cannot be used, if so."""
        try:
            return None if self.devices() else "it finds no device"
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def version(self) -> str:
        """Return the library's version."""
        return str(_library().__version__)

    def devices(self) -> tuple[str, ...]:
        """Return the processor first: there, small networks are done before a GPU has begun."""
        if not self._found:
            core = self._core
            with self._one_at_a_time:
                names = [name.lower() for name in core.available_devices]
            self._found = tuple(sorted(names, key=lambda name: (name != "cpu", name)))
        return self._found

    def fingerprint(self, device: str) -> str:
        """Return the device's name and what it can do, which compiled networks make use of."""
        return " ".join([str(self._property(device, "FULL_DEVICE_NAME")), *self._capabilities(device)])

    def _property(self, device: str, name: str) -> Any:
        if device not in self.devices():
            kind = device.partition(".")[0]
            cure = f"; it needs {_DRIVERS[kind]}" if kind in _DRIVERS else ""
            raise BackendUnavailable(
                f"OpenVINO finds no {device} here, only {', '.join(self.devices())}{cure}"
            )
        with self._one_at_a_time:
            return self._core.get_property(device.upper(), name)

    def _capabilities(self, device: str) -> list[str]:
        return sorted(self._property(device, "OPTIMIZATION_CAPABILITIES"))

    def precisions(self, device: str) -> tuple[Precision, ...]:
        """Return fp32 and bf16 for processors that have it, for others what they have of fp16 and fp32."""
        likely = (Precision.fp32, Precision.bf16) if device == "cpu" else (Precision.fp16, Precision.fp32)
        can = self._capabilities(device)
        return tuple(p for p in likely if _NEEDS[p] in can)

    def compile(self, model: Path, options: Options, report: Report) -> bytes:
        """Compile an ONNX or IR file; raise ModelRefused where the device lacks the precision.

        The processor makes bf16 from an fp32 graph, and a GPU fp16.
        """
        settings = self._settings(options)
        if options.precision is not Precision.fp32 and _declares_fp32(model):
            raise ModelRefused(f"{model.name} has layers that must stay in fp32; OpenVINO lowers all or none")
        try:
            with self._one_at_a_time, tempfile.TemporaryDirectory(prefix="visard-") as folder:
                network = self._read(model, Path(folder))
                _bound(network, options.ranges)
                compiled = self._core.compile_model(network, options.device.upper(), settings)
                OpenVinoEngine(compiled, options)
                blob = compiled.export_model().getvalue()
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelRefused(f"OpenVINO does not accept {model.name}: {_why(error)}") from error
        return _plan.seal({"blob": blob}, self.name, self.version())

    def _read(self, model: Path, folder: Path) -> Any:
        try:
            return self._core.read_model(str(model))
        except RuntimeError:  # it samples no volumes
            flat = rewrite.flatten_grid_samples(model, folder / model.name)
            if flat == model:
                raise
            return self._core.read_model(str(flat))

    def open(self, plan: bytes, options: Options) -> OpenVinoEngine:
        """Open what was compiled, in a fifth of the time that takes."""
        blob = _plan.unseal(plan, self.name, self.version())["blob"]
        settings = self._settings(options)
        try:
            with self._one_at_a_time:
                tensor = _library().Tensor(np.frombuffer(blob, np.uint8))
                compiled = self._core.import_model(tensor, options.device.upper(), settings)
                return OpenVinoEngine(compiled, options)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot open what was compiled: {_why(error)}") from error

    def _settings(self, options: Options) -> dict[str, Any]:
        """Return OpenVINO's properties; raise ModelRefused for a precision without hardware of its own."""
        device, precision = options.device, options.precision
        can = self._capabilities(device)
        if _NEEDS.get(precision) not in can:
            raise ModelRefused(
                f"OpenVINO on this {device} gains nothing from {precision}: it has {', '.join(can)}"
            )
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _HINTS.get(precision, "f32")}
        if device == "cpu":
            settings["INFERENCE_NUM_THREADS"] = str(options.threads)
            settings["ENABLE_CPU_PINNING"] = "NO"  # pinning two engines to the same core serialises them
        return settings


def _declares_fp32(model: Path) -> bool:
    """Whether a network says that some of its layers stay in fp32."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if model.suffix == ".xml":
        return False
    try:
        return bool(declared_fp32(onnx.load(model, load_external_data=False)))
    except (DecodeError, OSError):
        return False  # OpenVINO says better what is wrong


def _bound(network: Any, ranges: tuple[Range, ...]) -> None:
    """Tell the network how large its inputs become."""
    if ranges:
        ov = _library()
        shapes = {r.name: list(map(ov.Dimension, r.low, r.high)) for r in ranges}
        network.reshape({name: ov.PartialShape(shape) for name, shape in shapes.items()})


def _why(error: Exception) -> str:
    """Return what OpenVINO says without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return " ".join(said or lines)[:500]


backend = OpenVino()
