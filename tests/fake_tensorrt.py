"""TensorRT as far as Visard uses it, on a fake GPU: its engines are ONNX files that ONNX Runtime runs."""

import json
from enum import Enum, IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
from fake_device import FakeDevice

DataType = Enum("DataType", ["FLOAT", "HALF", "BF16", "INT8", "UINT8", "INT32", "INT64", "BOOL"])
_TYPES = {1: "FLOAT", 2: "UINT8", 3: "INT8", 6: "INT32", 7: "INT64", 9: "BOOL", 10: "HALF", 16: "BF16"}


class Logger:
    ERROR = "ERROR"

    def __init__(self) -> None:
        pass


class FakeTensorRT:
    """Stands in for the module; ``faults`` names what goes wrong."""

    __version__ = "11.0.0.1"
    ILogger = IProgressMonitor = Logger
    DataType = DataType
    NetworkDefinitionCreationFlag = IntEnum("Flag", {"STRONGLY_TYPED": 1})
    BuilderFlag = Enum("BuilderFlag", ["TF32"])
    ComputeCapability = Enum("ComputeCapability", ["NONE", "CURRENT", "SM75", "SM86", "SM89"])
    CudaGraphStrategy = Enum("CudaGraphStrategy", ["DISABLED", "WHOLE_GRAPH_CAPTURE"])

    def __init__(self, gpu: FakeDevice) -> None:
        self.gpu = gpu
        self.faults: set[str] = set()
        self.builders: list[Builder] = []
        self.contexts: list[Context] = []
        self.refused_caches: set[bytes] = set()

    def complain(self, logger: Any, what: str) -> None:
        logger.log(SimpleNamespace(name="ERROR"), f"[fake.cpp::{what}]  Error Code 1: {what} failed")

    def Builder(self, logger: Any) -> "Builder":  # noqa: N802
        self.builders.append(Builder(self, logger))
        return self.builders[-1]

    def OnnxParser(self, network: "Network", logger: Any) -> "Parser":  # noqa: N802
        return Parser(self, network, logger)

    def Runtime(self, logger: Any) -> "Runtime":  # noqa: N802
        return Runtime(self, logger)


class Network:
    """A parsed file."""

    def __init__(self) -> None:
        self.content = b""
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def read(self, path: Path) -> None:
        model = onnx.load(path)
        self.content = model.SerializeToString()
        weights = {w.name for w in model.graph.initializer}
        self.inputs = [_tensor(v) for v in model.graph.input if v.name not in weights]
        self.outputs = [_tensor(v) for v in model.graph.output]

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    def get_input(self, index: int) -> Any:
        return self.inputs[index]

    def get_output(self, index: int) -> Any:
        return self.outputs[index]


def _tensor(value: Any) -> Any:
    told = value.type.tensor_type
    shape = tuple(dim.dim_value or -1 for dim in told.shape.dim)
    return SimpleNamespace(
        name=value.name, shape=shape, dtype=DataType[_TYPES[told.elem_type]], is_shape_tensor=False
    )


class Parser:
    def __init__(self, library: FakeTensorRT, network: Network, logger: Any) -> None:
        self._library, self._network = library, network
        self.num_errors = 0

    def parse_from_file(self, path: str) -> bool:
        if "parse" in self._library.faults:
            self.num_errors = 1
            return False
        self._network.read(Path(path))
        return True

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(
            desc=lambda: "Attribute  not\nsupported",
            node=lambda: 3,
            node_name=lambda: "Warp_3",
            node_operator=lambda: "GridSample",
        )


class Config:
    def __init__(self) -> None:
        self.cleared: list[Any] = []
        self.profiles: list[Any] = []
        self.progress_monitor: Any = None
        self.num_compute_capabilities = 0
        self.targets: list[Any] = []
        self.timings: bytes | None = None

    def clear_flag(self, flag: Any) -> None:
        self.cleared.append(flag)

    def add_optimization_profile(self, profile: Any) -> int:
        self.profiles.append(profile.shapes)
        return 0

    def set_compute_capability(self, target: Any, index: int) -> bool:
        self.targets.append(target)
        return True

    def create_timing_cache(self, content: bytes) -> Any:
        return SimpleNamespace(content=content, serialize=lambda: content + b"+1")

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        if cache.content.startswith(b"foreign"):
            return False
        self.timings = cache.content
        return True


