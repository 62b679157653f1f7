"""TensorRT for RTX, for tests/bench/gpu.py: building an engine from ONNX and running it."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _gpu_memory import Gpu, Outputs, Pair, fetch, poison


class Refused(Exception):
    """Something answered "no" instead of raising."""


@dataclass(frozen=True)
class Variant:
    label: str
    capability: str = ""
    tf32: bool = True
    graphs: bool = False


VARIANTS = (
    Variant("default"),
    Variant("for 8.0", capability="SM80"),
    Variant("for this GPU", capability="CURRENT"),
    Variant("without TF32", tf32=False),
    Variant("its own graphs", graphs=True),
)


def tensorrt_rtx() -> tuple[Any, Any]:
    """Import TensorRT for RTX under either of its names; return it and a logger that keeps complaints."""
    reasons = []
    for name in ("tensorrt_rtx", "tensorrt_rtx_bindings"):
        try:
            rtx = import_module(name)
            break
        except ImportError as error:
            reasons.append(str(error))
    else:
        raise ImportError("; ".join(reasons))

    class Log(rtx.ILogger):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity <= rtx.ILogger.WARNING:
                self.lines.append(text)

    return rtx, Log()


def build(rtx: Any, log: Any, network: Path, variant: Variant) -> bytes:
    builder = rtx.Builder(log)
    definition = builder.create_network(0)
    parser = rtx.OnnxParser(definition, log)
    if not parser.parse(network.read_bytes()):
        raise Refused("parser: " + "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
    config = builder.create_builder_config()
    if not variant.tf32:
        config.clear_flag(rtx.BuilderFlag.TF32)
    if variant.capability:
        config.num_compute_capabilities = 1
        if not config.set_compute_capability(getattr(rtx.ComputeCapability, variant.capability), 0):
            raise Refused(f"compute capability {variant.capability}: {log.lines}")
    plan = builder.build_serialized_network(definition, config)
    if plan is None:
        raise Refused(f"no engine was built: {log.lines}")
    return bytes(plan)


class Engine:
    """A deserialised engine with its tensors."""

    def __init__(
        self, rtx: Any, log: Any, gpu: Gpu, plan: bytes, cache: bytes = b"", graphs: bool = False
    ) -> None:
        self._gpu, self._log = gpu, log
        self._runtime = rtx.Runtime(log)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            validity = self._runtime.get_engine_validity(plan)
            raise Refused(f"deserialising gave None (validity {validity}): {log.lines}")
        config = self._engine.create_runtime_config()
        self._cache = config.create_runtime_cache()
        if cache and not self._cache.deserialize(cache):
            raise Refused(f"the runtime cache was not accepted: {log.lines}")
        config.set_runtime_cache(self._cache)
        if graphs:
            config.cuda_graph_strategy = rtx.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._context = self._engine.create_execution_context(config)
        if self._context is None:
            raise Refused(f"no execution context: {log.lines}")
        self.inputs, self.outputs = self._tensors(rtx, "INPUT"), self._tensors(rtx, "OUTPUT")

    def _tensors(self, rtx: Any, mode: str) -> dict[str, Pair]:
        pairs = {}
        for name in map(self._engine.get_tensor_name, range(self._engine.num_io_tensors)):
            if self._engine.get_tensor_mode(name) == getattr(rtx.TensorIOMode, mode):
                dtype = rtx.nptype(self._engine.get_tensor_dtype(name))
                pairs[name] = self._gpu.pair(tuple(self._engine.get_tensor_shape(name)), dtype)
                self._context.set_tensor_address(name, pairs[name].pointer)
        return pairs

    @property
    def cache(self) -> bytes:
        return bytes(self._cache.serialize())

    @property
    def input(self) -> Pair:
        (pair,) = self.inputs.values()
        return pair

    def enqueue(self) -> None:
        if not self._context.execute_async_v3(self._gpu.stream):
            raise Refused(f"the engine did not run: {self._log.lines}")

    def __call__(self, tensor: npt.NDArray[np.float32]) -> Outputs:
        poison(self._gpu, self.outputs)
        self.input.host[...] = tensor
        self._gpu.push(self.input)
        self.enqueue()
        return fetch(self._gpu, self.outputs)
