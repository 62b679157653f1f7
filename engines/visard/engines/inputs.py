"""A network's inputs: whether they fit, made-up ones to try it with, and their travels between processes."""

import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from visard.engines.device import is_on_device
from visard.engines.errors import EngineError
from visard.engines.interfaces import Array, Range, Samples, TensorSpec

COUNT = 3
ROOM = 64 * 2**20
"""Bytes of samples kept with an engine; at least one sample is."""
GUESSES = 64, 128, 256, 32, 1
"""Sizes tried where the network leaves one open that is not the batch."""


def made_up(specs: Sequence[TensorSpec], ranges: Sequence[Range], size: int) -> Samples:
    """Return seeded inputs of several kinds: 0 to 1, -1 to 1, noise; whole numbers are 0 and 1.

    ``size`` is used for dimensions that nothing fixes. Without ranges all samples have the same shapes.
    """
    numbers = np.random.default_rng(20240501)
    samples = []
    for index in range(COUNT):
        shapes = [_shape(spec, ranges, index, size) for spec in specs]
        samples.append(
            tuple(_KINDS[index](numbers, spec, shape) for spec, shape in zip(specs, shapes, strict=True))
        )
    return within(samples)


def within(samples: Samples, count: int = COUNT) -> Samples:
    """Return a few of many samples, evenly spread, that take no more than ROOM bytes together."""
    largest = max((sum(array.nbytes for array in sample) for sample in samples), default=1)
    count = max(1, min(count, len(samples), ROOM // max(largest, 1)))
    return [samples[index * len(samples) // count] for index in range(count)] if samples else []


def open_sizes(specs: Sequence[TensorSpec], ranges: Sequence[Range]) -> bool:
    """Whether an input has a dimension, other than the batch, that neither network nor ranges fix."""
    named = {r.name for r in ranges}
    return any(None in spec.shape[1:] for spec in specs if spec.name not in named)


def check(samples: Samples, specs: Sequence[TensorSpec]) -> None:
    """Raise EngineError that names the first of somebody's samples that does not fit the network."""
    for number, sample in enumerate(samples):
        if reason := misfit(sample, specs):
            raise EngineError(f"sample {number}: {reason}")


def misfit(arrays: Sequence[Any], specs: Sequence[TensorSpec], ranges: Sequence[Range] = ()) -> str | None:
    """Return what is wrong with inputs for a network, or None."""
    if len(arrays) != len(specs):
        return f"{len(arrays)} arrays were given for {', '.join(s.name for s in specs)}; give one for each"
    bounds = {r.name: r for r in ranges}
    for array, spec in zip(arrays, specs, strict=True):
        shape, dtype = getattr(array, "shape", None), _dtype(array)
        if shape is None or not _fits(tuple(shape), spec, bounds.get(spec.name)):
            return f"{spec.name} takes {_text(spec, bounds.get(spec.name))}, not {_list(shape)}"
        if dtype is not None and dtype != spec.dtype:
            return f"{spec.name} takes {spec.dtype}, not {dtype}"
    return None


def on_host(arrays: Sequence[Any], specs: Sequence[TensorSpec]) -> list[Array]:
    """Return contiguous host arrays; raise EngineError when some lie on a GPU or do not fit."""
    if any(map(is_on_device, arrays)):
        raise EngineError("this engine takes arrays in host memory; copy those on a GPU with device.to_host")
    hosts = [np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array) for array in arrays]
    if reason := misfit(hosts, specs):
        raise EngineError(reason)
    return hosts


def _dtype(array: Any) -> np.dtype[Any] | None:
    """Return an array's dtype; other libraries' names for theirs tell nothing."""
    if interface := getattr(array, "__cuda_array_interface__", None):
        told: np.dtype[Any] = np.dtype(interface["typestr"])
        return told
    dtype = getattr(array, "dtype", None)
    return dtype if isinstance(dtype, np.dtype) else None


def _fits(shape: tuple[int, ...], spec: TensorSpec, bounds: Range | None) -> bool:
    if len(shape) != len(spec.shape) or any(
        want not in (None, is_) for want, is_ in zip(spec.shape, shape, strict=True)
    ):
        return False
    return bounds is None or all(
        low <= is_ <= high for low, is_, high in zip(bounds.low, shape, bounds.high, strict=True)
    )


def _text(spec: TensorSpec, bounds: Range | None) -> str:
    return f"{_list(bounds.low)} to {_list(bounds.high)}" if bounds else _list(spec.shape)


def _list(shape: Sequence[int | None] | None) -> str:
    if shape is None:
        return "something that is no array"
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"


def _shape(spec: TensorSpec, ranges: Sequence[Range], index: int, size: int) -> tuple[int, ...]:
    for bounds in ranges:
        if bounds.name == spec.name:
            return (bounds.usual, bounds.low, bounds.high)[index % 3]
    return tuple(n or (size if axis else 1) for axis, n in enumerate(spec.shape))


def _unit(numbers: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    """What lies between 0 and 1; pictures, and all else of more than two dimensions, are smooth."""
    if not np.issubdtype(spec.dtype, np.floating):
        return np.zeros(shape, spec.dtype)
    if len(shape) < 3 or math.prod(shape) < 64:
        return numbers.random(shape).astype(spec.dtype)
    waves = sum(_wave(numbers, shape) for _ in range(4))
    return np.asarray(0.5 + waves / 8, spec.dtype)


def _wave(numbers: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A plane wave through all dimensions, -1 to 1."""
    phase = np.full(shape, numbers.random() * 6, np.float32)
    for axis, n in enumerate(shape):
        along = np.linspace(0, numbers.uniform(-12, 12), n, dtype=np.float32)
        phase += along.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return np.sin(phase)


def _signed(numbers: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    if not np.issubdtype(spec.dtype, np.floating):
        return numbers.integers(0, 2, shape).astype(spec.dtype)
    return np.asarray(_unit(numbers, spec, shape) * 2 - 1, spec.dtype)


def _noise(numbers: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    """Normal numbers for vectors, as latents and embeddings are; uniform ones for pictures."""
    if not np.issubdtype(spec.dtype, np.floating):
        return numbers.integers(0, 2, shape).astype(spec.dtype)
    draw = numbers.standard_normal if len(shape) == 2 else numbers.random
    return draw(shape, np.float32).astype(spec.dtype)


_KINDS = _unit, _signed, _noise


def to_bytes(rows: dict[str, Sequence[tuple[Array, ...]]]) -> bytes:
    """Return named lists of tuples of arrays as one npz."""
    arrays = {
        f"{name}.{i}.{j}": array
        for name, row in rows.items()
        for i, group in enumerate(row)
        for j, array in enumerate(group)
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def from_bytes(content: bytes, name: str) -> list[tuple[Array, ...]]:
    """Return one of the lists that ``to_bytes`` was given."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return list(_groups(file, name))


def _groups(file: Any, name: str) -> Iterator[tuple[Array, ...]]:
    sizes: dict[int, int] = {}
    for key in file.files:
        row, i, j = key.rsplit(".", 2)
        if row == name:
            sizes[int(i)] = max(sizes.get(int(i), 0), int(j) + 1)
    for i in range(len(sizes)):
        yield tuple(file[f"{name}.{i}.{j}"] for j in range(sizes[i]))
