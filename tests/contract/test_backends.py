"""What every backend keeps to. The registry finds them; a new one is tested without being told."""

import sys
from pathlib import Path

import numpy as np
import pytest

from visard.engines.engine import Array, Backend, Engine, backends, load
from visard.engines.errors import BackendUnavailable, EngineError, ModelRefused
from visard.models.assets import asset

KINDS = sorted(backends.all())
NETWORKS = sorted(path.name for path in asset("SHA256SUMS").parent.glob("*.onnx"))


def test_every_module_is_usable() -> None:
    assert backends.broken == {}
    assert {"onnxruntime", "openvino"} <= set(KINDS)


def test_networks_are_shipped() -> None:
    assert len(NETWORKS) >= 5


@pytest.fixture(scope="module", params=KINDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    chosen = backends.get(request.param)
    if reason := chosen.unavailable():
        pytest.skip(f"{request.param}: {reason}")
    return chosen


def inputs_for(engine: Engine, seed: int = 1) -> list[Array]:
    """Something like a picture: smooth, 0..1."""
    random, arrays = np.random.default_rng(seed), []
    for spec in engine.inputs:
        shape = tuple(d or 1 for d in spec.shape)
        arrays.append(random.random(shape, np.float32).astype(spec.dtype))
    return arrays


@pytest.mark.parametrize("name", KINDS)
def test_a_backend_says_whether_it_can_be_used(name: str) -> None:
    chosen = backends.get(name)
    reason = chosen.unavailable()
    assert reason is None or (isinstance(reason, str) and reason)
    assert chosen.name == name
    assert isinstance(chosen.rank, int)


def test_no_two_backends_have_the_same_rank() -> None:
    ranks = [backends.get(name).rank for name in KINDS]
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize("network", NETWORKS)
def test_it_agrees_with_the_reference(backend: Backend, network: str) -> None:
    reference = backends.get("onnxruntime").load(asset(network), threads=1)
    engine = backend.load(asset(network), threads=1)
    assert engine.backend == backend.name
    assert [i.shape for i in engine.inputs] == [i.shape for i in reference.inputs]
    assert [i.dtype for i in engine.inputs] == [i.dtype for i in reference.inputs]
    assert len(engine.outputs) == len(reference.outputs)
    arrays = inputs_for(engine)
    for ours, theirs in zip(engine(*arrays), reference(*arrays), strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert np.abs(ours - theirs).max() <= 1e-3 * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize("network", NETWORKS)
def test_outputs_are_what_the_specs_say(backend: Backend, network: str) -> None:
    engine = backend.load(asset(network), threads=1)
    for spec, output in zip(engine.outputs, engine(*inputs_for(engine)), strict=True):
        assert output.dtype == spec.dtype
        assert len(output.shape) == len(spec.shape)
        assert all(d in (None, n) for d, n in zip(spec.shape, output.shape, strict=True))
        assert np.isfinite(output).all()


def test_running_again_gives_the_same_and_leaves_the_inputs(backend: Backend) -> None:
    engine = backend.load(asset("mp_face_landmarks_v2_478.onnx"), threads=2)
    arrays, others = inputs_for(engine), inputs_for(engine, seed=2)
    before = [array.copy() for array in arrays]
    first = [output.copy() for output in engine(*arrays)]
    assert any(np.abs(a - b).max() > 0.01 for a, b in zip(engine(*others), first, strict=True))
    for again, old in zip(engine(*arrays), first, strict=True):
        np.testing.assert_allclose(again, old, atol=1e-4)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x07\x12\x04junk" * 40])
def test_a_file_that_is_no_network_is_refused(backend: Backend, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"broken\.onnx"):
        backend.load(path, threads=1)


def test_a_network_that_was_cut_short_is_refused(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(asset("mp_face_detector_short.onnx").read_bytes()[:5000])
    with pytest.raises(ModelRefused, match=r"short\.onnx"):
        backend.load(path, threads=1)


def test_a_missing_file(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nothing\.onnx is missing"):
        load(tmp_path / "nothing.onnx", backend=backend.name)


def test_one_that_is_not_installed_says_why(monkeypatch: pytest.MonkeyPatch, backend: Backend) -> None:
    monkeypatch.setitem(sys.modules, backend.name, None)
    fresh = type(backend)()
    assert backend.name in (fresh.unavailable() or "")
    monkeypatch.setattr("visard.engines.engine.backends._found", {backend.name: fresh})
    with pytest.raises(BackendUnavailable, match=backend.name):
        load(asset("mp_face_detector_short.onnx"), backend=backend.name)
