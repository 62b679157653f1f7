"""Engines side by side."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import NETWORKS, samples

from visard.engines.bench import compare
from visard.engines.cache.cache import Cache
from visard.engines.errors import DeviceLost, EngineError, ModelRefused
from visard.engines.interfaces import Precision, backends

WAY = compare.Way("onnxruntime", "cpu", Precision.fp32)


class Counted:
    """An engine that notes its calls in a list it shares with others, and fails after some."""

    def __init__(self, name: str, calls: list[str], most: int = 10**6) -> None:
        self._name, self._calls, self._left = name, calls, most

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        self._left -= 1
        if self._left < 0:
            raise DeviceLost("it fell off the bus")
        self._calls.append(self._name)
        return arrays


def runner(name: str, calls: list[str], most: int = 10**6) -> compare.Runner:
    return compare.Runner(WAY, "ok", engine=Counted(name, calls, most))  # type: ignore[arg-type]


def test_they_are_called_in_turns_and_timed_after_warming_up() -> None:
    calls: list[str] = []
    runners, shares = [runner("a", calls), runner("b", calls)], []
    compare.race(runners, (), 0.02, lambda progress: shares.append(progress.done))
    warm = 2 * compare.WARM
    assert calls[:warm] == ["a"] * compare.WARM + ["b"] * compare.WARM
    assert calls[warm:] == ["a", "b"] * (len(calls[warm:]) // 2)
    assert len(runners[0].times) == len(runners[1].times) == len(calls[warm:]) // 2 >= compare.WARM
    assert shares[-1] == 1.0


def test_one_that_fails_leaves_the_race_with_its_reason() -> None:
    calls: list[str] = []
    good, bad = runner("good", calls), runner("bad", calls, compare.WARM + 1)
    compare.race([good, bad], (), 0.02)
    assert (bad.state, bad.reason, len(bad.times)) == ("lost", "it fell off the bus", 1)
    assert good.state == "ok"
    assert len(good.times) > 1


def test_one_that_has_no_engine_is_passed_over() -> None:
    refused = compare.Runner(WAY, "refused", "because")
    compare.race([refused], (), 0.01)
    assert refused.facts()["ms"] is None
    assert refused.facts()["reason"] == "because"


def test_entering_compiles_and_checks(tmp_path: Path) -> None:
    path = NETWORKS["fomm_keypoints"](tmp_path / "net.onnx", 1 / 16)
    course = compare.course(path, samples=samples(path), cache=Cache(tmp_path / "cache"))
    entered = compare.enter(compare.Runner(WAY), course)
    assert (entered.state, entered.reason) == ("ok", "")
    assert entered.size > 0
    facts = entered.facts()
    assert (facts["backend"], facts["precision"], facts["state"]) == ("onnxruntime", "fp32", "ok")
    assert facts["cosine"] == pytest.approx(1)


def test_what_cannot_be_compiled_has_its_reason_or_raises(tmp_path: Path) -> None:
    path = NETWORKS["fomm_keypoints"](tmp_path / "net.onnx", 1 / 16)
    course = compare.course(path, cache=Cache(tmp_path / "cache"))
    way = compare.Way("onnxruntime", "cpu", Precision.bf16)
    assert compare.enter(compare.Runner(way), course).state == "refused"
    with pytest.raises(ModelRefused):
        compare.enter(compare.Runner(way), course, strict=True)


def test_ways_are_all_there_are_and_those_asked_for() -> None:
    names = {each.way.backend for each in compare.ways()}
    assert names == set(backends.all())
    kinds = [Precision.fp32, Precision.int8]
    found = [each.way for each in compare.ways(["onnxruntime"], "cpu", iter(kinds))]
    assert found == [compare.Way("onnxruntime", "cpu", kind) for kind in kinds]
    both = list(compare.ways(["onnxruntime", "openvino"], "cpu", iter(kinds)))
    assert len(both) == 4
    assert list(compare.ways(["onnxruntime"], "npu")) == []
    with pytest.raises(Exception, match="choose one of"):
        list(compare.ways(["nothing"]))


def test_a_backend_that_is_of_no_use_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(backends.get("openvino")), "unavailable", lambda _: "no CPU device")
    (only,) = compare.ways(["openvino"])
    assert (only.state, only.reason) == ("unavailable", "no CPU device")


def test_results_far_from_the_reference_are_wrong(tmp_path: Path) -> None:
    path = NETWORKS["fomm_keypoints"](tmp_path / "net.onnx", 1 / 16)
    course = compare.course(path, samples=samples(path), cache=Cache(tmp_path / "cache"))
    assert course.reference.outputs is not None
    other = tuple(tuple(np.flip(array) for array in row) for row in course.reference.outputs)
    lie = compare.Course(path, type(course.reference)(course.reference.samples, other), cache=course.cache)
    entered = compare.enter(compare.Runner(WAY), lie)
    assert entered.state == "wrong"
    assert "far from the reference" in entered.reason


def test_samples_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    path = NETWORKS["fomm_keypoints"](tmp_path / "net.onnx", 1 / 16)
    with pytest.raises(EngineError, match="sample 0"):
        compare.course(path, samples=[(np.zeros((1, 3, 8, 8), np.float32),)])
