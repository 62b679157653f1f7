"""ONNX files that others made: read within bounds, and wrapped so that bytes go in and come out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from visard.engines.errors import ModelRefused
from visard.engines.file_access import open_plain
from visard.models.onnx_fields import check_whole
from visard.models.scale import Scale

if TYPE_CHECKING:
    import onnx

MAX_BYTES = 2**31 - 1
"""What the format allows a file to have."""
_FLOAT, _HALF, _BYTE = 1, 10, 2
"""ONNX's numbers for element types."""
_BGR = np.array([2, 1, 0])


def read_model(path: Path, what: str = "a published model") -> "onnx.ModelProto":
    """Read a file that holds its weights itself; ``what`` is expected. Raises ModelRefused."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx.external_data_helper import uses_external_data

    try:
        with open_plain(path, MAX_BYTES) as file:
            check_whole(path.name, file, f", as {what} is")
            model = onnx.load(file, "protobuf", load_external_data=False)
    except OSError as error:
        raise ModelRefused(f"{path} cannot be read: {error.strerror}") from error
    except (DecodeError, ValueError) as error:
        raise ModelRefused(f"{path.name} is not an ONNX file that can be read; get it again") from error
    if any(map(uses_external_data, model.graph.initializer)):
        raise ModelRefused(f"{path.name} keeps its weights in other files; {what} holds them itself")
    weights = {tensor.name for tensor in model.graph.initializer}
    for value in [value for value in model.graph.input if value.name in weights]:
        model.graph.input.remove(value)
    return model


def widen(graph: "onnx.GraphProto") -> None:
    """Turn a graph in half precision into fp32, in place: engines choose the precision, and check it."""
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == _HALF:
            value.type.tensor_type.elem_type = _FLOAT
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        if attribute.HasField("t"):
            _widen_tensor(attribute.t)
        if attribute.name in ("to", "dtype") and attribute.i == _HALF:
            attribute.i = _FLOAT
        if attribute.HasField("g"):
            widen(attribute.g)


def _widen_tensor(tensor: "onnx.TensorProto") -> None:
    from onnx import numpy_helper

    if tensor.data_type == _HALF:
        array = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


class Wrapper:
    """Puts nodes before and after a network; its first input and first output become bytes.

    What goes in and out is in NHWC and BGR, as pictures are here; fp16 becomes fp32. Raises ModelRefused
    where inputs and outputs are not those expected.
    """

    def __init__(self, path: Path, inputs: dict[str, tuple[int, ...]], output: tuple[int, ...]) -> None:
        """``inputs``: the shapes to be set by name; an empty name stands for the only input."""
        self._name, self._model = path.name, read_model(path)
        self._graph = self._model.graph
        widen(self._graph)
        self._before: list[onnx.NodeProto] = []
        self._after: list[onnx.NodeProto] = []
        self._count = 0
        self._check(inputs, output)
        self._output = self._graph.output[0].name
        del self._graph.value_info[:], self._graph.output[:]

    def picture_in(self, name: str, side: int, scale: Scale, *, planes: bool = True) -> None:
        """Make an input a crop, uint8 [1, side, side, 3], BGR.

        The network gets it as RGB in planes, or without ``planes`` as it lies.
        """
        port = self._port(name)
        crop = self._input(f"visard_{port}", _BYTE, (1, side, side, 3))
        x = self._op(self._before, "Cast", crop, to=_FLOAT)
        mean, deviation = (255 * np.array(each[::-1]) for each in (scale.mean, scale.deviation))
        if mean.any():
            x = self._op(self._before, "Sub", x, self._constant(mean))
        x = self._op(self._before, "Mul", x, self._constant(1 / deviation))
        if planes:
            x = self._op(self._before, "Gather", x, self._constant(_BGR), axis=3)
            x = self._op(self._before, "Transpose", x, perm=[0, 3, 1, 2])
        self._feed(port, x)

    def keep(self, name: str, shape: tuple[int, ...]) -> None:
        """Leave an input as it is, fp32 of this shape; what the file has it as is cast to."""
        port = next(value for value in self._graph.input if value.name == self._port(name))
        kind = port.type.tensor_type.elem_type
        given = self._input(f"visard_{port.name}", _FLOAT, shape)
        self._feed(port.name, given if kind == _FLOAT else self._op(self._before, "Cast", given, to=kind))

    def number_in(self, name: str) -> None:
        """Make an input a single number, fp32 [1], whatever kind and shape the file has it as."""
        port = next(value for value in self._graph.input if value.name == name)
        x = self._input(f"visard_{name}", _FLOAT, (1,))
        kind = port.type.tensor_type.elem_type
        x = x if kind == _FLOAT else self._op(self._before, "Cast", x, to=kind)
        sizes = self._constant(np.ones(len(_shape(port)), np.int64))
        self._feed(name, self._op(self._before, "Reshape", x, sizes))

    def picture_out(self, side: int, scale: Scale) -> None:
        """Make the output a crop, uint8 [1, side, side, 3], BGR, cut down to bytes."""
        gain, shift = scale.to_bytes
        y = self.after("Mul", self._output, gain)
        if shift:
            y = self.after("Add", y, shift)
        y = self.after("Transpose", self.after("Gather", y, _BGR, axis=1), perm=[0, 2, 3, 1])
        self.bytes_out(y, (1, side, side, 3))

    def bytes_out(self, y: str, shape: tuple[int, ...]) -> None:
        """Make a tensor, 0..255, the output, cut down to bytes."""
        y = self.after("Floor", self.after("Min", self.after("Max", y, 0.0), 255.0))
        self._result(self.after("Cast", y, to=_BYTE), _BYTE, shape)

    def floats_out(self, shape: tuple[int, ...]) -> None:
        """Leave the output as it is, fp32 of this shape."""
        self._result(self.after("Identity", self._output), _FLOAT, shape)

    def after(self, kind: str, *inputs: str | npt.NDArray[Any] | float, **attributes: Any) -> str:
        """Add a node behind the network, of tensors by name and of constants."""
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        return self._op(self._after, kind, *names, **attributes)

    @property
    def output(self) -> str:
        """The name of the network's own output."""
        return str(self._output)

    def first_nodes(self, count: int) -> list[str]:
        """Return the names of the network's first nodes."""
        return [node.name for node in self._graph.node[:count]]

    def save(self, path: Path) -> None:
        """Write the wrapped network, without weights that nothing reads."""
        graph = self._graph
        nodes = [*self._before, *graph.node, *self._after]
        del graph.node[:]
        graph.node.extend(nodes)
        used = _read_names(graph)
        for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
            graph.initializer.remove(tensor)
        path.write_bytes(self._model.SerializeToString())

    def _check(self, inputs: dict[str, tuple[int, ...]], output: tuple[int, ...]) -> None:
        graph = self._graph
        ports = {value.name: _shape(value) for value in graph.input}
        names = set(inputs) if "" not in inputs else set(ports)
        wanted = inputs if "" not in inputs else dict.fromkeys(ports, inputs[""])
        fits = (
            set(ports) == names
            and len(ports) == len(inputs)
            and len(graph.output) > 0
            and all(_alike(shape, wanted[name]) for name, shape in ports.items())
            and _alike(_shape(graph.output[0]), output)
        )
        if not fits:
            found = ", ".join(f"{value.name} {_shape(value)}" for value in (*graph.input, *graph.output))
            expected = ", ".join(f"{name or 'one input'} {list(shape)}" for name, shape in inputs.items())
            raise ModelRefused(
                f"{self._name} is another network than its name says: found {found}; "
                f"expected are {expected} and an output {list(output)}"
            )

    def _port(self, name: str) -> str:
        return name or self._graph.input[0].name

    def _input(self, name: str, kind: int, shape: tuple[int, ...]) -> str:
        from onnx import helper

        self._graph.input.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def _feed(self, port: str, tensor: str) -> None:
        """Give an input of the network a tensor instead."""
        from onnx import helper

        self._graph.input.remove(next(value for value in self._graph.input if value.name == port))
        self._before.append(helper.make_node("Identity", [tensor], [port], f"visard_{self._next()}"))

    def _result(self, tensor: str, kind: int, shape: tuple[int, ...]) -> None:
        from onnx import helper

        self._graph.output.append(helper.make_tensor_value_info(tensor, kind, shape))

    def _op(self, nodes: "list[onnx.NodeProto]", kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"visard_{kind}_{self._next()}"
        nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def _constant(self, value: npt.NDArray[Any] | float) -> str:
        from onnx import numpy_helper

        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        name = f"visard_constant_{self._next()}"
        self._graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def _next(self) -> int:
        self._count += 1
        return self._count


def _read_names(graph: "onnx.GraphProto") -> set[str]:
    """Return every tensor that a graph, or one inside of it, reads or hands out."""
    used = {value.name for value in graph.output}
    for node in graph.node:
        used.update(node.input)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                used |= _read_names(attribute.g)
    return used


def _shape(value: "onnx.ValueInfoProto") -> list[int]:
    """Return a shape; 0 where it is open."""
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def _alike(found: list[int], wanted: tuple[int, ...]) -> bool:
    """Whether shapes agree where both are known; one without sizes agrees with all."""
    return (
        not found
        or not wanted
        or (
            len(found) == len(wanted)
            and all(is_ <= 0 or is_ == want for is_, want in zip(found, wanted, strict=True))
        )
    )
