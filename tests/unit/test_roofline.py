"""Operations and bytes of networks, and what machines can do."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from networks import NETWORKS
from onnx import TensorProto, helper, numpy_helper, save

from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Precision
from visard.models.assets import asset

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
hardware, roofline = import_module("_hardware"), import_module("_roofline")


def network(path: Path, nodes: list, weights: dict, ends: dict) -> Path:  # type: ignore[type-arg]
    def info(name: str) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ends[name])

    made = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()]
    graph = helper.make_graph(nodes, "graph", [info("x")], [info("y")], made)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def convolution(path: Path, height: int | str = 32) -> Path:
    """16 to 24 channels, 3x3, groups of 8, on 32 x 64."""
    node = helper.make_node("Conv", ["x", "w"], ["c"], group=2, pads=[1] * 4)
    nodes = [node, helper.make_node("Relu", ["c"], ["y"])]
    shapes = {"x": [1, 16, height, 64], "y": [1, 24, height, 64]}
    return network(path, nodes, {"w": (24, 8, 3, 3)}, shapes)


def test_a_convolution_is_counted_by_hand(tmp_path: Path) -> None:
    work = roofline.work(convolution(tmp_path / "c.onnx"))
    out = 24 * 32 * 64
    assert work.kinds() == {"Conv": 2 * out * 8 * 9, "Relu": out}
    assert work.weights == 24 * 8 * 9
    assert work.ends == 16 * 32 * 64 + out
    assert work.moved == work.weights + work.ends
    assert work.unknown == ()


def test_a_size_that_varies_is_as_said(tmp_path: Path) -> None:
    path = convolution(tmp_path / "c.onnx", "H")
    once, twice = (roofline.work(path, {"x": (1, 16, height, 64)}) for height in (32, 64))
    assert once.operations == roofline.work(convolution(tmp_path / "fixed.onnx")).operations
    assert twice.operations == 2 * once.operations


def test_dense_layers_are_counted_by_hand(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Gemm", ["m", "v"], ["y"], transB=1),
    ]
    path = network(
        tmp_path / "d.onnx", nodes, {"w": (256, 100), "v": (30, 100)}, {"x": [5, 256], "y": [5, 30]}
    )
    work = roofline.work(path)
    assert work.kinds() == {"MatMul": 2 * 5 * 256 * 100, "Gemm": 2 * 5 * 100 * 30}
    assert work.weights == 256 * 100 + 30 * 100


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_of_whole_networks_are_all_told(name: str, tmp_path: Path) -> None:
    path = NETWORKS[name](tmp_path / "network.onnx", 1 / 16, dynamic=True)
    work = roofline.work(path)
    assert work.unknown == ()
    assert work.operations > 1e6
    assert work.weights * 4 == pytest.approx(path.stat().st_size, rel=0.5)


def test_shipped_networks_are_as_known() -> None:
    landmarks = roofline.work(asset("mp_face_landmarks_v2_478.onnx"))
    assert landmarks.operations == pytest.approx(0.23e9, rel=0.1)
    assert not landmarks.unknown


def test_the_longer_of_computing_and_moving_counts() -> None:
    machine = hardware.Machine("test", {Precision.fp32: 1e9, Precision.bf16: 4e9}, 1e9)
    work = roofline.Work((roofline.Layer("Conv", 2_000_000, 900),), weights=100, ends=50)
    exact = roofline.floor(work, machine, Precision.fp32)
    assert exact.computing == pytest.approx(2e-3)
    assert exact.moving == pytest.approx(4e-6)
    assert exact.total == exact.computing
    assert roofline.floor(work, machine, Precision.bf16).total == pytest.approx(0.5e-3)
    assert roofline.floor(work, machine, Precision.fp16).total == pytest.approx(2e-6)  # its peak is not known


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07\x12\x04junk" * 40])
def test_what_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"broken\.onnx"):
        roofline.work(path)


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("NVIDIA H200, 9.0, 580.65", "H200"),
        ("NVIDIA GeForce RTX 4090 8.9", "RTX 4090"),
        ("Tesla T4", "T4"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA RTX 4000 Ada", None),
        ("RTX 40901", None),
    ],
)
def test_gpus_are_known_by_name(description: str, name: str | None) -> None:
    found = hardware.gpu(description)
    assert (found.name if found else None) == name


def test_the_processor_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "ROUNDS", 2)
    monkeypatch.setattr(hardware, "PRODUCTS", 3)
    machine = hardware.processor(1)
    assert 1e9 < machine.peaks[Precision.fp32] < 1e14
    assert machine.peaks[Precision.bf16] >= machine.peaks[Precision.fp32]
    assert 1e8 < machine.bandwidth < 1e13
