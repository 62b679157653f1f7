"""What may be given to an engine."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from visard.engines.device import is_on_device
from visard.engines.errors import EngineError
from visard.engines.interfaces import Array, TensorSpec


class _Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...


def check(arrays: Sequence[_Shaped], specs: Sequence[TensorSpec]) -> None:
    """Raise EngineError unless there is one array for each input, of its dtype and shape."""
    if len(arrays) != len(specs):
        names = ", ".join(spec.name for spec in specs)
        raise EngineError(f"{len(arrays)} arrays were given for the inputs {names}; give one for each")
    for array, spec in zip(arrays, specs, strict=True):
        if array.dtype != spec.dtype or not _fits(array.shape, spec.shape):
            wanted = ", ".join("any" if size is None else str(size) for size in spec.shape)
            raise EngineError(
                f"input {spec.name} takes {spec.dtype} of shape [{wanted}], "
                f"not {array.dtype} of shape {list(array.shape)}"
            )


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        size is None or size == n for n, size in zip(shape, wanted, strict=True)
    )


def on_host(arrays: Sequence[Any], specs: Sequence[TensorSpec]) -> list[Array]:
    """Return contiguous host arrays; raise EngineError when some lie on a GPU or do not fit."""
    if any(is_on_device(array) for array in arrays):
        raise EngineError("this engine takes arrays in host memory; copy those on a GPU with device.to_host")
    hosts = [np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array) for array in arrays]
    check(hosts, specs)
    return hosts
