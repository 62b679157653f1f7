"""ONNX Runtime: the fallback that runs everywhere."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from visard.engines.engine import Array, Options, Precision, Report, TensorSpec
from visard.engines.errors import EngineError, ModelRefused

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
           "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8,
           "tensor(int8)": np.int8, "tensor(bool)": np.bool_}  # fmt: skip


class OnnxRuntimeEngine:
    """A session on the CPU provider."""

    backend = "onnxruntime"

    def __init__(self, session: Any, options: Options) -> None:
        self.device, self.precision = options.device, options.precision
        self._session = session
        self.inputs = tuple(map(_spec, session.get_inputs()))
        self.outputs = tuple(map(_spec, session.get_outputs()))

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Run the network."""
        feed = {spec.name: array for spec, array in zip(self.inputs, arrays, strict=True)}
        return tuple(self._session.run(None, feed))


def _spec(node: Any) -> TensorSpec:
    shape = tuple(d if isinstance(d, int) else None for d in node.shape)
    return TensorSpec(node.name, np.dtype(_DTYPES[node.type]), shape)


def _library() -> Any:
    """Import ONNX Runtime, which from 1.29 on reports its use to its makers unless this is set before."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


class OnnxRuntime:
    """Runs ONNX files on the CPU."""

    name = "onnxruntime"
    rank = 90
    instant = True
    written = frozenset({Precision.fp16, Precision.mixed, Precision.int8})

    def unavailable(self) -> str | None:
        """Say why ONNX Runtime cannot be used, if so."""
        try:
            _library()
        except ImportError as error:
            return str(error)
        return None

    def version(self) -> str:
        """Return the library's version."""
        return str(_library().__version__)

    def devices(self) -> tuple[str, ...]:
        """Return the processor."""
        return ("cpu",)

    def fingerprint(self, device: str) -> str:
        """Return nothing: any processor runs it."""
        return ""

    def precisions(self, device: str) -> tuple[Precision, ...]:
        """Return fp32."""
        return (Precision.fp32,)

    def compile(self, model: Path, options: Options, report: Report) -> bytes:
        """Return the file once a session accepts it."""
        plan = model.read_bytes()
        try:
            self.open(plan, options)
        except EngineError as error:
            raise ModelRefused(f"ONNX Runtime does not accept {model.name}: {error}") from error
        return plan

    def open(self, plan: bytes, options: Options) -> OnnxRuntimeEngine:
        """Open a session with ``threads`` threads."""
        ort = _library()
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.log_severity_level = 3
        try:
            session = ort.InferenceSession(plan, settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions share no public base class
            raise EngineError(str(error)) from error
        return OnnxRuntimeEngine(session, options)


backend = OnnxRuntime()
