"""What a GPU is to the engines: memory, streams, events and graphs, whichever library gives them."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from visard.engines.device import dlpack
from visard.engines.errors import DeviceLost, EngineError
from visard.engines.interfaces import Array

LEGACY, PER_THREAD = 1, 2
"""Handles that CUDA gives its two default streams."""

Shape = tuple[int, ...]
Graph = Callable[[], None]
"""Replays captured work on the stream it was captured from."""


@dataclass(frozen=True, slots=True)
class Properties:
    """What a GPU is."""

    name: str
    capability: tuple[int, int]
    """Compute capability: 8, 9 for example."""
    driver: str
    """Version of the driver as CUDA tells it: 13.0 for example."""
    memory: int
    """All of it, in bytes."""


class StreamEvent(Protocol):
    """A moment in the work of a stream."""

    def sync(self) -> None:
        """Wait until all work before it is done."""
        ...

    def since(self, earlier: "StreamEvent") -> float:
        """Return the milliseconds from an earlier event to this one; both must have happened."""
        ...


class Stream(Protocol):
    """Work that the device does in the order in which it was given."""

    handle: int
    """CUDA's own, for other libraries."""

    def sync(self) -> None:
        """Wait until everything given so far is done."""
        ...

    def record(self) -> StreamEvent:
        """Return an event that happens when everything given so far is done."""
        ...

    def wait(self, event: StreamEvent) -> None:
        """Let what is given from now on wait for an event of any stream."""
        ...

    def follow(self, handle: int) -> None:
        """Let what is given from now on wait for all that a stream of any library has been given so far."""
        ...

    def lead(self, handle: int) -> None:
        """Let what a stream of any library is given from now on wait for all given to this one so far."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DeviceArray:
    """A contiguous array on a GPU, valid once what ``stream`` was given is done.

    CuPy, PyTorch, Numba and others take it as it is: ``cupy.asarray(array)``, ``torch.from_dlpack(array)``.
    """

    pointer: int
    shape: Shape
    dtype: np.dtype[Any]
    device: "Device"
    stream: Stream
    owner: object
    """Keeps the memory."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3, with the stream that whoever uses it has to wait for."""
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.pointer, False),
            "strides": None,
            "stream": self.stream.handle,
            "version": 3,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return DLPack's kind and index of the device."""
        return self.device.dlpack, self.device.index

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Return a capsule whose memory may be read by work given to ``stream`` from now on."""
        if copy or dl_device not in (None, self.__dlpack_device__()):
            raise BufferError("this array is handed over as it is, without a copy; see to_host")
        if self.device.dlpack == dlpack.CPU:
            self.stream.sync()
        elif stream != -1:  # by the standard: -1 is "no need to wait", None the default stream
            self.stream.lead(stream or LEGACY)
        return dlpack.give(self.pointer, self.shape, self.dtype, self.__dlpack_device__(), self)

    def reshape(self, shape: Shape) -> "DeviceArray":
        """Return the same memory, or the first part of it, as an array of another shape."""
        if math.prod(shape) > math.prod(self.shape):
            raise ValueError(f"{shape} is larger than {self.shape}")
        return DeviceArray(self.pointer, shape, self.dtype, self.device, self.stream, self.owner)


class Device(Protocol):
    """One GPU through one library. Methods raise whatever that library raises; see ``lost``."""

    provider: str
    index: int
    properties: Properties
    graphs: bool
    """Whether work can be captured."""
    dlpack: int
    """DLPack's number for the kind of memory: 2 is CUDA."""

    def activate(self) -> None:
        """Make this GPU the calling thread's: first of all in every thread; cheap when it is already."""
        ...

    def stream(self) -> Stream:
        """Return a new stream that does not wait for the default one."""
        ...

    def empty(self, shape: Shape, dtype: npt.DTypeLike, stream: Stream) -> DeviceArray:
        """Return an array in the GPU's memory, its content arbitrary, to be used on ``stream``."""
        ...

    def pinned(self, shape: Shape, dtype: npt.DTypeLike) -> Array:
        """Return a host array that the GPU copies from and to at full speed and asynchronously."""
        ...

    def upload(self, source: Array, target: DeviceArray, stream: Stream) -> None:
        """Copy from pinned memory to the GPU; both are contiguous and of one size."""
        ...

    def download(self, source: DeviceArray, target: Array, stream: Stream) -> None:
        """Copy from the GPU to pinned memory; both are contiguous and of one size."""
        ...

    def copy(self, source: DeviceArray, target: DeviceArray, stream: Stream) -> None:
        """Copy within the GPU; both are of one size."""
        ...

    def capture(self, stream: Stream, work: Callable[[], None]) -> Graph:
        """Return what ``work`` gives to ``stream`` as a graph, without doing it; only where ``graphs``."""
        ...


class Provider(Protocol):
    """A library that gives access to GPUs; every module of this package may expose one as ``provider``."""

    name: str
    rank: int
    """Lower is tried first."""

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, or None when it can."""
        ...

    def count(self) -> int:
        """Return how many GPUs there are."""
        ...

    def open(self, index: int) -> Device:
        """Return one of them."""
        ...


@contextmanager
def lost(doing: str) -> Iterator[None]:
    """Turn whatever a device raises into DeviceLost, saying what was being done."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        raise DeviceLost(f"the GPU failed while {doing}: {error or type(error).__name__}") from error
