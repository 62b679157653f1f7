"""What an engine and a backend are, and the one door to them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from visard.engines.errors import BackendUnavailable, EngineError
from visard.engines.registry import Registry

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, dtype and shape of one tensor; None is a dimension that may vary."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


class Engine(Protocol):
    """A compiled network. Not thread-safe: one caller at a time."""

    backend: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Run on arrays in the order of ``inputs``; outputs are valid until the next call."""
        ...


class Backend(Protocol):
    """One inference library."""

    name: str
    rank: int
    """Lower is tried first."""

    def unavailable(self) -> str | None:
        """Return why this backend cannot be used here, or None when it can."""
        ...

    def load(self, model: Path, *, threads: int) -> Engine:
        """Compile an ONNX file or OpenVINO IR; raise ModelRefused when that is impossible."""
        ...


backends: Registry[Backend] = Registry("visard.engines", "backend")


def load(model: Path, *, backend: str = "auto", threads: int = 1) -> Engine:
    """Compile ``model`` with the named backend, or with the best one that accepts it."""
    if not model.is_file():
        raise EngineError(f"{model} is missing; reinstall Visard to restore it")
    if backend != "auto":
        chosen = backends.get(backend)
        if reason := chosen.unavailable():
            raise BackendUnavailable(f"{backend}: {reason}")
        return chosen.load(model, threads=threads)
    reasons = []
    for candidate in sorted(backends.all().values(), key=lambda b: b.rank):
        if reason := candidate.unavailable():
            reasons.append(f"{candidate.name}: {reason}")
            continue
        try:
            return candidate.load(model, threads=threads)
        except EngineError as error:
            reasons.append(f"{candidate.name}: {error}")
    raise EngineError(f"no backend can run {model.name} ({'; '.join(reasons)})")
