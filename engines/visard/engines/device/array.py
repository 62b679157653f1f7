"""Arrays on a GPU: those of other libraries taken as ours, and copies from and to the host."""

from typing import Any

import numpy as np

from visard.engines.device import dlpack
from visard.engines.device.device import Device, DeviceArray, Stream, lost
from visard.engines.errors import EngineError
from visard.engines.interfaces import Array


def is_on_device(thing: object) -> bool:
    """Return whether something is an array on a GPU, of this library or another."""
    return not isinstance(thing, np.ndarray) and (
        hasattr(thing, "__cuda_array_interface__") or hasattr(thing, "__dlpack__")
    )


def take(thing: Any, device: Device, stream: Stream) -> DeviceArray:
    """Return any library's array as ours without copying; work given to ``stream`` from now on may read it.

    Raises EngineError when it is not contiguous or lies elsewhere.
    """
    if isinstance(thing, DeviceArray):
        if thing.stream.handle != stream.handle:
            stream.follow(thing.stream.handle)
        return thing
    # DLPack first: PyTorch does not tell its stream in the older interface, here it sees to the order itself
    if hasattr(thing, "__dlpack__"):
        return _from_dlpack(thing, device, stream)
    return _from_interface(thing, device, stream)


def _from_dlpack(thing: Any, device: Device, stream: Stream) -> DeviceArray:
    place = tuple(map(int, thing.__dlpack_device__()))
    if place != (device.dlpack, device.index):
        raise EngineError(f"the array lies on device {place}, the engine on {(device.dlpack, device.index)}")
    taken = dlpack.take(thing.__dlpack__(stream=None if device.dlpack == dlpack.CPU else stream.handle))
    if not taken.contiguous:
        raise EngineError(f"an array of shape {taken.shape} is not contiguous; copy it first")
    return DeviceArray(taken.pointer, taken.shape, taken.dtype, device, stream, taken)


def _from_interface(thing: Any, device: Device, stream: Stream) -> DeviceArray:
    told = thing.__cuda_array_interface__
    shape, dtype = tuple(told["shape"]), np.dtype(told["typestr"])
    if not dlpack.contiguous(shape, told.get("strides"), dtype.itemsize):
        raise EngineError(f"an array of shape {shape} is not contiguous; copy it first")
    if told.get("stream"):
        stream.follow(int(told["stream"]))
    return DeviceArray(told["data"][0], shape, dtype, device, stream, thing)


def to_host(array: DeviceArray) -> Array:
    """Return a copy of an array in host memory; raise DeviceLost when the GPU fails."""
    device = array.device
    with lost("copying from it"):
        device.activate()
        pinned = device.pinned(array.shape, array.dtype)
        device.download(array, pinned, array.stream)
        array.stream.sync()
    return pinned.copy()


def to_device(array: Array, device: Device, stream: Stream | None = None) -> DeviceArray:
    """Return a copy of a host array on a GPU; raise DeviceLost when the GPU fails."""
    with lost("copying to it"):
        device.activate()
        stream = stream or device.stream()
        pinned = device.pinned(array.shape, array.dtype)
        pinned[...] = array
        result = device.empty(array.shape, array.dtype, stream)
        device.upload(pinned, result, stream)
        stream.sync()  # the pinned copy goes now
    return result
