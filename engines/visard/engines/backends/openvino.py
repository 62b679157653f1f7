"""OpenVINO: the default on a CPU, two to three times faster there than the fallback on small networks."""

import sys
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from visard.engines.engine import Array, Options, Precision, Report, TensorSpec
from visard.engines.errors import ModelRefused


class OpenVinoEngine:
    """A model compiled for the CPU, run synchronously on the caller's thread."""

    backend = "openvino"

    def __init__(self, compiled: Any, options: Options) -> None:
        self.device, self.precision = options.device, options.precision
        self._request = compiled.create_infer_request()
        self.inputs = tuple(map(_spec, compiled.inputs))
        self.outputs = tuple(map(_spec, compiled.outputs))

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Run the network; the arrays returned are OpenVINO's own buffers, rewritten by the next call."""
        results = self._request.infer(list(arrays), share_inputs=True, share_outputs=True)
        return tuple(results.values())


def _spec(port: Any) -> TensorSpec:
    shape = tuple(d.get_length() if d.is_static else None for d in port.get_partial_shape())
    return TensorSpec(port.get_any_name(), np.dtype(port.get_element_type().to_dtype()), shape)


def _library() -> Any:
    """Import OpenVINO without the part that reports each import to its makers; it does well without."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVino:
    """Compiles ONNX and OpenVINO IR files for the CPU in fp32."""

    name = "openvino"
    rank = 10
    instant = True
    written = frozenset({Precision.int8})

    def __init__(self) -> None:
        # What OpenVINO's bindings set up at their first call, they set up with Python's own lock held and
        # sometimes given away: two threads that are first wait for each other for ever.
        self._one_at_a_time = RLock()
        self._made: Any = None

    @property
    def _core(self) -> Any:
        with self._one_at_a_time:
            if self._made is None:
                self._made = _library().Core()
            return self._made

    def unavailable(self) -> str | None:
        """Say why OpenVINO cannot be used, if so."""
        try:
            return None if "CPU" in self._core.available_devices else "it finds no CPU device"
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def version(self) -> str:
        """Return the library's version."""
        return str(_library().__version__)

    def devices(self) -> tuple[str, ...]:
        """Return the processor."""
        return ("cpu",)

    def fingerprint(self, device: str) -> str:
        """Return the name of the device."""
        return str(self._core.get_property(device.upper(), "FULL_DEVICE_NAME"))

    def precisions(self, device: str) -> tuple[Precision, ...]:
        """Return fp32."""
        return (Precision.fp32,)

    def compile(self, model: Path, options: Options, report: Report) -> bytes:
        """Compile for ``threads`` CPU threads."""
        try:
            with self._one_at_a_time:
                compiled = self._core.compile_model(str(model), "CPU", _settings(options))
                return bytes(compiled.export_model().getvalue())
        except RuntimeError as error:
            raise ModelRefused(f"OpenVINO does not accept {model.name}: {error}") from error

    def open(self, plan: bytes, options: Options) -> OpenVinoEngine:
        """Open what was compiled."""
        with self._one_at_a_time:
            return OpenVinoEngine(self._core.import_model(plan, "CPU", _settings(options)), options)


def _settings(options: Options) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": options.threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,  # pinning two engines to the same core serialises them
    }


backend = OpenVino()
