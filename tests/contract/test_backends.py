"""What every backend keeps to. The registry finds them; a new one is tested without being told."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import NETWORKS
from trials import ASSETS, error, ignore, inputs, opened, picture, reference, small

from visard.engines import load
from visard.engines.errors import BackendUnavailable, EngineError, ModelRefused
from visard.engines.interfaces import Backend, Options, Precision, Range, backends
from visard.models.assets import asset

KINDS = sorted(backends.all())
CLOSE = {Precision.fp32: 1e-3, Precision.fp16: 0.05, Precision.bf16: 0.25}
"""Largest error, as a part of the largest value."""


def test_every_module_is_usable() -> None:
    assert backends.broken == {}
    assert {"onnxruntime", "openvino", "tensorrt", "tensorrt_rtx"} <= set(KINDS)


def test_networks_are_shipped() -> None:
    assert len(ASSETS) >= 5


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


def test_it_says_what_it_runs_on(backend: Backend) -> None:
    assert backend.version()
    for device in backend.devices():
        assert backend.precisions(device)
        assert isinstance(backend.fingerprint(device), str)


def test_a_device_that_is_not_here_has_one_clear_error(backend: Backend) -> None:
    with pytest.raises(EngineError, match="abacus"):
        backend.compile(asset("mp_face_detector_short.onnx"), Options(device="abacus"), ignore)


@pytest.mark.parametrize("name", [*ASSETS, *sorted(NETWORKS)])
def test_it_agrees_with_the_reference(backend: Backend, network: Callable[..., Path], name: str) -> None:
    model = network(name)
    arrays = inputs(model)
    engine = opened(backend, model)
    assert (engine.backend, engine.device) == (backend.name, backend.devices()[0])
    assert [(i.shape, i.dtype) for i in engine.inputs] == [(a.shape, a.dtype) for a in arrays]
    for ours, theirs in zip(engine(*arrays), reference(model, arrays), strict=True):
        assert error(ours, theirs) < CLOSE[Precision.fp32]


@pytest.mark.parametrize("precision", [Precision.bf16, Precision.fp16])
@pytest.mark.parametrize("name", [*ASSETS, *sorted(NETWORKS)])
def test_a_precision_it_makes_itself_is_near_or_refused(
    backend: Backend, network: Callable[..., Path], name: str, precision: Precision
) -> None:
    if precision in backend.written:
        pytest.skip(f"{backend.name} takes {precision} written")
    model = network(name)
    arrays = inputs(model)
    refused = ""
    try:
        engine = opened(backend, model, precision=precision)
    except ModelRefused as error_:
        refused = str(error_)
    if refused:
        assert precision in refused
        assert precision not in backend.precisions(backend.devices()[0])
        return
    errors = [error(a, b) for a, b in zip(engine(*arrays), reference(model, arrays), strict=True)]
    assert engine.precision == precision
    assert max(errors) < CLOSE[precision]
    assert max(errors) > 0, "nothing was rounded"


@pytest.mark.parametrize("name", ["inswapper", "dfm224", "fomm_keypoints", "fomm_generator"])
def test_a_batch_that_varies(backend: Backend, network: Callable[..., Path], name: str) -> None:
    model = network(name, dynamic=True)
    shapes = {i.name: i.shape for i in opened(backend, network(name)).inputs}
    ranges = tuple(Range(n, (1, *s[1:]), (1, *s[1:]), (3, *s[1:])) for n, s in shapes.items())
    engine = opened(backend, model, ranges=ranges)
    assert engine.inputs[0].shape[0] is None
    for batch in (1, 3):
        arrays = inputs(model, batch)
        for ours, theirs in zip(engine(*arrays), reference(model, arrays), strict=True):
            assert error(ours, theirs) < CLOSE[Precision.fp32]


def test_a_picture_of_any_size(backend: Backend, tmp_path: Path) -> None:
    model = small(tmp_path / "any.onnx", ["n", 3, "high", "wide"])
    sizes = Range("picture", (1, 3, 8, 8), (1, 3, 32, 32), (2, 3, 64, 96))
    for options in ({"ranges": (sizes,)}, {}):
        engine = opened(backend, model, **options)
        for shape in ((1, 3, 8, 8), (2, 3, 64, 96), (1, 3, 33, 17)):
            (ours,), (theirs,) = engine(picture(*shape)), reference(model, [picture(*shape)])
            assert error(ours, theirs) < CLOSE[Precision.fp32]


def test_outputs_are_what_the_specs_say(backend: Backend, network: Callable[..., Path]) -> None:
    for name in ASSETS:
        engine = opened(backend, network(name))
        for spec, output in zip(engine.outputs, engine(*inputs(network(name))), strict=True):
            assert output.dtype == spec.dtype
            assert len(output.shape) == len(spec.shape)
            assert all(d in (None, n) for d, n in zip(spec.shape, output.shape, strict=True))


def test_running_again_gives_the_same_and_leaves_the_inputs(backend: Backend) -> None:
    model = asset("mp_face_landmarks_v2_478.onnx")
    engine = opened(backend, model, threads=2)
    arrays, others = inputs(model), (picture(1, 256, 256, 3, seed=2),)
    before = [array.copy() for array in arrays]
    first = [output.copy() for output in engine(*arrays)]
    assert any(np.abs(a - b).max() > 0.01 for a, b in zip(engine(*others), first, strict=True))
    for again, old in zip(engine(*arrays), first, strict=True):
        np.testing.assert_allclose(again, old, atol=1e-4)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_arrays_that_lie_oddly_in_memory(backend: Backend, tmp_path: Path) -> None:
    model = small(tmp_path / "odd.onnx", [1, 3, 16, 16])
    engine, whole = opened(backend, model), picture(1, 16, 32, 3)
    odd = whole[:, ::-1, ::2].transpose(0, 3, 1, 2)
    assert not odd.flags.c_contiguous
    assert error(engine(odd)[0], reference(model, [odd.copy()])[0]) < CLOSE[Precision.fp32]
    frozen = picture(1, 3, 16, 16)
    frozen.flags.writeable = False
    assert error(engine(frozen)[0], reference(model, [frozen])[0]) < CLOSE[Precision.fp32]


@pytest.mark.parametrize(
    "arrays",
    [
        (),
        (picture(1, 3, 16, 16), picture(1, 3, 16, 16)),
        (picture(1, 3, 16, 16).astype(np.float64),),
        (picture(1, 3, 16, 17),),
        (picture(3, 16, 16),),
        ([[1.0]],),
    ],
)
def test_arrays_that_do_not_fit_are_one_clear_error(
    backend: Backend, tmp_path: Path, arrays: tuple[Any, ...]
) -> None:
    engine = opened(backend, small(tmp_path / "fit.onnx", [1, 3, 16, 16]))
    with pytest.raises(EngineError, match="picture"):
        engine(*arrays)
    assert engine(picture(1, 3, 16, 16))[0].shape == (1, 4, 16, 16)


def test_engines_of_one_plan_do_not_share_their_outputs(backend: Backend, tmp_path: Path) -> None:
    options = Options(device=backend.devices()[0])
    plan = backend.compile(small(tmp_path / "twice.onnx", [1, 3, 16, 16]), options, ignore)
    one, other = backend.open(plan, options), backend.open(plan, options)
    (first,) = one(picture(1, 3, 16, 16))
    before = first.copy()
    other(picture(1, 3, 16, 16, seed=2))
    np.testing.assert_array_equal(first, before)


def test_threads_with_an_engine_each(backend: Backend) -> None:
    model, options = asset("mp_face_detector_short.onnx"), Options(device=backend.devices()[0])
    plan, pictures = (
        backend.compile(model, options, ignore),
        [picture(1, 128, 128, 3, seed=s) for s in range(4)],
    )
    wanted = [reference(model, [each]) for each in pictures]
    worst: list[float] = []

    def work(number: int) -> None:
        engine = backend.open(plan, options)
        for _ in range(10):
            results = engine(pictures[number])
            worst.append(max(error(a, b) for a, b in zip(results, wanted[number], strict=True)))

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worst) == 40
    assert max(worst) < CLOSE[Precision.fp32]


def test_a_missing_file(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nothing\.onnx is missing"):
        load(tmp_path / "nothing.onnx", backend=backend.name)


def test_one_that_is_not_installed_says_why(monkeypatch: pytest.MonkeyPatch, backend: Backend) -> None:
    monkeypatch.setitem(sys.modules, backend.name, None)
    fresh = type(backend)()
    assert backend.name in (fresh.unavailable() or "")
    monkeypatch.setattr("visard.engines.interfaces.backends._found", {backend.name: fresh})
    with pytest.raises(BackendUnavailable, match=backend.name):
        load(asset("mp_face_detector_short.onnx"), backend=backend.name)
