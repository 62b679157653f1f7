"""Networks for trying backends with, and what they should say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from networks import samples
from onnx import TensorProto, helper

from visard.engines.interfaces import Array, Backend, Engine, Options
from visard.models import check_inputs
from visard.models.assets import asset

ASSETS = sorted(path.name for path in asset("SHA256SUMS").parent.glob("*.onnx"))


def ignore(_: object) -> None:
    """Takes progress."""


def opened(backend: Backend, model: Path, **options: Any) -> Engine:
    chosen = Options(**{"device": backend.devices()[0], **options})
    return backend.open(backend.compile(model, chosen, ignore), chosen)


BYTES = {"sface_2021dec_fp16w", "occlusion"}
"""Networks that take 0 to 255."""


def reference(model: Path, arrays: Sequence[Array]) -> list[Array]:
    """What the network says when nothing in it is changed."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    feed = {node.name: array for node, array in zip(session.get_inputs(), arrays, strict=True)}
    return list(session.run(None, feed))


def error(ours: Array, theirs: Array) -> float:
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert np.isfinite(ours).all()
    apart = np.abs(ours.astype(np.float64) - theirs)
    if ours.dtype == np.uint8:
        apart = np.maximum(apart - 1, 0)  # the last level is a matter of rounding
    return float(apart.max() / max(1.0, np.abs(theirs).max()))


def small(path: Path, shape: Sequence[int | str], operator: str = "Relu") -> Path:
    """A network of one convolution and one more operator."""
    weights = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["picture", "weights"], ["inner"], pads=[1, 1, 1, 1]),
            helper.make_node(operator, ["inner"], ["result"]),
        ],
        "small",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def picture(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).random(shape, np.float32)


def inputs(model: Path, batch: int = 1) -> tuple[Array, ...]:
    if model.name not in ASSETS:
        return samples(model, 1, batch=batch)[0]
    if model.stem in BYTES:  # a picture of 0 to 1 is all black to them
        return check_inputs.samples(model.stem)[0]
    tensors = onnx.load(model).graph.input
    return tuple(picture(*(d.dim_value or 1 for d in t.type.tensor_type.shape.dim)) for t in tensors)
