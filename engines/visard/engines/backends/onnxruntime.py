"""ONNX Runtime: the fallback that runs everywhere, and on GPUs where it was installed for them."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from visard.engines import device as gpus
from visard.engines.backends import _plan
from visard.engines.errors import BackendUnavailable, DeviceLost, EngineError, ModelRefused
from visard.engines.inputs import misfit, on_host
from visard.engines.interfaces import Options, Precision, Report, T, TensorSpec

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
           "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(int16)": np.int16,
           "tensor(int8)": np.int8, "tensor(uint64)": np.uint64, "tensor(uint32)": np.uint32,
           "tensor(uint16)": np.uint16, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_}  # fmt: skip
_PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_GRAPH = "graph.onnx"
_WEIGHTS = "weights.bin"


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """The memory of the device that a session runs on."""

    device: gpus.Device
    stream: gpus.Stream
    place: str
    """ONNX Runtime's name for it."""


class OnnxRuntimeEngine:
    """A session on one provider."""

    backend = "onnxruntime"

    def __init__(self, session: Any, options: Options, memory: DeviceMemory | None = None) -> None:
        self.device, self.precision = options.device, options.precision
        self._session, self._options, self._memory = session, options, memory
        self.inputs = tuple(map(_spec, session.get_inputs()))
        self.outputs = tuple(map(_spec, session.get_outputs()))

    def __call__(self, *arrays: T) -> tuple[T, ...]:
        """Run the network; arrays on its own GPU stay there."""
        on_device = self._memory is not None and any(map(gpus.is_on_device, arrays))
        run: Callable[[Any], Any] = self._run_there if on_device else self._run_here
        try:
            return cast(tuple[T, ...], run(arrays))
        except EngineError:
            raise
        except Exception as error:  # its exceptions share no public base class
            kind = EngineError if self.device == "cpu" else DeviceLost
            raise kind(f"ONNX Runtime failed on {self.device}: {error}") from error

    def share(self) -> "OnnxRuntimeEngine":
        """Return an engine for another caller on the same weights."""
        return OnnxRuntimeEngine(self._session, self._options, self._memory)

    def _run_here(self, arrays: Any) -> Any:
        hosts = on_host(arrays, self.inputs)
        feed = {spec.name: array for spec, array in zip(self.inputs, hosts, strict=True)}
        return tuple(self._session.run(None, feed))

    def _run_there(self, arrays: Any) -> Any:
        """Everything happens in the order of one stream, which ONNX Runtime was given too."""
        assert self._memory is not None
        device, stream, place = self._memory.device, self._memory.stream, self._memory.place
        device.activate()
        taken = [
            gpus.take(array, device, stream)
            if gpus.is_on_device(array)
            else gpus.to_device(array, device, stream)
            for array in arrays
        ]
        if reason := misfit(taken, self.inputs):
            raise EngineError(reason)
        binding = self._session.io_binding()
        for spec, array in zip(self.inputs, taken, strict=True):
            binding.bind_input(spec.name, place, device.index, spec.dtype.type, array.shape, array.pointer)
        for spec in self.outputs:
            binding.bind_output(spec.name, place, device.index)
        stream.sync()  # only CUDA's provider can be given the stream
        self._session.run_with_iobinding(binding)
        values = binding.get_outputs()
        return tuple(
            _array(value, spec, self._memory) for value, spec in zip(values, self.outputs, strict=True)
        )


def _array(value: Any, spec: TensorSpec, memory: DeviceMemory) -> gpus.DeviceArray:
    shape = tuple(value.shape())
    return gpus.DeviceArray(value.data_ptr(), shape, spec.dtype, memory.device, memory.stream, value)


def _spec(node: Any) -> TensorSpec:
    if node.type not in _DTYPES:
        raise EngineError(f"{node.name} is a {node.type}, which Visard has no arrays for")
    shape = tuple(d if isinstance(d, int) else None for d in node.shape)
    return TensorSpec(node.name, np.dtype(_DTYPES[node.type]), shape)


