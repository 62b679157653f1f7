"""What engines and backends are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from visard.engines.plugins import Registry

Array = npt.NDArray[Any]
Samples = Sequence[tuple[Array, ...]]
"""Inputs to try a network with: each a tuple of arrays in the order of the network's inputs."""


@runtime_checkable
class CudaArray(Protocol):
    """An array in the memory of a GPU, as CuPy, PyTorch, PyCUDA and our own device layer give them."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3: shape, typestr, data, strides, stream."""
        ...


T = TypeVar("T", Array, CudaArray)


class Precision(StrEnum):
    """The numbers a network computes with."""

    fp32 = "fp32"
    fp16 = "fp16"
    mixed = "mixed"
    """fp16, but fp32 wherever that was seen to be needed."""
    bf16 = "bf16"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, dtype and shape of one tensor; None is a dimension that may vary."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The shapes an input with dimensions that vary will have: smallest, usual and largest."""

    name: str
    low: tuple[int, ...]
    usual: tuple[int, ...]
    high: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """What a network is compiled for."""

    device: str = "cpu"
    """One of ``Backend.devices()``."""
    precision: Precision = Precision.fp32
    threads: int = 1
    """Used on processors only."""
    ranges: tuple[Range, ...] = ()
    """For inputs whose shape is not fixed by the network; others need none."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work is."""

    step: str
    done: float
    """0 to 1."""
    left: float | None = None
    """Seconds, as far as anybody can tell."""


Report = Callable[[Progress], None]


class Engine(Protocol):
    """A compiled network. Not thread-safe: one caller at a time."""

    backend: str
    device: str
    precision: Precision
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __call__(self, *arrays: T) -> tuple[T, ...]:
        """Run on arrays in the order of ``inputs``; outputs lie where the inputs lay, host or device.

        They are valid until the next call. Raises EngineError when the device fails or is gone.
        """
        ...


class Backend(Protocol):
    """One inference library."""

    name: str
    rank: int
    """Lower is tried first."""
    instant: bool
    """Compiling takes hardly longer than opening, so it is done in this process."""
    written: frozenset[Precision]
    """Precisions it wants written into the graph; it makes others from an fp32 graph by itself."""

    def unavailable(self) -> str | None:
        """Return why this backend cannot be used here, or None when it can."""
        ...

    def version(self) -> str:
        """Return the library's version; engines of another one are compiled anew."""
        ...

    def devices(self) -> tuple[str, ...]:
        """Return what it can run on here, best first: ``cuda:0``, ``gpu``, ``npu``, ``cpu`` and so on."""
        ...

    def fingerprint(self, device: str) -> str:
        """Return all that ties a compiled engine to this device: model, capability, driver."""
        ...

    def precisions(self, device: str) -> tuple[Precision, ...]:
        """Return what ``auto`` tries on this device, in order; one of them is fp32.

        One that is safer than another that works is only its fallback. Any other later one has to be
        measured faster before it serves.
        """
        ...

    def compile(self, model: Path, options: Options, report: Report) -> bytes:
        """Compile an ONNX file; raise ModelRefused when that is impossible. May run in a child process.

        The graph has a ``written`` precision in it already.
        """
        ...

    def open(self, plan: bytes, options: Options) -> Engine:
        """Return what ``compile`` made as an engine; raise EngineError when it does not fit this machine."""
        ...


backends: Registry[Backend] = Registry("visard.engines.backends", "backend")
