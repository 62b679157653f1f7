"""ONNX Runtime: the fallback that runs everywhere."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from visard.engines.engine import Array, TensorSpec
from visard.engines.errors import ModelRefused

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
           "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8,
           "tensor(int8)": np.int8, "tensor(bool)": np.bool_}  # fmt: skip


class OnnxRuntimeEngine:
    """A session on the CPU provider."""

    backend = "onnxruntime"

    def __init__(self, session: Any) -> None:
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

    def unavailable(self) -> str | None:
        """Say why ONNX Runtime cannot be used, if so."""
        try:
            _library()
        except ImportError as error:
            return str(error)
        return None

    def load(self, model: Path, *, threads: int) -> OnnxRuntimeEngine:
        """Open a session with ``threads`` threads."""
        ort = _library()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions share no public base class
            raise ModelRefused(f"ONNX Runtime does not accept {model.name}: {error}") from error
        return OnnxRuntimeEngine(session)


backend = OnnxRuntime()
