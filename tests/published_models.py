"""Small networks with the inputs and outputs of published ones, and a store that holds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from networks._graph import Graph
from onnx import TensorProto, helper

from visard.models.enhancer import EnhancerModel
from visard.models.store import Store, open_store
from visard.models.swap.one_shot.family import EMAP, IDENTITY, MEMBERS, Member

BLOCK = 14
STRIPES = 3
BLUE = (230, 40, 20)
"""BGR: the small networks take what is so blue for something in front."""


def swapper(path: Path, member: Member, share: float = 0.0, seed: int = 0) -> Path:
    """Write a member: ``share`` of its target, and for the rest stripes in colours that its source makes."""
    graph = Graph("one_shot", opset=13)
    side = member.side
    target, source = graph.input("target", 1, 3, side, side), graph.input("source", *member.source)
    if member.picture is not None:
        source = graph.op("ReduceMean", source, axes=[2, 3], keepdims=0)
    made = graph.op("Sigmoid", graph.op("MatMul", source, graph.constant(colours(member, seed))))
    rest = graph.op("MatMul", graph.reshape(made, 1, 3, STRIPES), graph.constant(stripes(side)))
    rest = graph.op("Mul", graph.reshape(rest, 1, 3, side, side), graph.constant(1 - share))
    y = graph.op("Add", graph.op("Mul", target, graph.constant(share)), rest)
    graph.output("output", y, 1, 3, side, side)
    if member.converter == EMAP:
        graph.constant(matrix(seed), "emap")
    return graph.save(path)


def mix(
    target: np.ndarray, source: np.ndarray, member: Member, share: float = 0.0, seed: int = 0
) -> np.ndarray:
    """Return what ``swapper`` computes."""
    flat = source.mean((2, 3)) if source.ndim == 4 else source
    made = 1 / (1 + np.exp(-(flat @ colours(member, seed)).reshape(1, 3, STRIPES)))
    return share * target + (1 - share) * (made @ stripes(member.side)).reshape(
        1, 3, member.side, member.side
    )


def stripes(side: int) -> np.ndarray:
    """Patterns that are 1 together, [1, STRIPES, side * side]."""
    y, x = np.mgrid[:side, :side] / side
    down, across = 0.5 + 0.5 * np.sin(20 * y), 0.5 + 0.5 * np.cos(15 * x)
    return (
        np.stack([down, (1 - down) * across, (1 - down) * (1 - across)])
        .reshape(1, STRIPES, -1)
        .astype(np.float32)
    )


def colours(member: Member, seed: int) -> np.ndarray:
    """Weights from a source to the colours of stripes."""
    size, gain = 3 if member.picture is not None else 512, 2.0 if member.normalised else 0.03
    random = np.random.default_rng(seed)
    return random.standard_normal((size, 3 * STRIPES)).astype(np.float32) * np.float32(gain)


def matrix(seed: int) -> np.ndarray:
    """A matrix that turns vectors and changes their length."""
    return (np.random.default_rng(seed + 50).standard_normal((512, 512)) / 12).astype(np.float32)


def identity(path: Path, seed: int = 0) -> Path:
    """Write what makes 512 numbers of a crop: means of blocks, mixed."""
    graph = Graph("identity", opset=11, seed=seed)
    x = graph.input("data", "None", 3, 112, 112)
    x = graph.op("AveragePool", x, kernel_shape=[BLOCK] * 2, strides=[BLOCK] * 2)
    count = 3 * (112 // BLOCK) ** 2
    graph.output("683", graph.dense(graph.reshape(x, -1, count), count, 512, gain=8), "None", 512)
    return graph.save(path)


def converter(path: Path, seed: int = 0) -> Path:
    """Write what makes other 512 numbers of them."""
    graph = Graph("converter", opset=14, seed=seed + 100)
    graph.output("output", graph.dense(graph.input("input", 1, 512), 512, 512), 1, 512)
    return graph.save(path)


def enhancer(path: Path, model: EnhancerModel) -> Path:
    """Write one that makes a crop lighter: by a half of the room there is, times the weight if it has one."""
    graph = Graph("enhancer", opset=13)
    x = graph.input("input", 1, 3, model.side, model.side)
    share = graph.constant(0.5)
    if model.weighted:
        graph._inputs.append(helper.make_tensor_value_info("weight", TensorProto.DOUBLE, []))
        share = graph.op("Mul", graph.op("Cast", "weight", to=TensorProto.FLOAT), share)
    room = graph.op("Sub", graph.constant(1.0), x)
    graph.output("output", graph.op("Add", x, graph.op("Mul", room, share)), 1, 3, model.side, model.side)
    return graph.save(path)


def fill(folder: Path, *names: str, share: float = 0.0) -> Store:
    """Put these members, and all that they need, into the store of this home."""
    store = open_store()
    for name in {needed for each in names for needed in MEMBERS[each].needed}:
        path = folder / f"{name}.onnx"
        if name == IDENTITY:
            identity(path)
        elif name in MEMBERS:
            swapper(path, MEMBERS[name], share)
        else:
            converter(path)
        store.import_(path, name=name, accept_licence=True)
    return store


def blueness(graph: Graph, picture: str, axis: int, blue: int, red: int) -> str:
    """Blue without red, of a picture in 0..1."""
    parts = [graph.op("Gather", picture, graph.constant([channel]), axis=axis) for channel in (blue, red)]
    return graph.op("Sub", *parts)


def xseg(path: Path) -> Path:
    graph = Graph("xseg", opset=13)
    x = graph.input("in_face:0", "unk__1", 256, 256, 3)
    hidden = graph.op("Greater", blueness(graph, x, 3, 0, 2), graph.constant(0.5))
    hidden = graph.op("Cast", hidden, to=TensorProto.FLOAT)
    graph.output("out_mask:0", graph.op("Sub", graph.constant(1.0), hidden), "unk__1", 256, 256, 1)
    return graph.save(path)


def bisenet(path: Path) -> Path:
    """Skin (1) everywhere but where it is hair (17)."""
    graph = Graph("bisenet", opset=11)
    x = graph.input("input", 1, 3, 512, 512)
    mean, deviation = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in (
        (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))  # fmt: skip
    picture = graph.op("Add", graph.op("Mul", x, graph.constant(deviation)), graph.constant(mean))
    blue = blueness(graph, picture, 1, 2, 0)
    weights = np.zeros((1, 19, 1, 1), np.float32)
    weights[0, 17] = 1
    bias = np.full((1, 19, 1, 1), -9, np.float32)
    bias[0, 1], bias[0, 17] = 0.5, 0
    scores = graph.op("Add", graph.op("Mul", blue, graph.constant(weights)), graph.constant(bias))
    graph.output("output", scores, 1, 19, 512, 512)
    graph.output("more", scores, 1, 19, 512, 512)
    return graph.save(path)


OCCLUDERS = {"xseg": (xseg, "xseg_1"), "bisenet": (bisenet, "bisenet_resnet_18")}
"""What writes the network of each occluder that has none of its own, and as which model."""


@contextmanager
def occluder_home(name: str, folder: Path) -> Iterator[None]:
    """Let a folder be the home, and an occluder's network be in its store."""
    write, model = OCCLUDERS[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISARD_HOME", str(folder))
        open_store().import_(write(folder / "network.onnx"), name=model, accept_licence=True)
        yield
