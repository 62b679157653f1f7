"""Graphs with branches, sequences, functions, unknown operators and old ones in half precision."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from converted import convert, ports, sound, worst
from onnx import TensorProto, helper
from planted import Array, f32, kernel, node, picture, plant, tensor

from visard.engines.precision import graph


def branches() -> onnx.NodeProto:
    then = helper.make_graph([node("Mul", ["r", "two"], ["t"])], "then", [], [tensor("t", 1, 4, 16, 16)])
    other = helper.make_graph([node("Neg", ["r"], ["e"])], "other", [], [tensor("e", 1, 4, 16, 16)])
    return node("If", ["c"], ["q"], "if", then_branch=then, else_branch=other)


ODD = {
    "branches": (
        [
            node("Relu", ["x"], ["r"]),
            node("ReduceMax", ["r"], ["s"], keepdims=0),
            node("Greater", ["s", "two"], ["c"]),
            branches(),
            node("Sigmoid", ["q"], ["y"]),
        ],
        {"two": f32(2)},
    ),
    "sequences": (
        [
            node("Relu", ["x"], ["r"]),
            node("SequenceConstruct", ["r", "x"], ["s"]),
            node("SequenceAt", ["s", "one"], ["q"]),
            node("Sigmoid", ["q"], ["y"]),
        ],
        {"one": np.array(1)},
    ),
    "constants": (
        [
            node("Constant", [], ["a"], value_float=2.0),
            node("Mul", ["x", "a"], ["m"]),
            node("Add", ["m", "a"], ["y"]),
        ],
        {},
    ),
    "clash": (
        [
            node("Relu", ["x"], ["y__half"], "n"),
            node("Sigmoid", ["y__half"], ["y__full"], "n"),
            node("Neg", ["y__full"], ["y"]),
        ],
        {},
    ),
    "padding": (
        [
            node("Pad", ["x", "p", "v"], ["b"]),
            node("LeakyRelu", ["b"], ["l"], alpha=0.1),
            node("ConvTranspose", ["l", "w"], ["t"]),
            node("Slice", ["t", "from", "to", "axes"], ["y"]),
        ],
        {
            "p": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
            "v": f32(-1),
            "w": kernel(),
            "from": np.array([2, 2]),
            "to": np.array([18, 18]),
            "axes": np.array([2, 3]),
        },
    ),
    "norms": (
        [
            node("BatchNormalization", ["x", "s", "z", "z", "s"], ["b"]),
            node("InstanceNormalization", ["b", "s", "z"], ["i"]),
            node("LayerNormalization", ["i", "l"], ["y"]),
        ],
        {"s": np.ones(4, np.float32), "z": np.zeros(4, np.float32), "l": np.ones(16, np.float32)},
    ),
    "chance": (
        [
            node("RandomNormalLike", ["x"], ["r"], seed=1.0),
            node("Mul", ["r", "nil"], ["n"]),
            node("Relu", ["x"], ["a"]),
            node("Add", ["a", "n"], ["y"]),
        ],
        {"nil": f32(0)},
    ),
    "double": (
        [
            node("Cast", ["x"], ["d"], to=11),
            node("Mul", ["d", "d"], ["e"]),
            node("Cast", ["e"], ["f"], to=1),
            node("Relu", ["f"], ["y"]),
        ],
        {},
    ),
    "known to others": (
        [
            node("Relu", ["x"], ["r"]),
            node("Gelu", ["r"], ["g"], domain="com.microsoft"),
            node("Sigmoid", ["g"], ["y"]),
        ],
        {},
    ),
}


@pytest.mark.parametrize("name", sorted(ODD))
def test_odd_graphs(tmp_path: Path, name: str) -> None:
    nodes, weights = ODD[name]
    path = plant(tmp_path / "odd.onnx", nodes, weights, domains=["com.microsoft"])
    made = convert(path)
    sound(made.path)
    assert ports(made.path) == ports(path)
    assert worst(path, made.path, picture()).cosine > 0.999
    onnxruntime.InferenceSession(str(made.path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("opset", range(11, 24))
def test_every_version_of_the_operators(tmp_path: Path, opset: int) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1] * 4),
        node("Clip", ["c", "low", "high"], ["d"]),
        node("Softmax", ["d"], ["s"], axis=1),
        node("Resize", ["s", "", "k"], ["y"]),
    ]
    weights: dict[str, Array] = {"w": kernel(), "low": f32(-1), "high": f32(6), "k": f32(1, 1, 2, 2)}
    if opset < 13:
        nodes[3].input[1], weights["roi"] = "roi", np.array([], np.float32)
    path = plant(tmp_path / "v.onnx", nodes, weights, outputs=[tensor("y", 1, 4, 32, 32)], opset=opset)
    made = convert(path)
    sound(made.path)
    assert worst(path, made.path, picture()).cosine > 0.999


def test_functions_of_its_own_are_written_out(tmp_path: Path) -> None:
    body = [node("Sigmoid", ["a"], ["s"]), node("Mul", ["a", "s"], ["b"])]
    swish = helper.make_function("own", "Swish", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    path = plant(
        tmp_path / "f.onnx", [node("Swish", ["x"], ["y"], domain="own")], domains=["own"], functions=[swish]
    )
    model = sound(convert(path).path)
    assert {n.op_type for n in model.graph.node} == {"Cast", "Sigmoid", "Mul"}


def test_an_unknown_operator_stays_between_casts(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Secret", ["r"], ["s"], "secret", domain="else.where"),
        node("Relu", ["x"], ["z"]),
    ]
    path = plant(
        tmp_path / "u.onnx",
        nodes,
        outputs=[tensor("s", 1, 4, 16, 16), tensor("z", 1, 4, 16, 16)],
        domains=["else.where"],
    )
    model = onnx.load(convert(path).path)
    (secret,) = [n for n in model.graph.node if n.name == "secret"]
    assert graph.element_types(model)[secret.input[0]] == TensorProto.FLOAT
