"""Reads, checks and rewrites ``.dfm`` files: ONNX networks as DeepFaceLab's exporter writes them.

Weights and layers stay as they are. The batch becomes 1, so that all shapes are fixed; of an AMP network
the split at a channel that depends on ``morph_value`` becomes a choice by a mask, which every engine takes.
Pictures cross the boundary in fp32: an engine's check measures how far numbers are apart but wants whole
numbers equal, so bytes would refuse half precision for a last digit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visard.engines.errors import ModelRefused
from visard.models.onnx_model import read_model
from visard.models.swap.dfm.morph import unsplit

if TYPE_CHECKING:
    import onnx

Tensor = tuple[str, tuple[int | None, ...]]
"""A part of a tensor's name, and its shape."""
_EXPECTED = (
    "expected are in_face [N,R,R,3], for AMP models also morph_value [1], and three outputs: "
    "masks [N,R,R,1] first and third, the face [N,R,R,3] second, all float32"
)


@dataclass(frozen=True, slots=True)
class DfmInfo:
    """What a ``.dfm`` file holds."""

    resolution: int
    """Side of its pictures in pixels."""
    morphable: bool
    """An AMP model, which mixes two identities."""


def inspect(path: Path) -> DfmInfo:
    """Return what a file holds. Raises ModelRefused with one sentence when it is not a DFM."""
    return _check(path.name, _read(path).graph)


def convert(path: Path) -> "onnx.ModelProto":
    """Read a file and return it as a network that every engine takes; raises ModelRefused."""
    model = _read(path)
    info = _check(path.name, model.graph)
    _fix_batch(model.graph, info.resolution)
    if info.morphable:
        unsplit(path.name, model)
    return model


def ports(path: Path) -> tuple[int, int]:
    """Return the resolution of a network that ``convert`` made, and the length of its morph mask or 0."""
    inputs = _read(path).graph.input
    return _shape(inputs[0])[1] or 0, (_shape(inputs[1])[1] or 0) if len(inputs) > 1 else 0


def _read(path: Path) -> "onnx.ModelProto":
    return read_model(path, "a DFM")


def _check(name: str, graph: "onnx.GraphProto") -> DfmInfo:
    """Raise ModelRefused unless inputs and outputs are a DFM's; outputs count by position, not by name."""
    inputs, outputs = list(graph.input), list(graph.output)
    side = _side(inputs)
    if side and _match(inputs, _inputs(side)[: max(len(inputs), 1)]) and _match(outputs, _outputs(side)):
        return DfmInfo(side, len(inputs) == 2)
    found = f"inputs {_text(inputs)} and outputs {_text(outputs)}"
    raise ModelRefused(f"{name} is not a DFM: found {found}; {_EXPECTED}")


def _side(inputs: list["onnx.ValueInfoProto"]) -> int | None:
    shape = _shape(inputs[0]) if inputs else []
    return shape[1] if len(shape) == 4 else None


def _inputs(side: int) -> list[Tensor]:
    return [("in_face", (None, side, side, 3)), ("morph_value", (1,))]


def _outputs(side: int) -> list[Tensor]:
    return [("", (None, side, side, channels)) for channels in (1, 3, 1)]


def _match(values: list["onnx.ValueInfoProto"], wanted: list[Tensor]) -> bool:
    """Whether tensors are fp32, of these shapes, and these parts are in their names; open sizes suit all."""
    return len(values) == len(wanted) and all(
        part in value.name
        and value.type.tensor_type.elem_type == 1
        and len(_shape(value)) == len(shape)
        and all(is_ == want or None in (is_, want) for is_, want in zip(_shape(value), shape, strict=True))
        for value, (part, shape) in zip(values, wanted, strict=True)
    )


def _shape(value: "onnx.ValueInfoProto") -> list[int | None]:
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.dim_value > 0 else None for dim in dims]


def _text(values: Iterable["onnx.ValueInfoProto"]) -> str:
    import onnx

    def text(value: "onnx.ValueInfoProto") -> str:
        kind = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
        sizes = ",".join("N" if size is None else str(size) for size in _shape(value))
        return f"{value.name} [{sizes}]" + ("" if kind == "float" else f" {kind}")

    return ", ".join(map(text, values)) or "none"


def _fix_batch(graph: "onnx.GraphProto", side: int) -> None:
    """Declare a batch of one; all other shapes follow from it."""
    from onnx import TensorProto, helper

    del graph.value_info[:]
    for value, channels in zip((graph.input[0], *graph.output), (3, 1, 3, 1), strict=True):
        fixed = helper.make_tensor_value_info(value.name, TensorProto.FLOAT, [1, side, side, channels])
        value.CopyFrom(fixed)
