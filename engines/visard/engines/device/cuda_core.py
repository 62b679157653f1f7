"""GPUs through cuda-core, NVIDIA's own library for Python: wheels, no toolkit."""

import ctypes
import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from visard.engines.device.device import LEGACY, PER_THREAD, DeviceArray, Graph, Properties, Shape, Stream
from visard.engines.errors import EngineError
from visard.engines.interfaces import Array


class CudaCoreEvent:
    """An event that keeps the time."""

    def __init__(self, event: Any) -> None:
        self.event = event

    def sync(self) -> None:
        """Wait for it."""
        self.event.sync()

    def since(self, earlier: Any) -> float:
        """Return the milliseconds since another one."""
        return float(self.event - earlier.event)


class CudaCoreStream:
    """A stream of our own."""

    def __init__(self, core: Any, stream: Any) -> None:
        self._core, self.stream = core, stream
        self.handle = int(stream.handle)

    def sync(self) -> None:
        """Wait for all of it."""
        self.stream.sync()

    def record(self) -> CudaCoreEvent:
        """Return an event with time."""
        return CudaCoreEvent(self.stream.record(options=self._core.EventOptions(timing_enabled=True)))

    def wait(self, event: Any) -> None:
        """Wait on the device for an event."""
        self.stream.wait(event.event)

    def follow(self, handle: int) -> None:
        """Wait on the device for another stream."""
        self.stream.wait(self._foreign(handle))

    def lead(self, handle: int) -> None:
        """Let another stream wait on the device."""
        self._foreign(handle).wait(self.stream)

    def _foreign(self, handle: int) -> Any:
        defaults = {
            LEGACY: self._core.LEGACY_DEFAULT_STREAM,
            PER_THREAD: self._core.PER_THREAD_DEFAULT_STREAM,
        }
        return defaults.get(handle) or self._core.Stream.from_handle(handle)


class CudaCoreDevice:
    """One GPU."""

    provider = "cuda-core"
    graphs = True
    dlpack = 2

    def __init__(self, index: int) -> None:
        import cuda.core
        from cuda.bindings import driver

        self.index = index
        self._core, self._driver = cuda.core, driver
        self._device = cuda.core.Device(index)
        self._pinned = cuda.core.LegacyPinnedMemoryResource()
        self.properties = self._properties()

    def _properties(self) -> Properties:
        version = self._done(self._driver.cuDriverGetVersion())
        major, minor = self._device.compute_capability
        memory = self._done(self._driver.cuDeviceTotalMem(self.index))
        return Properties(
            self._device.name, (major, minor), f"{version // 1000}.{version % 1000 // 10}", memory
        )

    def _done(self, answer: tuple[Any, ...]) -> Any:
        """Return what the driver answered, or raise its error."""
        code, *result = answer
        if code != self._driver.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"{code.name} ({int(code)})")
        return result[0] if result else None

    def activate(self) -> None:
        """Use this GPU's primary context, the one all libraries share."""
        self._device.set_current()

    def stream(self) -> CudaCoreStream:
        """Return a stream that does not wait for the default one."""
        options = self._core.StreamOptions(nonblocking=True)
        return CudaCoreStream(self._core, self._device.create_stream(options=options))

    def empty(self, shape: Shape, dtype: npt.DTypeLike, stream: Any) -> DeviceArray:
        """Allocate from the device's pool, in the order of the stream."""
        kind = np.dtype(dtype)
        size = max(1, math.prod(shape) * kind.itemsize)
        memory = self._device.allocate(size, stream=stream.stream)
        return DeviceArray(int(memory.handle), tuple(shape), kind, self, stream, memory)

    def pinned(self, shape: Shape, dtype: npt.DTypeLike) -> Array:
        """Allocate page-locked memory."""
        kind = np.dtype(dtype)
        size = max(1, math.prod(shape) * kind.itemsize)
        memory = self._pinned.allocate(size)
        raw = (ctypes.c_uint8 * size).from_address(int(memory.handle))
        raw.owner = memory  # type: ignore[attr-defined]  # lives as long as any view of the array
        array: Array = np.frombuffer(memoryview(raw), kind, math.prod(shape)).reshape(shape)
        return array

    def upload(self, source: Array, target: DeviceArray, stream: Stream) -> None:
        """Copy in the order of the stream."""
        self._copy(target.pointer, source.ctypes.data, target.nbytes, stream)

    def download(self, source: DeviceArray, target: Array, stream: Stream) -> None:
        """Copy in the order of the stream."""
        self._copy(target.ctypes.data, source.pointer, source.nbytes, stream)

    def copy(self, source: DeviceArray, target: DeviceArray, stream: Stream) -> None:
        """Copy in the order of the stream."""
        self._copy(target.pointer, source.pointer, source.nbytes, stream)

    def _copy(self, target: int, source: int, size: int, stream: Stream) -> None:
        if size:
            self._done(self._driver.cuMemcpyAsync(target, source, size, stream.handle))

    def capture(self, stream: Any, work: Callable[[], None]) -> Graph:
        """Capture a graph; the stream is usable again also when that fails."""
        builder = stream.stream.create_graph_builder()
        builder.begin_building("thread_local")
        try:
            work()
        finally:
            builder.end_building()
        graph = builder.complete()
        return lambda: graph.launch(stream.stream)


class CudaCore:
    """cuda-core with cuda-bindings."""

    name = "cuda-core"
    rank = 10

    def unavailable(self) -> str | None:
        """Say why there is no GPU through cuda-core, if so."""
        try:
            return None if self.count() else "no NVIDIA GPU"
        except ImportError as error:
            return f"{error}; install visard[rtx]"
        except Exception as error:  # a driver may be missing, too old or broken in many ways
            missing = type(error).__name__ == "DynamicLibNotFoundError"
            return "no NVIDIA driver" if missing else f"no NVIDIA GPU ({' '.join(str(error).split())})"

    def count(self) -> int:
        """Return how many GPUs the driver shows."""
        from cuda.bindings import driver

        (code,) = driver.cuInit(0)
        if code == driver.CUresult.CUDA_SUCCESS:
            code, number = driver.cuDeviceGetCount()
        if code != driver.CUresult.CUDA_SUCCESS:
            raise EngineError(f"{code.name} ({int(code)})")
        import_module("cuda.core")  # without it the bindings alone are of no use here
        return int(number)

    def open(self, index: int) -> CudaCoreDevice:
        """Return one GPU."""
        return CudaCoreDevice(index)


provider = CudaCore()
