"""What an ONNX file holds, without loading its weights: a file of any size is read in a moment.

A protobuf message is a row of fields, each with a number, a kind and, where it is bytes, a length. This walks
over those that lead to inputs, outputs and weights, and passes the rest by.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import IO

from visard.engines.errors import ModelRefused
from visard.engines.file_access import open_plain
from visard.models.onnx_fields import check_whole, varint

MAX_BYTES = 2**31 - 1
"""What the format allows a file to have."""
_MOST_FIELDS = 4_000_000
_MOST_PORT = 1 << 16
"""Bytes of what describes one input or output."""
_HALF = 10
"""ONNX's number for fp16."""
_WITHIN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "weight", 11: "input", 12: "output", 15: "sparse"},
    "body": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "body", 10: "tensor", 11: "body", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""The messages of the format, and the fields in each that are looked at, by number."""
_TENSOR = {1: "dims", 2: "type", 8: "name", 13: "elsewhere", 14: "place"}
_MOST_DIMS = 64
_MOST_A_BYTE = 4
"""Numbers that a byte holds at most: the smallest have two bits."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output."""

    name: str
    shape: tuple[int, ...]
    """0 where it is open."""
    type: str
    """As ONNX calls it."""

    def __str__(self) -> str:
        """Say it as people write shapes."""
        sizes = ",".join(str(size or "N") for size in self.shape)
        return f"{self.name} [{sizes}]" + ("" if self.type == "float" else f" {self.type}")


@dataclass(slots=True)
class OnnxContent:
    """What was found in a file."""

    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    weights: list[tuple[int, ...]] = field(default_factory=list)
    """Shapes."""
    halves: int = 0
    """How many weights are in half precision."""

    @property
    def half(self) -> bool:
        """Whether most weights are in half precision."""
        return 2 * self.halves > len(self.weights)

    def __str__(self) -> str:
        """Say what goes in and out."""
        ports = (", ".join(map(str, each)) or "none" for each in (self.inputs, self.outputs))
        return "an ONNX network with inputs {} and outputs {}".format(*ports)


def scan(path: Path, name: str) -> OnnxContent:
    """Return what a file holds that is to be called ``name``. Raises ModelRefused; OSError if unreadable."""
    with open_plain(path, MAX_BYTES) as file:
        check_whole(name, file)
        size = file.seek(0, 2)
        reader = _Reader(name, file)
        reader.walk("model", 0, size)
    known = {tensor.name for tensor in reader.weights}
    content = reader.content
    content.inputs = [port for port in content.inputs if port.name not in known]
    content.weights = [tuple(tensor.dims) for tensor in reader.weights]
    content.halves = sum(tensor.type == _HALF for tensor in reader.weights)
    return content


@dataclass(slots=True)
class _Tensor:
    """What is written before a tensor's numbers."""

    dims: list[int] = field(default_factory=list)
    type: int = 0
    name: str = ""


class _Reader:
    def __init__(self, name: str, file: IO[bytes]) -> None:
        self._name, self._file, self._left = name, file, _MOST_FIELDS
        self.content = OnnxContent()
        self.weights: list[_Tensor] = []

    def walk(self, kind: str, start: int, end: int, depth: int = 0) -> None:
        """Look at the fields of a message from ``start`` to ``end``."""
        if depth > 32:
            raise self._damaged()
        for number, wire, at, after in self._fields(start, end):
            found = _WITHIN[kind].get(number)
            if found in ("input", "output"):
                self._port(found, at, after)
            elif found in ("weight", "tensor") and wire == 2:
                tensor = self._tensor(at, after)
                if found == "weight":
                    self.weights.append(tensor)
            elif found in _WITHIN and wire == 2:
                self.walk(found, at, after, depth + 1)

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield number, wire type, and where the value of each field begins and ends."""
        while start < end:
            self._left -= 1
            self._file.seek(start)
            key = varint(self._file)
            wire = key & 7
            length = {0: 0, 1: 8, 2: 0, 5: 4}.get(wire, -1)
            if wire == 2:
                length = varint(self._file)
            at = self._file.tell()
            if wire == 0:
                varint(self._file)
                length = self._file.tell() - at
            if key < 8 or length < 0 or at + length > end or self._left < 0:
                raise self._damaged()
            yield key >> 3, wire, at, at + length
            start = at + length

    def _tensor(self, start: int, end: int) -> "_Tensor":
        """Return what a tensor says of itself; raises ModelRefused where that cannot be."""
        tensor = _Tensor()
        for number, wire, at, after in self._fields(start, end):
            found = _TENSOR.get(number)
            if found == "dims":
                tensor.dims += self._numbers(at, after) if wire == 2 else [self._number(at)]
            elif found == "type":
                tensor.type = self._number(at)
            elif found == "name" and after - at < _MOST_PORT:
                self._file.seek(at)
                tensor.name = self._file.read(after - at).decode("utf-8", "replace")
            elif found == "elsewhere" or (found == "place" and self._number(at)):
                raise ModelRefused(
                    f"{self._name} keeps weights in other files; one that holds them is needed"
                )
        if len(tensor.dims) > _MOST_DIMS:
            raise self._damaged()
        if prod(tensor.dims) > _MOST_A_BYTE * (end - start):
            raise ModelRefused(
                f"{self._name} is damaged: it declares a tensor of {prod(tensor.dims)} numbers, "
                f"which cannot be in {end - start} bytes"
            )
        return tensor

    def _numbers(self, start: int, end: int) -> list[int]:
        if end - start > 256:
            raise self._damaged()
        self._file.seek(start)
        numbers = []
        while self._file.tell() < end:
            numbers.append(varint(self._file))
        return numbers

    def _number(self, at: int) -> int:
        self._file.seek(at)
        return varint(self._file)

    def _port(self, kind: str, start: int, end: int) -> None:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

        if end - start > _MOST_PORT:
            raise self._damaged()
        self._file.seek(start)
        try:
            value = onnx.ValueInfoProto.FromString(self._file.read(end - start))
        except DecodeError as error:
            raise self._damaged() from error
        tensor = value.type.tensor_type
        shape = tuple(max(dim.dim_value, 0) for dim in tensor.shape.dim)
        known = onnx.TensorProto.DataType.values()
        number = tensor.elem_type if tensor.elem_type in known else 0
        port = Port(value.name, shape, onnx.TensorProto.DataType.Name(number).lower())
        (self.content.inputs if kind == "input" else self.content.outputs).append(port)

    def _damaged(self) -> ModelRefused:
        return ModelRefused(f"{self._name} is damaged: it begins like an ONNX file and then makes no sense")
