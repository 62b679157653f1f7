"""Networks by the names and files that people give on the command line."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from visard.daemon.errors import EngineError, ModelRefused
from visard.engines import TensorSpec
from visard.engines.interfaces import Range
from visard.models.assets import asset
from visard.models.bundled import shipped


@dataclass(frozen=True, slots=True)
class Network:
    """A network, where it is, and what goes in."""

    name: str
    path: Path
    inputs: tuple[TensorSpec, ...]


def find(text: str) -> Network:
    """Return the network of this name or in this file; raise EngineError for what is neither.

    Raises AssetDamaged for one of ours that is not intact.
    """
    known, path = shipped(), Path(text).expanduser()
    if text in known:
        path = asset(known[text].name)
    elif not path.is_file():
        raise EngineError(_neither(text, path, list(known)))
    return Network(text if text in known else path.name, path, _inputs(path))


def _neither(text: str, path: Path, known: list[str]) -> str:
    if path.is_dir():
        return f"{text} is a folder, not a network"
    if path.suffix or path.name != text:
        return f"there is no file at {text}"
    near = difflib.get_close_matches(text, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"there is no network {text!r}; {hint}Name an ONNX file or one of: {', '.join(known)}"


def _inputs(path: Path) -> tuple[TensorSpec, ...]:
    import onnx

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:  # protobuf's own class is not public
        raise ModelRefused(f"{path.name} is not an ONNX file") from error
    if not graph.node:
        raise ModelRefused(f"{path.name} is not an ONNX file, or an empty one")
    weights = {each.name for each in graph.initializer}
    return tuple(_spec(tensor) for tensor in graph.input if tensor.name not in weights)


def _spec(value: "onnx.ValueInfoProto") -> TensorSpec:  # type: ignore[name-defined]  # noqa: F821
    from onnx import helper

    kind = value.type.tensor_type
    shape = tuple(dim.dim_value or None for dim in kind.shape.dim)
    return TensorSpec(value.name, helper.tensor_dtype_to_np_dtype(kind.elem_type), shape)


def ranges(network: Network, said: Sequence[str]) -> tuple[Range, ...]:
    """Return the shapes of inputs that vary, from texts such as ``x=1x3x256x256`` or ``x=low:usual:high``.

    A batch that varies is 1 unless said otherwise. Raises EngineError for what does not fit, or is missing.
    """
    given = {each.name: each for each in (_range(network, text) for text in said)}
    for spec in network.inputs:
        if spec.name in given or None not in spec.shape:
            continue
        if None in spec.shape[1:]:
            raise EngineError(f"sizes of {_told(spec)} vary; say which with --shape {_example(spec)}")
        shape = (1, *(size or 1 for size in spec.shape[1:]))
        given[spec.name] = Range(spec.name, shape, shape, shape)
    return tuple(given.values())


def _range(network: Network, text: str) -> Range:
    name, _, sizes = text.rpartition("=")
    spec = next((each for each in network.inputs if each.name == name), None)
    if spec is None:
        inputs = ", ".join(map(_told, network.inputs))
        raise EngineError(f"{network.name} has no input {name or text!r}; its inputs: {inputs}")
    try:
        shapes = [tuple(int(size) for size in shape.split("x")) for shape in sizes.split(":")]
    except ValueError as error:
        raise EngineError(f"{sizes!r} is no shape; write it like --shape {_example(spec)}") from error
    low, usual, high = shapes * 3 if len(shapes) == 1 else (*shapes, *[()] * 3)[:3]
    if not all(_fits(shape, spec) for shape in (low, usual, high)) or not _rising(low, usual, high):
        raise EngineError(f"{sizes} does not fit {_told(spec)}; write it like --shape {_example(spec)}")
    return Range(name, low, usual, high)


def _fits(shape: tuple[int, ...], spec: TensorSpec) -> bool:
    same = len(shape) == len(spec.shape) and all(size > 0 for size in shape)
    return same and all(want in (None, size) for want, size in zip(spec.shape, shape, strict=True))


def _rising(*shapes: tuple[int, ...]) -> bool:
    return all(sorted(sizes) == list(sizes) for sizes in zip(*shapes, strict=True))


def _told(spec: TensorSpec) -> str:
    return f"{spec.name} ({'x'.join('?' if size is None else str(size) for size in spec.shape)})"


def _example(spec: TensorSpec) -> str:
    sizes = [size or (256 if axis else 1) for axis, size in enumerate(spec.shape)]
    return f"{spec.name}={'x'.join(map(str, sizes))}"