class Builder:
    def __init__(self, library: FakeTensorRT, logger: Any) -> None:
        self._library, self._logger = library, logger
        self.flags = 0
        self.config = Config()

    def create_network(self, flags: int) -> Network:
        self.flags = flags
        return Network()

    def create_builder_config(self) -> Config:
        return self.config

    def create_optimization_profile(self) -> Any:
        shapes: dict[str, Any] = {}
        return SimpleNamespace(shapes=shapes, set_shape=lambda name, *each: shapes.__setitem__(name, each))

    def build_serialized_network(self, network: Network, config: Config) -> bytes | None:
        monitor = config.progress_monitor
        monitor.phase_start("Building engine", None, 2)
        monitor.phase_start("Timing tactics", "Building engine", 4)
        for step in range(4):
            if not monitor.step_complete("Timing tactics", step):
                return None
        monitor.phase_finish("Timing tactics")
        monitor.step_complete("Building engine", 0)
        monitor.step_complete("Building engine", 1)
        monitor.phase_finish("Building engine")
        if "build" in self._library.faults:
            self._library.complain(self._logger, "build")
            return None
        head = json.dumps([config.profiles]).encode()
        return head + b"\0" + network.content


class Runtime:
    def __init__(self, library: FakeTensorRT, logger: Any) -> None:
        self._library, self._logger = library, logger

    def deserialize_cuda_engine(self, plan: Any) -> "Engine | None":
        if "deserialize" in self._library.faults:
            self._library.complain(self._logger, "deserialize")
            return None
        return Engine(self._library, bytes(plan), self._logger)


class Engine:
    def __init__(self, library: FakeTensorRT, plan: bytes, logger: Any) -> None:
        self.library, self.logger = library, logger
        self.content = plan.partition(b"\0")[2]
        model = onnx.load_from_string(self.content)
        weights = {w.name for w in model.graph.initializer}
        self.inputs = {v.name: _tensor(v) for v in model.graph.input if v.name not in weights}
        self.outputs = {v.name: _tensor(v) for v in model.graph.output}

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple((self.inputs | self.outputs)[name].shape)

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType((self.inputs | self.outputs)[name].dtype)

    def create_runtime_config(self) -> Any:
        config = SimpleNamespace(cuda_graph_strategy=None, cache=None)
        config.create_runtime_cache = lambda: RuntimeCache(self.library)
        config.set_runtime_cache = lambda cache: setattr(config, "cache", cache)
        return config

    def create_execution_context(self, config: Any = None) -> "Context | None":
        if "context" in self.library.faults:
            self.library.complain(self.logger, "context")
            return None
        self.library.contexts.append(Context(self, config))
        return self.library.contexts[-1]


class RuntimeCache:
    def __init__(self, library: FakeTensorRT) -> None:
        self._library = library
        self.content = b""

    def deserialize(self, content: bytes) -> bool:
        if content in self._library.refused_caches:
            return False
        self.content = content
        return True

    def serialize(self) -> bytes:
        return self.content or b"kernels"


class Context:
    """Runs the network when the stream gets there, with the addresses and shapes of that moment."""

    def __init__(self, engine: Engine, config: Any) -> None:
        self.engine, self.config = engine, config
        self.executed = 0
        self.shapes = {name: tensor.shape for name, tensor in engine.inputs.items()}
        self.addresses: dict[str, int] = {}
        self._session = onnxruntime.InferenceSession(engine.content, providers=["CPUExecutionProvider"])

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        return "shape" not in self.engine.library.faults

    def infer_shapes(self) -> list[str]:
        return [name for name, shape in self.shapes.items() if -1 in shape]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        arrays = {
            n: np.zeros(shape, _numpy(self.engine.get_tensor_dtype(n))) for n, shape in self.shapes.items()
        }
        return tuple(self._session.run([name], arrays)[0].shape)

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, handle: int) -> bool:
        library = self.engine.library
        if "execute" in library.faults:
            library.complain(self.engine.logger, "execute")
            return False
        stream = library.gpu.stream_of(handle)
        if stream.captured is not None and "capture" in library.faults:
            raise RuntimeError("operation not permitted when stream is capturing")
        addresses, shapes = dict(self.addresses), dict(self.shapes)
        stream.give(lambda: self._kernel(addresses, shapes))
        return True

    def _kernel(self, addresses: dict[str, int], shapes: dict[str, tuple[int, ...]]) -> None:
        self.executed += 1
        gpu, dtype = self.engine.library.gpu, self.engine.get_tensor_dtype
        feed = {n: gpu.view(addresses[n], shape, _numpy(dtype(n))) for n, shape in shapes.items()}
        names = list(self.engine.outputs)
        for name, result in zip(names, self._session.run(names, feed), strict=True):
            np.copyto(gpu.view(addresses[name], result.shape, result.dtype), result)


def _numpy(dtype: DataType) -> Any:
    return {"FLOAT": np.float32, "HALF": np.float16}.get(dtype.name) or np.dtype(dtype.name.lower())
