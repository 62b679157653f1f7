"""A small network and a machine to run it on, for the tests of the TensorRT adapter."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from fake_device import FakeDevice
from onnx import TensorProto, helper

from visard.engines import device
from visard.engines.interfaces import Array, Options, Range


class Gpus:
    """A machine with one GPU."""

    def __init__(self, gpu: FakeDevice) -> None:
        self.gpu = gpu

    def unavailable(self) -> str | None:
        return None

    def count(self) -> int:
        return 1

    def open_device(self, index: int) -> Any:
        return self.gpu


def network(path: Path, shape: tuple[int | str, ...] = (1, 3, 8, 8)) -> Path:
    """Two inputs, two outputs: a + 2 b, and the sum of a over its last size."""
    a, b = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "ab")
    outs = [
        helper.make_tensor_value_info("c", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("d", TensorProto.FLOAT, shape[:-1]),
    ]
    constants = [
        helper.make_tensor("two", TensorProto.FLOAT, [], [2.0]),
        helper.make_tensor("last", TensorProto.INT64, [1], [-1]),
    ]
    nodes = [
        helper.make_node("Mul", ["b", "two"], ["doubled"]),
        helper.make_node("Add", ["a", "doubled"], ["c"]),
        helper.make_node("ReduceSum", ["a", "last"], ["d"], keepdims=0),
    ]
    graph = helper.make_graph(nodes, "test", [a, b], outs, constants)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def pair(shape: tuple[int, ...] = (1, 3, 8, 8), seed: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    return random.random(shape, np.float32), random.random(shape, np.float32)


def right(path: Path, *arrays: Array) -> list[Array]:
    """Return what ONNX Runtime says."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = dict(zip((i.name for i in session.get_inputs()), arrays, strict=True))
    return list(session.run(None, feed))


def agree(results: tuple[Any, ...], expected: list[Array]) -> None:
    for result, reference in zip(results, expected, strict=True):
        host = result if isinstance(result, np.ndarray) else device.to_host(result)
        assert host.shape == reference.shape
        np.testing.assert_allclose(host, reference, rtol=1e-6)


def load(backend: Any, path: Path, *ranges: Range) -> Any:
    options = Options(device="cuda:0", ranges=ranges)
    return backend.open(backend.compile(path, options, lambda _: None), options)