def _library() -> Any:
    """Import ONNX Runtime, which from 1.29 on reports its use to its makers unless this is set before."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


class OnnxRuntime:
    """Runs ONNX files on the CPU, on NVIDIA's GPUs, those of DirectX 12 and Apple's."""

    name = "onnxruntime"
    rank = 90
    instant = True
    written = frozenset({Precision.fp16, Precision.mixed})

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
        """Return what this build of the library has providers for; ``cuda:0`` may still fail to start."""
        here = _library().get_available_providers()
        names = {"cuda": [f"cuda:{i}" for i in range(gpus.count() or 1)], "dml": ["dml:0"]}
        return tuple(
            name
            for kind, provider in _PROVIDERS.items()
            if provider in here
            for name in names.get(kind, [kind])
        )

    def fingerprint(self, device: str) -> str:
        """Return nothing: what is compiled runs everywhere."""
        return ""

    def precisions(self, device: str) -> tuple[Precision, ...]:
        """Return fp32 for the processor, fp16 first for others."""
        if device == "cpu":
            return (Precision.fp32,)
        return Precision.fp16, Precision.mixed, Precision.fp32

    def compile(self, model: Path, options: Options, report: Report) -> bytes:
        """Return the network with the files that belong to it; for the processor simplified.

        That opens in half the time. Raises ModelRefused for a precision the device gains nothing from.
        """
        if options.precision not in self.written | {Precision.fp32}:
            raise ModelRefused(f"ONNX Runtime has no {options.precision}; use fp32")
        if options.device == "cpu" and options.precision in (Precision.fp16, Precision.mixed):
            raise ModelRefused(f"ONNX Runtime on a processor is slower in {options.precision} than in fp32")
        with tempfile.TemporaryDirectory(prefix="visard-") as folder:
            try:
                parts = (
                    self._simplified(model, options, Path(folder))
                    if options.device == "cpu"
                    else _files(model)
                )
                plan = _plan.seal(parts, self.name, self.version())
                self.open(plan, options)
            except (BackendUnavailable, ModelRefused):
                raise
            except Exception as error:  # its exceptions share no public base class
                raise ModelRefused(f"ONNX Runtime does not accept {model.name}: {error}") from error
        return plan

    @staticmethod
    def _simplified(model: Path, options: Options, folder: Path) -> dict[str, bytes]:
        """Return the graph and its weights as the library would change them for any processor each time."""
        ort, graph = _library(), folder / _GRAPH
        settings = _settings(options)
        settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        settings.optimized_model_filepath = str(graph)
        settings.add_session_config_entry("session.optimized_model_external_initializers_file_name", _WEIGHTS)
        ort.InferenceSession(str(model), settings, providers=[_PROVIDERS["cpu"]])
        written = [path for path in (graph, folder / _WEIGHTS) if path.exists()]
        return {path.name: path.read_bytes() for path in written}

    def read(self, model: Path, threads: int) -> OnnxRuntimeEngine:
        """Open a file on the processor as it is, without compiling; raise ModelRefused when it cannot be."""
        options = Options(threads=threads)
        try:
            settings = _settings(options)
            session = _library().InferenceSession(str(model), settings, providers=[_PROVIDERS["cpu"]])
            return OnnxRuntimeEngine(session, options)
        except Exception as error:  # its exceptions share no public base class
            raise ModelRefused(f"ONNX Runtime does not accept {model.name}: {error}") from error

    def open(self, plan: bytes, options: Options) -> OnnxRuntimeEngine:
        """Open a session; raise BackendUnavailable rather than let it fall back to the processor unseen."""
        graph, *weights = _plan.unseal(plan, self.name, self.version()).items()
        settings = _settings(options)
        if weights:
            names, views = zip(*weights, strict=True)
            settings.add_external_initializers_from_files_in_memory(names, views, list(map(len, views)))
        try:
            memory = _memory(options)
            provider = _provider(options, memory)
            session = _library().InferenceSession(bytes(graph[1]), settings, providers=[provider])
        except EngineError:
            raise
        except Exception as error:  # its exceptions share no public base class
            raise EngineError(f"ONNX Runtime cannot open the network: {error}") from error
        if session.get_providers()[0] != provider[0]:
            raise BackendUnavailable(f"ONNX Runtime could not start {provider[0]}; see its log above")
        return OnnxRuntimeEngine(session, options, memory)


def _settings(options: Options) -> Any:
    settings = _library().SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.log_severity_level = 3
    if options.device.startswith("dml"):
        settings.enable_mem_pattern = False  # DirectML cannot
    return settings


def _memory(options: Options) -> DeviceMemory | None:
    """Return the memory of an NVIDIA GPU; without a library for that, arrays go through the host."""
    if not options.device.startswith("cuda") or gpus.unavailable():
        return None
    device = gpus.open_device(gpus.index_of(options.device))
    return DeviceMemory(device, device.stream(), "cuda")


def _provider(options: Options, memory: DeviceMemory | None) -> tuple[str, dict[str, str]]:
    """Return provider and settings for a device; raise BackendUnavailable where it is missing."""
    kind, _, index = options.device.partition(":")
    ort = _library()
    if _PROVIDERS.get(kind) not in ort.get_available_providers():
        raise BackendUnavailable(f"this build of ONNX Runtime has no {options.device}")
    settings = {"device_id": index} if index else {}
    if kind == "cuda":
        with contextlib.redirect_stdout(sys.stderr):
            ort.preload_dlls(directory="")  # CUDA and cuDNN from their own packages, if they are there
        settings["use_tf32"] = "0"
    if memory is not None:
        settings["user_compute_stream"] = str(memory.stream.handle)
    return _PROVIDERS[kind], settings


def _files(graph: Path) -> dict[str, bytes]:
    """Return a graph and the files beside it that hold its weights."""
    import onnx
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    tensors = onnx.load(graph, load_external_data=False).graph.initializer
    names = {ExternalDataInfo(tensor).location for tensor in tensors if uses_external_data(tensor)}
    if outside := [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise ModelRefused(f"{graph.name} has weights outside its folder: {outside[0]}")
    return {_GRAPH: graph.read_bytes()} | {name: (graph.parent / name).read_bytes() for name in sorted(names)}


backend = OnnxRuntime()
