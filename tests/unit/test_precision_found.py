"""mixed: faults that are planted are found by comparing, and stay in fp32 or are refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from converted import worst
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted import FAULTS, conv, f32, kernel, node, picture, plant, planted_fault, tensor

from visard.engines.errors import ModelRefused, NoNumbers
from visard.engines.interfaces import Precision, Progress, Samples
from visard.engines.precision import ConvertedNetwork, convert_precision, graph, layer_compare


def mixed(path: Path, samples: Samples | None) -> ConvertedNetwork:
    into = path.with_name(f"{path.stem}-mixed.onnx")
    return convert_precision(path, Precision.mixed, into, samples=samples, report=lambda _: None)


def close(path: Path, made: ConvertedNetwork, samples: Samples) -> None:
    assert worst(path, made.path, samples).cosine >= 0.999


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_planted_fault_stays_in_fp32(tmp_path: Path, name: str) -> None:
    path, fault = planted_fault(name, tmp_path / "fault.onnx")
    samples = picture()
    made = mixed(path, samples)
    close(path, made, samples)
    types = graph.element_types(onnx.load(made.path))
    kinds = {n.name: types[n.output[0]] for n in onnx.load(made.path).graph.node}
    assert kinds[fault] == 1
    assert kinds["last"] == 10
    assert any(fault in note for note in made.notes)


def test_without_a_fault_nothing_stays_in_fp32(tmp_path: Path) -> None:
    path = plant(
        tmp_path / "fine.onnx",
        [conv("x", "a"), node("Relu", ["a"], ["b"]), conv("b", "y")],
        {"w": kernel(scale=0.2)},
    )
    made = mixed(path, picture())
    assert made.fp32_nodes == made.notes == ()


def test_results_that_are_no_numbers_in_fp32(tmp_path: Path) -> None:
    path = plant(tmp_path / "nan.onnx", [conv("x", "a"), node("Log", ["a"], ["y"])], {"w": kernel()})
    with pytest.raises(NoNumbers, match="own results are no numbers"):
        mixed(path, picture())
    assert not list(tmp_path.glob("nan-*"))


def test_a_difference_of_large_numbers_is_refused_or_right(tmp_path: Path) -> None:
    nodes = [node("Add", ["x", "k"], ["a"]), node("Sub", ["a", "k"], ["b"]), conv("b", "c"), conv("c", "y")]
    path = plant(tmp_path / "cancel.onnx", nodes, {"k": f32(4000), "w": kernel(scale=0.2)})
    try:
        made = mixed(path, picture())
    except ModelRefused as error:
        assert "half precision" in str(error) or "layer" in str(error)  # noqa: PT017
    else:
        close(path, made, picture())


def test_samples_are_asked_for(tmp_path: Path) -> None:
    path = plant(tmp_path / "s.onnx", [conv("x", "y")], {"w": kernel()})
    with pytest.raises(ModelRefused, match="give"):
        mixed(path, None)


def test_layers_are_compared_in_the_order_of_the_graph(tmp_path: Path) -> None:
    nodes = [conv("x", "a", "one"), node("Exp", ["a"], ["b"], "two"), conv("b", "y", "three")]
    path = plant(tmp_path / "c.onnx", nodes, {"w": kernel(scale=2)})
    half = tmp_path / "half.onnx"
    convert_precision(path, Precision.fp16, half, samples=None, report=lambda _: None)
    samples = [(picture()[0][0] * 8,)]
    source = graph.read(path)
    errors = layer_compare.compare_layers(source, graph.read(half), samples)
    assert [e.layer for e in errors] == ["one", "two", "three"]
    assert [e.broken for e in errors] == [False, True, True]
    assert errors[0].relative < 0.01
    assert all(e.relative == 0 for e in layer_compare.compare_layers(source, source, picture()))


def test_progress_never_goes_back(tmp_path: Path) -> None:
    seen: list[Progress] = []
    path = plant(tmp_path / "p.onnx", [conv("x", "y")], {"w": kernel()})
    convert_precision(path, Precision.mixed, tmp_path / "o.onnx", samples=picture(), report=seen.append)
    done = [step.done for step in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 1)


UNARY = ["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Softplus", "Identity", "HardSigmoid", "Softsign", "Elu"]
BINARY = ["Add", "Sub", "Mul", "Max", "Min"]


@st.composite
def graphs(draw: st.DrawFn) -> list[onnx.NodeProto]:
    """Return layers that each take what any earlier one made, all of the same shape."""
    made, nodes = ["x"], []
    for number in range(draw(st.integers(2, 12))):
        kind = draw(st.sampled_from([*UNARY, *BINARY, "conv", "norm", "double"]))
        first, second = draw(st.sampled_from(made)), draw(st.sampled_from([*made, "k"]))
        name = f"t{number}"
        if kind == "conv":
            nodes.append(conv(first, name))
        elif kind == "norm":
            nodes.append(node("InstanceNormalization", [first, "s", "z"], [name]))
        elif kind == "double":
            nodes += [node("Cast", [first], [f"{name}d"], to=11), node("Cast", [f"{name}d"], [name], to=1)]
        else:
            nodes.append(node(kind, [first] if kind in UNARY else [first, second], [name]))
        made.append(name)
    return [*nodes, node("Add", [made[-1], made[-2]], ["y"])]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), st.sampled_from([Precision.fp16, Precision.bf16]), st.randoms(use_true_random=False))
def test_any_graph(tmp_path: Path, nodes: list[onnx.NodeProto], precision: Precision, chance: object) -> None:
    weights = {
        "w": kernel(scale=0.2),
        "k": f32(0.5),
        "s": np.ones(4, np.float32),
        "z": np.zeros(4, np.float32),
    }
    path = plant(
        tmp_path / "any.onnx", nodes, weights, outputs=[tensor("y", 1, 4, 16, 16), tensor("t0", 1, 4, 16, 16)]
    )
    named = [n.name for n in graph.read(path).graph.node]
    fp32_nodes = chance.sample(named, len(named) // 3)  # type: ignore[attr-defined]
    into = tmp_path / "out.onnx"
    try:
        convert_precision(path, precision, into, samples=None, report=lambda _: None, fp32_nodes=fp32_nodes)
    except ModelRefused as error:
        assert "half precision" in str(error)  # noqa: PT017
        return
    onnx.checker.check_model(str(into), full_check=True)
    right, left = (layer_compare.outputs(graph.read(p), picture()) for p in (path, into))
    assert [a.shape for a in right[0]] == [a.shape for a in left[0]]
    assert all(np.isfinite(array).all() for row in left for array in row)
    if precision is Precision.fp16:
        import onnxruntime

        onnxruntime.InferenceSession(str(into), providers=["CPUExecutionProvider"])
