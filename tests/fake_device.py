"""A GPU that is none: for tests, and for developing where there is no GPU.

It is strict where a real one is only sometimes wrong. Work given to a stream is done no sooner than somebody
waits for it; memory of the device is separate, starts as NaN, and every copy is checked to stay inside it.
"""

import ctypes
import itertools
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from visard.engines.device import dlpack
from visard.engines.device.device import DeviceArray, Graph, Properties, Shape
from visard.engines.interfaces import Array

Work = Callable[[], None]


class FakeEvent:
    """Happens when the stream it was recorded on gets there."""

    def __init__(self, stream: "FakeStream") -> None:
        self._stream = stream
        self.happened: float | None = None

    def happen(self) -> None:
        """Note the time."""
        self.happened = time.perf_counter()

    def sync(self) -> None:
        """Let the stream work until the event has happened."""
        while self.happened is None and self._stream.waiting:
            self._stream.step()

    def since(self, earlier: Any) -> float:
        """Return milliseconds; raise RuntimeError when one has not happened."""
        if self.happened is None or earlier.happened is None:
            raise RuntimeError("the event has not happened yet")
        return float(self.happened - earlier.happened) * 1000


class FakeStream:
    """Work that waits until somebody wants it done."""

    def __init__(self, device: "FakeDevice", handle: int) -> None:
        self._device, self.handle = device, handle
        self.waiting: deque[Work] = deque()
        self.captured: list[Work] | None = None

    def give(self, work: Work) -> None:
        """Add work, as a kernel launch does."""
        self._device.check()
        (self.waiting if self.captured is None else self.captured).append(work)

    def step(self) -> None:
        """Do the oldest work."""
        self.waiting.popleft()()

    def sync(self) -> None:
        """Do all of it."""
        self._device.check()
        if self.captured is not None:
            raise RuntimeError("a stream that is being captured cannot be waited for")
        self._device.syncs += 1
        while self.waiting:
            self.step()

    def record(self) -> FakeEvent:
        """Return an event."""
        event = FakeEvent(self)
        self.give(event.happen)
        return event

    def wait(self, event: Any) -> None:
        """Let the rest wait for an event."""
        self.give(event.sync)

    def follow(self, handle: int) -> None:
        """Let the rest wait for another stream."""
        self.wait(self._device.stream_of(handle).record())

    def lead(self, handle: int) -> None:
        """Let another stream wait for this one."""
        self._device.stream_of(handle).wait(self.record())


class FakeDevice:
    """A GPU in host memory."""

    provider = "fake"
    dlpack = dlpack.CPU

    def __init__(self, graphs: bool = True, memory: int = 1 << 30) -> None:
        self.index, self.graphs = 0, graphs
        self.properties = Properties("Fake GPU", (8, 9), "13.0", memory)
        self.broken = ""
        """What every call fails with from now on, as when a GPU falls off its bus."""
        self.allocated = self.syncs = self.launched = 0
        self._handles = itertools.count(0x1000)
        self._streams: dict[int, FakeStream] = {}
        self._memory: dict[int, ctypes.Array[Any]] = {}
        self._pinned: WeakValueDictionary[int, Array] = WeakValueDictionary()

    def check(self) -> None:
        """Fail if the device is broken."""
        if self.broken:
            raise RuntimeError(self.broken)

    def activate(self) -> None:
        """Fail if the device is broken."""
        self.check()

    def stream(self) -> FakeStream:
        """Return a new stream."""
        return self.stream_of(next(self._handles))

    def stream_of(self, handle: int) -> FakeStream:
        """Return the stream of a handle; any handle, as other libraries have streams too."""
        return self._streams.setdefault(handle, FakeStream(self, handle))

    def empty(self, shape: Shape, dtype: npt.DTypeLike, stream: Any) -> DeviceArray:
        """Allocate memory full of ones, which are NaN as floats."""
        self.check()
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        if self.allocated + size > self.properties.memory:
            raise MemoryError(f"{size} bytes do not fit beside {self.allocated}")
        memory = (ctypes.c_uint8 * max(1, size))(*b"\xff" * size)
        pointer = ctypes.addressof(memory)
        self._memory[pointer] = memory
        self.allocated += size
        return DeviceArray(pointer, tuple(shape), kind, self, stream, _Owned(self, pointer, size))

    def pinned(self, shape: Shape, dtype: npt.DTypeLike) -> Array:
        """Allocate memory that copies may start and end in."""
        array = np.zeros(shape, dtype)
        self._pinned[array.ctypes.data] = array
        return array

    def free(self, pointer: int, size: int) -> None:
        """Give memory back once the work that was given has been done."""
        del self._memory[pointer]
        self.allocated -= size

    def view(self, pointer: int, shape: Shape, dtype: npt.DTypeLike) -> Array:
        """Return device memory as kernels see it; raise RuntimeError outside of what was allocated."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        for start, memory in self._memory.items():
            if start <= pointer and pointer + size <= start + len(memory):
                whole: Array = np.frombuffer(memoryview(memory), dtype, math.prod(shape), pointer - start)
                return whole.reshape(shape)
        raise RuntimeError(f"illegal memory access: {size} bytes at {pointer:#x}")

    def upload(self, source: Array, target: DeviceArray, stream: Any) -> None:
        """Copy when the stream gets there."""
        self._check_pinned(source, target)
        stream.give(lambda: np.copyto(self._bytes(target), source.reshape(-1).view(np.uint8)))

    def download(self, source: DeviceArray, target: Array, stream: Any) -> None:
        """Copy when the stream gets there."""
        self._check_pinned(target, source)
        stream.give(lambda: np.copyto(target.reshape(-1).view(np.uint8), self._bytes(source)))

    def copy(self, source: DeviceArray, target: DeviceArray, stream: Any) -> None:
        """Copy when the stream gets there."""
        stream.give(lambda: np.copyto(self._bytes(target), self._bytes(source)))

    def _bytes(self, array: DeviceArray) -> Array:
        return self.view(array.pointer, (array.nbytes,), np.uint8)

    def _check_pinned(self, host: Array, array: DeviceArray) -> None:
        inside = any(
            start <= host.ctypes.data < start + max(1, whole.nbytes) for start, whole in self._pinned.items()
        )
        if not inside or not host.flags.c_contiguous or host.nbytes != array.nbytes:
            raise RuntimeError("asynchronous copies need pinned, contiguous memory of the array's size")

    def capture(self, stream: Any, work: Work) -> Graph:
        """Collect what is given to the stream meanwhile."""
        if not self.graphs:
            raise RuntimeError("this device has no graphs")
        stream.captured = []
        try:
            work()
            steps = tuple(stream.captured)
        finally:
            stream.captured = None

        def launch() -> None:
            self.launched += 1
            for step in steps:
                stream.give(step)

        return launch


class _Owned:
    """Device memory that goes when nobody uses it any more."""

    def __init__(self, device: FakeDevice, pointer: int, size: int) -> None:
        self._device, self._pointer, self._size = device, pointer, size

    def __del__(self) -> None:
        self._device.free(self._pointer, self._size)
