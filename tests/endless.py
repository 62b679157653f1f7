"""ONNX files that are valid and never end."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64


def endless(path: Path, *, constant: bool) -> Path:
    """A trained face by its inputs and outputs, with a loop that goes on for ever.

    With ``constant`` the loop depends on no input, so that simplifying the network runs it already.
    """
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going_in"], ["going"]),
            helper.make_node("Mul", ["before", "half"], ["after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("going_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [1]),
        ],
    )
    nodes = [
        helper.make_node("ReduceMean", ["in_face:0"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "one"], ["mean1"]),
        helper.make_node("Loop", ["rounds", "yes", "start" if constant else "mean1"], ["end"], body=body),
        helper.make_node("Add", ["in_face:0", "end"], ["celeb"]),
        helper.make_node("ReduceMean", ["celeb"], ["mask"], axes=[3]),
        helper.make_node("Identity", ["mask"], ["celeb_mask"]),
    ]
    weights = {
        "rounds": np.array(2**62),
        "yes": np.array(True),
        "start": np.ones(1, np.float32),
        "half": np.array([0.5], np.float32),
        "one": np.array([1]),
    }
    shape = [1, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "endless",
        [helper.make_tensor_value_info("in_face:0", TensorProto.FLOAT, [*shape, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [*shape, channels])
            for name, channels in (("mask", 1), ("celeb", 3), ("celeb_mask", 1))
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
