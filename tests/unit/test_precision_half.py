"""fp16 and bf16 written into graphs: what is half, what stays, and that it computes the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from converted import convert, kinds, ports, sound, worst
from networks import NETWORKS, samples
from onnx import TensorProto
from planted import f32, kernel, node, picture, plant, tensor

from visard.engines import accuracy
from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Precision, Samples
from visard.engines.precision import convert_precision, graph, layer_compare
from visard.models import check_inputs
from visard.models.assets import asset

SHIPPED = sorted(path.name for path in asset("SHA256SUMS").parent.glob("*.onnx"))
HALVES = [Precision.fp16, Precision.bf16]
LEAST = {Precision.fp16: 0.999, Precision.bf16: 0.9}  # 0.93: a mask of what is no person


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_computes_the_same(tmp_path: Path, name: str, precision: Precision) -> None:
    source = tmp_path / name
    source.write_bytes(asset(name).read_bytes())
    made = convert(source, precision)
    assert ports(made.path) == ports(source)
    if precision is Precision.fp16:
        sound(made.path)
    for result, largest in outputs(source, made.path, check_inputs.samples(source.stem)):
        assert result.ok, result.reason
        assert result.cosine >= LEAST[precision] or largest < 1e-3  # a score next to nothing


def outputs(source: Path, other: Path, given: Samples) -> Iterator[tuple[accuracy.CheckResult, float]]:
    """Judge every output beside fp32, and give its largest difference."""
    right, left = (layer_compare.outputs(graph.read(path), given) for path in (source, other))
    anything = accuracy.Limits(-1, -np.inf, 0)
    for index in range(len(right[0])):
        ours, theirs = ([(row[index],) for row in rows] for rows in (left, right))
        result = accuracy.compare(ours, tuple(theirs), ["output"], anything)
        yield result, max(float(np.abs(a - b).max()) for (a,), (b,) in zip(ours, theirs, strict=True))


HEAVY = {"liveportrait_warping"}
BROUGHT = [pytest.param(n, marks=pytest.mark.slow if n in HEAVY else ()) for n in sorted(NETWORKS)]


@pytest.mark.parametrize("name", BROUGHT)
def test_networks_people_bring_compute_the_same(tmp_path: Path, name: str) -> None:
    source = NETWORKS[name](tmp_path / f"{name}.onnx", 0.1)
    made = convert(source)
    sound(made.path)
    assert ports(made.path) == ports(source)
    error = worst(source, made.path, samples(source, 1))
    assert error.ok, error.reason
    assert error.cosine >= 0.999


def test_sizes_computed_in_floats_stay_exact(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Shape", ["r"], ["s"]),
        node("Cast", ["s"], ["f"], to=1),
        node("Mul", ["f", "k"], ["m"]),
        node("Cast", ["m"], ["i"], to=7),
        node("Expand", ["one", "i"], ["e"]),
        node("Add", ["e", "r"], ["y"]),
    ]
    path = plant(
        tmp_path / "sizes.onnx",
        nodes,
        {"k": f32(1, 1), "one": np.ones((1, 1), np.float32)},
        inputs=[tensor("x", 1, "n")],
        outputs=[tensor("y", 1, "n")],
    )
    for precision in HALVES:
        made = convert(path, precision)
        assert worst(path, made.path, picture(1, 3001)).cosine > 0.999


def test_indices_computed_in_floats_stay_exact(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Mul", ["i", "w"], ["a"]),
        node("Add", ["a", "j"], ["b"]),
        node("Cast", ["b"], ["c"], to=7),
        node("Reshape", ["r", "flat"], ["f"]),
        node("Gather", ["f", "c"], ["y"]),
    ]
    path = plant(
        tmp_path / "indices.onnx",
        nodes,
        {"w": f32(80), "flat": np.array([-1])},
        inputs=[tensor("x", 80, 80), tensor("i", 99), tensor("j", 99)],
        outputs=[tensor("y", 99)],
    )
    random = np.random.default_rng(1)
    rows, columns = (random.integers(0, 80, 99).astype(np.float32) for _ in range(2))
    given = [(random.standard_normal((80, 80), np.float32), rows, columns)]
    for precision in HALVES:
        assert worst(path, convert(path, precision).path, given).cosine > 0.999


def test_resize_keeps_its_scales(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["r"]), node("Resize", ["r", "", "s"], ["y"], "resize", mode="linear")]
    path = plant(tmp_path / "resize.onnx", nodes, {"s": f32(1, 1, 2, 2)}, outputs=[tensor("y", 1, 4, 32, 32)])
    model = sound(convert(path).path)
    (resize,) = [n for n in model.graph.node if n.name == "resize"]
    assert {t.name: t.data_type for t in model.graph.initializer}[resize.input[2]] == TensorProto.FLOAT
    assert kinds(model)["resize"] == TensorProto.FLOAT16


@pytest.mark.parametrize(("scale", "says"), [(1e6, "weights up to"), (1e-9, "weights too small")])
def test_weights_fp16_cannot_hold_make_an_island(tmp_path: Path, scale: float, says: str) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], "first", pads=[1] * 4),
        node("Mul", ["c", "k"], ["d"], "back"),
        node("Conv", ["d", "v"], ["y"], "second", pads=[1] * 4),
    ]
    path = plant(tmp_path / "w.onnx", nodes, {"w": kernel(scale=scale), "k": f32(1 / scale), "v": kernel()})
    made = convert(path)
    assert "first" in made.fp32_nodes
    assert "second" not in made.fp32_nodes
    assert any(says in note for note in made.notes)
    assert kinds(sound(made.path))["second"] == TensorProto.FLOAT16


def test_islands_that_are_asked_for(tmp_path: Path) -> None:
    nodes = [
        node("Sigmoid", ["x"], ["a"], "one"),
        node("Exp", ["a"], ["b"], "two"),
        node("Tanh", ["b"], ["y"], "three"),
    ]
    made = convert(plant(tmp_path / "asked.onnx", nodes), fp32_nodes=("two",))
    assert made.fp32_nodes == ("two",)
    found = kinds(sound(made.path))
    assert (found["one"], found["two"], found["three"]) == (10, 1, 10)


def test_weights_of_both_sides_are_kept_for_both(tmp_path: Path) -> None:
    nodes = [node("Mul", ["x", "k"], ["a"], "one"), node("Mul", ["a", "k"], ["y"], "two")]
    path = plant(tmp_path / "both.onnx", nodes, {"k": f32(1.2345678)})
    made = convert(path, fp32_nodes=["two"])
    assert {t.data_type for t in sound(made.path).graph.initializer} == {
        TensorProto.FLOAT,
        TensorProto.FLOAT16,
    }
    assert worst(path, made.path, picture()).cosine > 0.999


def test_weights_beside_the_file(tmp_path: Path) -> None:
    path = plant(tmp_path / "in.onnx", [node("Conv", ["x", "w"], ["y"], pads=[1] * 4)], {"w": kernel()})
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    onnx.save(
        onnx.load(path), folder / "b.onnx", save_as_external_data=True, size_threshold=0, location="b.bin"
    )
    for precision in (Precision.fp16, Precision.fp32):
        into = tmp_path / f"{precision}.onnx"
        convert_precision(folder / "b.onnx", precision, into, samples=None, report=lambda _: None)
        assert worst(path, into, picture()).cosine > 0.999


def test_large_weights_go_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "LARGE", 100)
    path = plant(
        tmp_path / "in.onnx",
        [node("Conv", ["x", "w"], ["y"], pads=[1] * 4)],
        {"w": kernel(64, 4)},
        outputs=[tensor("y", 1, 64, 16, 16)],
    )
    into = tmp_path / "out.onnx"
    convert_precision(path, Precision.fp16, into, samples=None, report=lambda _: None)
    assert (tmp_path / "out.onnx.data").stat().st_size >= 64 * 4 * 9 * 2
    assert worst(path, into, picture()).cosine > 0.999
    assert {p.name for p in tmp_path.iterdir()} == {"in.onnx", "out.onnx", "out.onnx.data"}


def test_what_is_half_already_is_left(tmp_path: Path) -> None:
    path = plant(
        tmp_path / "h.onnx",
        [node("Conv", ["x", "w"], ["y"], pads=[1] * 4), node("Relu", ["y"], ["z"])],
        {"w": kernel()},
        outputs=[tensor("z", 1, 4, 16, 16)],
    )
    first = convert(path)
    again = convert(first.path)
    assert "already" in again.notes[0]
    assert kinds(onnx.load(again.path)) == kinds(graph.read(first.path))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x07\x12\x04junk" * 9])
def test_what_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"broken\.onnx"):
        convert(path)
    assert not list(tmp_path.glob("broken-*"))


def test_texts_cannot_be_half(tmp_path: Path) -> None:
    text = tensor("x", "n", kind=TensorProto.STRING)
    path = plant(
        tmp_path / "t.onnx",
        [node("StringNormalizer", ["x"], ["y"])],
        inputs=[text],
        outputs=[tensor("y", "n", kind=TensorProto.STRING)],
    )
    with pytest.raises(ModelRefused, match="no layer"):
        convert(path)
