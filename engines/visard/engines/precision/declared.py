"""Layers that a network itself says to leave in fp32, by its metadata."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_KEY = "visard.fp32"


def declare_fp32(model: "onnx.ModelProto", prefixes: Iterable[str]) -> None:
    """Let layers whose names begin so stay in fp32 whatever precision is asked for."""
    entry = model.metadata_props.add()
    entry.key, entry.value = _KEY, "\n".join(prefixes)


def declared_fp32(model: "onnx.ModelProto") -> set[str]:
    """Return the names of the layers that a network declares."""
    values = [entry.value for entry in model.metadata_props if entry.key == _KEY]
    prefixes = tuple(prefix for value in values for prefix in value.split("\n") if prefix)
    return {node.name for node in model.graph.node if node.name.startswith(prefixes)}
