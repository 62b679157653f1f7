"""GPUs through PyCUDA, for machines that have it. It has no CUDA graphs."""

import math
from collections.abc import Callable
from functools import cached_property
from threading import local
from typing import Any

import numpy as np
import numpy.typing as npt

from visard.engines.device.device import DeviceArray, Graph, Properties, Shape
from visard.engines.errors import EngineError
from visard.engines.interfaces import Array


class PyCudaEvent:
    """An event that keeps the time."""

    def __init__(self, event: Any) -> None:
        self.event = event

    def sync(self) -> None:
        """Wait for it."""
        self.event.synchronize()

    def since(self, earlier: Any) -> float:
        """Return the milliseconds since another one."""
        return float(self.event.time_since(earlier.event))


class PyCudaStream:
    """A stream of our own."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self.stream = driver.Stream()
        self.handle = int(self.stream.handle)

    def sync(self) -> None:
        """Wait for all of it."""
        self.stream.synchronize()

    def record(self) -> PyCudaEvent:
        """Return an event with time."""
        event = self._driver.Event()
        event.record(self.stream)
        return PyCudaEvent(event)

    def wait(self, event: Any) -> None:
        """Wait on the device for an event."""
        self.stream.wait_for_event(event.event)

    def follow(self, handle: int) -> None:  # noqa: ARG002
        """Wait for the whole device: PyCUDA cannot record on a stream that is not its own."""
        self._driver.Context.synchronize()

    def lead(self, handle: int) -> None:  # noqa: ARG002
        """Wait for our own work, so that any stream may go on."""
        self.sync()


class PyCudaDevice:
    """One GPU."""

    provider = "pycuda"
    graphs = False
    dlpack = 2

    def __init__(self, index: int) -> None:
        import pycuda.driver

        self.index = index
        self._driver = pycuda.driver
        self._driver.init()
        self._device = self._driver.Device(index)
        self._threads = local()
        version = self._driver.get_driver_version()
        self.properties = Properties(
            str(self._device.name()),
            tuple(self._device.compute_capability()),
            f"{version // 1000}.{version % 1000 // 10}",
            int(self._device.total_memory()),
        )

    def activate(self) -> None:
        """Use this GPU's primary context, the one all libraries share."""
        if not getattr(self._threads, "active", False):
            self._context.push()
            self._threads.active = True

    @cached_property
    def _context(self) -> Any:
        return self._device.retain_primary_context()

    def stream(self) -> PyCudaStream:
        """Return a stream."""
        return PyCudaStream(self._driver)

    def empty(self, shape: Shape, dtype: npt.DTypeLike, stream: Any) -> DeviceArray:
        """Allocate memory; this waits for the device."""
        kind = np.dtype(dtype)
        memory = self._driver.mem_alloc(max(1, math.prod(shape) * kind.itemsize))
        return DeviceArray(int(memory), tuple(shape), kind, self, stream, memory)

    def pinned(self, shape: Shape, dtype: npt.DTypeLike) -> Array:
        """Allocate page-locked memory."""
        array: Array = self._driver.pagelocked_empty(shape, dtype)
        return array

    def upload(self, source: Array, target: DeviceArray, stream: Any) -> None:
        """Copy in the order of the stream."""
        self._driver.memcpy_htod_async(target.pointer, source, stream.stream)

    def download(self, source: DeviceArray, target: Array, stream: Any) -> None:
        """Copy in the order of the stream."""
        self._driver.memcpy_dtoh_async(target, source.pointer, stream.stream)

    def copy(self, source: DeviceArray, target: DeviceArray, stream: Any) -> None:
        """Copy in the order of the stream."""
        self._driver.memcpy_dtod_async(target.pointer, source.pointer, source.nbytes, stream.stream)

    def capture(self, stream: Any, work: Callable[[], None]) -> Graph:  # noqa: ARG002
        """Raise: there are no graphs."""
        raise EngineError("PyCUDA has no CUDA graphs; install cuda-core for them")


class PyCuda:
    """PyCUDA."""

    name = "pycuda"
    rank = 50

    def unavailable(self) -> str | None:
        """Say why there is no GPU through PyCUDA, if so."""
        try:
            return None if self.count() else "no NVIDIA GPU"
        except ImportError as error:
            return f"{error}; install visard[pycuda]"
        except Exception as error:
            return f"no NVIDIA GPU ({' '.join(str(error).split())})"

    def count(self) -> int:
        """Return how many GPUs the driver shows."""
        import pycuda.driver

        pycuda.driver.init()
        return int(pycuda.driver.Device.count())

    def open(self, index: int) -> PyCudaDevice:
        """Return one GPU."""
        return PyCudaDevice(index)


provider = PyCuda()
