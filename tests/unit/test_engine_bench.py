"""A network on every engine, side by side."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_engines import CLOCK, Fake, lost_at, zeros
from networks import NETWORKS, samples

from visard.daemon.diagnostics import engine_bench
from visard.daemon.diagnostics.engine_bench import NetworkUnderTest, Trial, begin
from visard.engines import interfaces
from visard.engines.accuracy import ReferenceResults
from visard.engines.errors import EngineError, ModelRefused
from visard.engines.interfaces import Precision, backends
from visard.engines.runtime import speed

REAL = speed.measure


@pytest.fixture
def path(tmp_path: Path, home: Path) -> Path:
    return NETWORKS["fomm_keypoints"](tmp_path / "net.onnx", 1 / 16)


@pytest.fixture
def network(path: Path) -> NetworkUnderTest:
    return begin(str(path), threads=1, timeout=60, samples=samples(path))


def trial(backend: str = "onnxruntime", precision: Precision = Precision.fp32) -> Trial:
    return Trial(backend, "cpu", precision)


def quiet(_: str) -> nullcontext:  # type: ignore[type-arg]
    return nullcontext(lambda _: None)


def test_all_are_measured_in_turns_and_the_fastest_is_first(
    network: NetworkUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes = [
        Fake("slow", 1, instant=True, device="cpu", seconds=0.3),
        Fake("fast", 2, instant=True, device="cpu", seconds=0.1),
        Fake("wrong", 3, instant=True, device="cpu", spoil=zeros, seconds=0.2),
        Fake("lost", 4, instant=True, device="cpu", spoil=lost_at(6)),
        Fake("missing", 5, missing="no device"),
    ]
    monkeypatch.setattr(interfaces.backends, "_found", {fake.name: fake for fake in fakes})
    monkeypatch.setattr(speed, "clock", CLOCK)
    monkeypatch.setattr(engine_bench, "measure", REAL)
    here = replace(network, isolated=False)  # these backends are in this process only
    found = engine_bench.bench(here, engine_bench.trials(precisions=("fp32",)), 3, quiet)
    assert [(each.backend, each.state) for each in found] == [
        ("fast", "ok"), ("wrong", "wrong"), ("slow", "ok"), ("lost", "lost"), ("missing", "unavailable"),
    ]  # fmt: skip
    assert [each.ms for each in found] == [
        pytest.approx(100),
        pytest.approx(200),
        pytest.approx(300),
        None,
        None,
    ]
    assert found[3].reason == "the card fell off the bus"
    assert all(each.engine is None for each in found)


def test_a_trial_compiles_and_checks(network: NetworkUnderTest) -> None:
    done = engine_bench.run(trial(), network)
    assert (done.state, done.reason) == ("ok", "")
    facts = done.facts()
    assert (facts["backend"], facts["precision"], facts["state"]) == ("onnxruntime", "fp32", "ok")
    assert facts["cosine"] == pytest.approx(1)
    assert facts["bytes"] > 0


def test_what_cannot_be_compiled_has_its_reason_or_raises(network: NetworkUnderTest) -> None:
    assert engine_bench.run(trial(precision=Precision.bf16), network).state == "refused"
    with pytest.raises(ModelRefused):
        engine_bench.run(trial(precision=Precision.bf16), network, strict=True)


def test_trials_are_all_there_are_and_those_asked_for() -> None:
    assert {each.backend for each in engine_bench.trials()} == set(backends.all())
    kinds = ("fp32", "bf16")
    found = list(engine_bench.trials(["onnxruntime"], "cpu", kinds))
    assert [(each.backend, each.precision) for each in found] == [("onnxruntime", kind) for kind in kinds]
    assert len(list(engine_bench.trials(["onnxruntime", "openvino"], "cpu", kinds))) == 4
    assert list(engine_bench.trials(["onnxruntime"], "npu")) == []
    with pytest.raises(Exception, match="choose one of"):
        list(engine_bench.trials(["nothing"]))


def test_a_backend_that_is_of_no_use_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(backends.get("openvino")), "unavailable", lambda _: "no CPU device")
    (only,) = engine_bench.trials(["openvino"])
    assert (only.state, only.reason) == ("unavailable", "no CPU device")


def test_results_far_from_the_reference_are_wrong(network: NetworkUnderTest) -> None:
    known = network.reference
    assert known.outputs is not None
    other = tuple(tuple(np.flip(array) for array in row) for row in known.outputs)
    lie = NetworkUnderTest(network.model, ReferenceResults(known.samples, other))
    done = engine_bench.run(trial(), lie)
    assert done.state == "wrong"
    assert "far from the reference" in done.reason


def test_samples_that_do_not_fit_are_an_error(path: Path) -> None:
    with pytest.raises(EngineError, match="sample 0"):
        begin(str(path), threads=1, timeout=1, samples=[(np.zeros((1, 3, 8, 8), np.float32),)])
