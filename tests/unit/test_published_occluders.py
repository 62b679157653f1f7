"""Occluders whose networks are in the store: what they are fed, how they are read, and where they are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from networks._graph import Graph
from onnx import TensorProto
from people import driver

from visard.models.errors import ModelMissing
from visard.models.occluder import OcclusionFinder, occluders
from visard.models.store import open_store

BLUE = (230, 40, 20)
"""BGR: the small networks take what is so blue for something in front."""


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


KINDS = {"xseg": (xseg, "xseg_1"), "bisenet": (bisenet, "bisenet_resnet_18")}


@pytest.fixture(scope="module", params=sorted(KINDS))
def find(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    write, name = KINDS[request.param]
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISARD_HOME", str(folder))
        open_store().import_(write(folder / "network.onnx"), name=name, accept_licence=True)
        yield occluders.get(request.param).open()


def test_what_is_in_front_is_found(find: OcclusionFinder) -> None:
    picture, face = driver()[0]
    left, top, right, bottom = (round(side) for side in face.box)
    middle = (top + bottom) // 2
    drawn = picture.copy()
    cv2.rectangle(drawn, (left - 20, middle), (right + 20, bottom + 20), BLUE, -1)
    (front,) = find(drawn, [face])
    assert front is not None
    assert not front.mask[[0, -1]].any()
    points = face.landmarks[:468]
    found = front.at(points) > 0.5
    assert (found == (points[:, 1] > middle)).mean() > 0.93
    (none,) = find(picture, [face])
    assert none is None


def test_slivers_are_not_believed(find: OcclusionFinder) -> None:
    picture, face = driver()[0]
    x, y = (round(each) for each in face.centre)
    drawn = picture.copy()
    cv2.rectangle(drawn, (x, y), (x + 1, y + 90), BLUE, -1)
    assert find(drawn, [face]) == [None]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_without_a_model_it_says_how_to_get_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISARD_HOME", str(tmp_path))
    with pytest.raises(ModelMissing, match=f"visard models fetch {name}"):
        occluders.get(name).open()
