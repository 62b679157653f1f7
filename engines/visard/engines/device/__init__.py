"""GPUs: memory, streams, events, graphs and arrays, through whichever library is here."""

from visard.engines.device.array import is_on_device, take, to_device, to_host
from visard.engines.device.device import (
    Device,
    DeviceArray,
    Graph,
    Properties,
    Provider,
    Stream,
    StreamEvent,
    lost,
)
from visard.engines.errors import BackendUnavailable, EngineError
from visard.engines.plugins import Registry

__all__ = [
    "Device",
    "DeviceArray",
    "Graph",
    "Properties",
    "Provider",
    "Stream",
    "StreamEvent",
    "count",
    "index_of",
    "is_on_device",
    "lost",
    "open_device",
    "providers",
    "take",
    "to_device",
    "to_host",
    "unavailable",
]

providers: Registry[Provider] = Registry("visard.engines.device", "provider")


def _usable() -> Provider:
    reasons = []
    for provider in sorted(providers.all().values(), key=lambda p: p.rank):
        if not (reason := provider.unavailable()):
            return provider
        reasons.append(f"{provider.name}: {reason}")
    raise BackendUnavailable("; ".join(reasons))


def unavailable() -> str | None:
    """Return why there is no GPU to be used, each library's reason, or None when there is one."""
    try:
        _usable()
    except BackendUnavailable as error:
        return str(error)
    return None


def count() -> int:
    """Return how many GPUs there are, 0 where none can be used."""
    try:
        return _usable().count()
    except BackendUnavailable:
        return 0


def open_device(index: int = 0) -> Device:
    """Return a GPU through the first library that has it.

    Raises BackendUnavailable with every library's reason, or EngineError when there is no such GPU.
    """
    provider = _usable()
    if not 0 <= index < provider.count():
        raise EngineError(f"there is no GPU {index}; there are {provider.count()}, counted from 0")
    with lost("starting it"):
        return provider.open(index)


def index_of(name: str) -> int:
    """Return the GPU that ``cuda:N`` means; raise EngineError when it means none."""
    kind, _, number = name.partition(":")
    if kind != "cuda" or not (number or "0").isdecimal():
        raise EngineError(f"{name!r} is no NVIDIA GPU; they are called cuda:0, cuda:1 and so on")
    return int(number or "0")
