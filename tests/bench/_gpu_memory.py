"""Two ways to a GPU behind one face, for tests/bench/gpu.py: cuda.core and CuPy."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Outputs = dict[str, npt.NDArray[np.float32]]
ROUNDS = 300


@dataclass
class Pair:
    """Pinned host memory and device memory of one tensor."""

    host: npt.NDArray[Any]
    pointer: int
    device: Any
    pinned: Any


class Gpu(Protocol):
    stream: int

    def pair(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Pair: ...
    def push(self, pair: Pair) -> None: ...
    def pull(self, pair: Pair) -> None: ...
    def sync(self) -> None: ...
    def kernel(self, source: str, name: str) -> Callable[..., None]: ...
    def elapsed(self, work: Callable[[], None]) -> list[float]: ...
    def capture(self, work: Callable[[], None]) -> Callable[[], None]: ...


class CudaCore:
    """A GPU through cuda.core."""

    def __init__(self) -> None:
        self._core = import_module("cuda.core")
        self._device = self._core.Device()
        self._device.set_current()
        self._stream = self._device.create_stream()
        self._pinned = self._core.LegacyPinnedMemoryResource()
        self.stream = int(self._stream.handle)

    def pair(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Pair:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        pinned, device = self._pinned.allocate(size), self._device.allocate(size, stream=self._stream)
        memory = (ctypes.c_uint8 * size).from_address(int(pinned.handle))
        return Pair(
            np.frombuffer(memoryview(memory), dtype).reshape(shape), int(device.handle), device, pinned
        )

    def push(self, pair: Pair) -> None:
        pair.device.copy_from(pair.pinned, stream=self._stream)

    def pull(self, pair: Pair) -> None:
        pair.pinned.copy_from(pair.device, stream=self._stream)

    def sync(self) -> None:
        self._stream.sync()

    def kernel(self, source: str, name: str) -> Callable[..., None]:
        options = self._core.ProgramOptions(std="c++17", arch=f"sm_{self._device.arch}")
        kernel = self._core.Program(source, "c++", options).compile("cubin").get_kernel(name)

        def start(grid: tuple[int, ...], block: tuple[int, ...], *arguments: Any) -> None:
            self._core.launch(
                self._stream, self._core.LaunchConfig(grid=grid, block=block), kernel, *arguments
            )

        return start

    def elapsed(self, work: Callable[[], None]) -> list[float]:
        events = []
        for _ in range(ROUNDS):
            events.append(self._record())
            work()
            events.append(self._record())
        self.sync()
        return [stop - start for start, stop in zip(events[::2], events[1::2], strict=True)]

    def _record(self) -> Any:
        return self._stream.record(options=self._core.EventOptions(timing_enabled=True))

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        builder = self._stream.create_graph_builder().begin_building()
        work()
        graph = builder.end_building().complete()
        return lambda: graph.launch(self._stream)


class CuPy:
    """A GPU through CuPy."""

    def __init__(self) -> None:
        self._cupy, self._cupyx = import_module("cupy"), import_module("cupyx")
        self._stream = self._cupy.cuda.Stream(non_blocking=True)
        self.stream = int(self._stream.ptr)

    def pair(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Pair:
        pinned, device = self._cupyx.empty_pinned(shape, dtype), self._cupy.empty(shape, dtype)
        return Pair(pinned, int(device.data.ptr), device, pinned)

    def push(self, pair: Pair) -> None:
        pair.device.set(pair.pinned, stream=self._stream)

    def pull(self, pair: Pair) -> None:
        pair.device.get(stream=self._stream, out=pair.pinned, blocking=False)

    def sync(self) -> None:
        self._stream.synchronize()

    def kernel(self, source: str, name: str) -> Callable[..., None]:
        kernel = self._cupy.RawKernel(source, name)

        def start(grid: tuple[int, ...], block: tuple[int, ...], *arguments: Any) -> None:
            with self._stream:
                kernel(grid, block, arguments)

        return start

    def elapsed(self, work: Callable[[], None]) -> list[float]:
        events = [self._cupy.cuda.Event() for _ in range(2 * ROUNDS)]
        for start, stop in zip(events[::2], events[1::2], strict=True):
            start.record(self._stream)
            work()
            stop.record(self._stream)
        self.sync()
        times = zip(events[::2], events[1::2], strict=True)
        return [self._cupy.cuda.get_elapsed_time(start, stop) for start, stop in times]

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        with self._stream:
            self._stream.begin_capture()
            work()
            graph = self._stream.end_capture()
        return lambda: graph.launch(stream=self._stream)


GPUS: dict[str, Callable[[], Gpu]] = {"CuPy": CuPy, "cuda.core": CudaCore}


def fetch(gpu: Gpu, pairs: dict[str, Pair]) -> Outputs:
    for pair in pairs.values():
        gpu.pull(pair)
    gpu.sync()
    return {name: pair.host.copy() for name, pair in pairs.items()}


def poison(gpu: Gpu, pairs: dict[str, Pair]) -> None:
    """Fill device memory with NaN, so that an output nobody wrote is noticed."""
    for pair in pairs.values():
        pair.host.fill(np.nan)
        gpu.push(pair)
    gpu.sync()
