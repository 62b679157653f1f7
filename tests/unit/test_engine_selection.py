"""Which engine serves: the one measured to be the fastest of those whose results are right, measured once."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import fake_engines
import numpy as np
import pytest
from fake_engines import CLOCK, Fake, lost_at, raising, zeros
from graphs import small

from visard.engines import ManagedEngine, Precision, interfaces, load
from visard.engines.backends.onnxruntime import backend as onnxruntime
from visard.engines.cache.cache import Cache
from visard.engines.errors import DeviceLost, ModelRefused
from visard.engines.runtime import speed
from visard.engines.runtime.candidates import Candidate
from visard.engines.runtime.opener import EngineOpener

PICTURE = np.random.default_rng(3).random((1, 3, 16, 16), np.float32)
BOTH = (Precision.fp32, Precision.bf16)
REAL = speed.measure


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return small(tmp_path / "some.onnx")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "engines")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Measure for real, by a clock that only fake engines move; return how many were measured each time."""
    counts: list[int] = []

    def measure(engines, *arguments, **more):  # type: ignore[no-untyped-def]
        counts.append(len(engines))
        return REAL(engines, *arguments, **more)

    monkeypatch.setattr(speed, "measure", measure)
    monkeypatch.setattr(speed, "clock", CLOCK)
    return counts


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda *fakes: monkeypatch.setattr(
        interfaces.backends, "_found", {fake.name: fake for fake in fakes}
    )


def quick(name: str, rank: int = 1, **more: object) -> Fake:
    return Fake(name, rank, instant=True, **more)


def states(engine: ManagedEngine) -> list[str]:
    return [str(each.state) for each in engine.status.candidates]


def settled(engine: ManagedEngine) -> None:
    thread = engine._selector._thread
    if thread:
        thread.join(60)
        assert not thread.is_alive()


def test_a_gpu_that_is_slower_on_a_small_network_is_not_chosen(offer, measured, model, cache) -> None:
    offer(quick("gpu", 1, seconds=0.003), quick("processor", 9, device="cpu", seconds=0.001))
    engine = load(model, cache=cache)
    assert (engine.backend, states(engine)) == ("processor", ["ready", "serving"])
    assert [each.ms for each in engine.status.candidates] == pytest.approx([3, 1])
    assert not engine.status.demoted


def test_a_gpu_that_is_faster_is(offer, measured, model, cache) -> None:
    offer(quick("gpu", 1, seconds=0.001), quick("processor", 9, device="cpu", seconds=0.003))
    assert load(model, cache=cache).backend == "gpu"


@pytest.mark.parametrize(("seconds", "chosen"), [(0.0009, "gpu"), (0.0008, "processor")])
def test_little_is_not_enough_to_leave_the_order(offer, measured, model, cache, seconds, chosen) -> None:
    offer(quick("gpu", 1, seconds=0.001), quick("processor", 9, device="cpu", seconds=seconds))
    assert load(model, cache=cache).backend == chosen


@pytest.mark.parametrize("wait", [True, False])
def test_it_is_measured_once(offer, measured, model, cache, wait: bool) -> None:
    def both() -> tuple[Fake, Fake]:
        return quick("gpu", 1, seconds=0.003), quick("processor", 9, device="cpu", seconds=0.001)

    offer(*both())
    engine = load(model, cache=cache, wait=wait)
    settled(engine)
    engine(PICTURE)
    assert engine.backend == "processor"
    measured.clear()
    again = both()
    offer(*again)
    for waiting in (True, False):
        later = load(model, cache=cache, wait=waiting)
        assert (later.backend, later._selector._thread) == ("processor", None)
    assert (measured, again[0].opened) == ([], 0)
    assert [each.ms for each in later.status.candidates] == pytest.approx([3, 1])


@pytest.mark.parametrize("attribute", ["number", "print"])
def test_another_version_or_device_is_measured_anew(offer, measured, model, cache, attribute: str) -> None:
    gpu, processor = quick("gpu", 1, seconds=0.003), quick("processor", 9, device="cpu", seconds=0.001)
    offer(gpu, processor)
    assert load(model, cache=cache).backend == "processor"
    setattr(gpu, attribute, "other")
    gpu.seconds = dict.fromkeys(Precision, 0.0001)
    assert load(model, cache=cache).backend == "gpu"
    assert measured == [2, 2]


def test_what_is_cleared_is_measured_anew(offer, measured, model, cache) -> None:
    offer(quick("gpu", 1, seconds=0.003), quick("processor", 9, device="cpu", seconds=0.001))
    load(model, cache=cache)
    cache.clear(model=model.name)
    load(model, cache=cache)
    assert measured == [2, 2]


@pytest.mark.parametrize("content", [b"{}", b"[7, []]", b"[0, [{}, {}]]", b"no json", b"[0"])
def test_a_record_that_we_did_not_write_is_none(offer, measured, model, cache, content: bytes) -> None:
    offer(quick("gpu", 1, seconds=0.003), quick("processor", 9, device="cpu", seconds=0.001))
    load(model, cache=cache)
    (path,) = cache.blobs.folder.glob("fastest-*")
    path.write_bytes(content)
    assert load(model, cache=cache).backend == "processor"
    assert measured == [2, 2]


def test_without_waiting_the_first_serves_until_a_faster_one_was_measured(
    offer, measured, model, cache
) -> None:
    offer(quick("gpu", 1, seconds=0.001), quick("processor", 9, device="cpu", seconds=0.004))
    engine = load(model, cache=cache, wait=False)
    assert engine.backend == "processor"
    settled(engine)
    assert engine.backend == "processor"  # nothing changes within a call
    engine(PICTURE)
    assert (engine.backend, states(engine)) == ("gpu", ["serving", "ready"])


def test_without_waiting_a_slower_one_never_serves(offer, measured, model, cache) -> None:
    offer(quick("gpu", 1, seconds=0.008), quick("processor", 9, device="cpu", seconds=0.004))
    engine = load(model, cache=cache, wait=False)
    settled(engine)
    engine(PICTURE)
    assert (engine.backend, states(engine)) == ("processor", ["ready", "serving"])


@pytest.mark.parametrize(("bf16", "chosen"), [(0.002, Precision.bf16), (0.0037, Precision.fp32)])
def test_bf16_serves_where_it_pays(offer, measured, model, cache, bf16: float, chosen: Precision) -> None:
    seconds = {Precision.fp32: 0.004, Precision.bf16: bf16}
    offer(quick("processor", device="cpu", precisions=BOTH, seconds=seconds))
    engine = load(model, cache=cache)
    assert engine.precision is chosen
    assert load(model, cache=cache).precision is chosen
    assert len(measured) == 1


def test_bf16_that_is_wrong_never_serves_however_fast(offer, measured, model, cache) -> None:
    processor = quick("processor", device="cpu", precisions=BOTH, seconds={**dict.fromkeys(BOTH, 1.0)})
    processor.seconds[Precision.bf16] = 0.001
    real_open = processor.open

    def opened(plan, options):  # type: ignore[no-untyped-def]
        engine = real_open(plan, options)
        if options.precision is Precision.bf16:
            engine._owner = quick("processor", spoil=zeros)
        return engine

    processor.open = opened  # type: ignore[method-assign]
    offer(processor)
    engine = load(model, cache=cache)
    assert (engine.precision, states(engine)) == (Precision.fp32, ["serving", "wrong"])
    assert measured == []


@pytest.mark.parametrize("precision", [Precision.fp16, Precision.bf16, Precision.mixed])
def test_half_precision_without_a_reference_never_serves(
    offer, measured, tmp_path: Path, cache, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO's own format has no reference: then only fp32 is right by itself."""
    model = tmp_path / "net.xml"
    model.write_bytes(small(tmp_path / "net.onnx").read_bytes())
    model.with_suffix(".bin").write_bytes(b"")
    seconds = dict.fromkeys(Precision, 0.001) | {Precision.fp32: 0.1}
    backend = quick("a", precisions=(precision, Precision.fp32), seconds=seconds)
    offer(backend)
    monkeypatch.setattr(onnxruntime, "read", lambda *_: raising(ModelRefused("no"))())
    engine = load(model, cache=cache)
    assert engine.precision is Precision.fp32
    assert states(engine) == ["wrong", "serving"]
    assert "cannot be compared with fp32" in engine.status.candidates[0].reason


def test_what_mixed_was_found_with_is_part_of_the_engine(offer, measured, model, cache) -> None:
    """Other samples make another engine: neither compiled, cached nor shared for those before."""
    backend = quick("a", precisions=(Precision.mixed, Precision.fp32))
    offer(backend)
    one, two = ([(np.full((1, 3, 16, 16), value, np.float32),)] for value in (0.25, 0.75))
    for samples in (one, two, one):
        assert load(model, precision="mixed", samples=samples, cache=cache).precision is Precision.mixed
    assert len(backend.compiled) == 2
    third = [(PICTURE,)]
    openers = [EngineOpener(model, cache, samples=samples) for samples in (one, third)]
    candidate = Candidate(backend, "cuda:0", Precision.mixed)
    assert [opener.is_compiled(candidate) for opener in openers] == [True, False]


def test_a_safer_precision_is_left_alone_where_a_faster_one_works(offer, measured, model, cache) -> None:
    order = (Precision.fp16, Precision.mixed, Precision.fp32)
    gpu = quick("gpu", precisions=order, seconds=0.001)
    offer(gpu, quick("processor", 9, device="cpu", seconds=0.1))
    engine = load(model, cache=cache)
    assert states(engine) == ["serving", "untried", "untried", "ready"]
    assert [options.precision for options in gpu.compiled] == [Precision.fp16]


def test_why_a_better_one_does_not_serve_is_known_at_the_next_start(offer, measured, model, cache) -> None:
    def three() -> tuple[Fake, ...]:
        refusing = quick("refusing", 1, compiling=raising(ModelRefused("it has no such layer")))
        return refusing, quick("wrong", 2, spoil=zeros), quick("right", 3, device="cpu", seconds=0.001)

    offer(*three())
    first = load(model, cache=cache).status.candidates
    again = three()
    offer(*again)
    engine = load(model, cache=cache)
    assert states(engine) == ["refused", "wrong", "serving"]
    assert [each.reason for each in engine.status.candidates] == [each.reason for each in first]
    assert "no such layer" in engine.status.candidates[0].reason
    assert "all zeros" in engine.status.candidates[1].reason
    assert engine.status.demoted
    assert (again[0].compiled, again[1].opened) == ([], 0)


def test_a_device_that_was_lost_is_tried_again_at_the_next_start(offer, measured, model, cache) -> None:
    def lost() -> None:
        raise DeviceLost("unplugged")

    gpu = quick("gpu", 1, opening=lost, seconds=0.001)
    offer(gpu, quick("processor", 9, device="cpu", seconds=0.01))
    assert load(model, cache=cache).backend == "processor"
    gpu.opening = lambda: None
    assert load(model, cache=cache).backend == "gpu"


def test_a_reason_outlives_what_comes_after(offer, measured, model, cache) -> None:
    """What went wrong while it served is still told after others were tried and measured."""
    offer(
        quick("a", 1, spoil=lost_at(100, RuntimeError), seconds=0.001),
        quick("b", 2, device="cpu", seconds=0.01),
        quick("c", 3, device="cpu", seconds=0.02),
    )
    engine = load(model, cache=cache)
    assert engine.backend == "a"
    while engine.backend == "a":
        engine(PICTURE)
    settled(engine)
    engine(PICTURE)
    assert (engine.backend, states(engine)) == ("b", ["refused", "serving", "ready"])
    assert engine.status.candidates[0].reason == "the card fell off the bus"


def test_one_that_fails_while_it_is_measured_does_not_serve(offer, measured, model, cache) -> None:
    offer(
        quick("a", 1, device="cpu", seconds=0.01),
        quick("b", 2, device="cpu", spoil=lost_at(5), seconds=0.001),
    )
    engine = load(model, cache=cache)
    assert (engine.backend, states(engine)) == ("a", ["serving", "lost"])
    assert not list(cache.blobs.folder.glob("fastest-*"))


def test_one_named_by_its_device_is_not_replaced_by_what_served_meanwhile(
    offer, measured, model, cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_engines.good, "seconds", dict.fromkeys(Precision, 5.0))
    offer(fake_engines.good, onnxruntime)
    engine = load(model, "cuda:0", cache=cache, wait=False)
    assert engine.backend == "onnxruntime"
    settled(engine)
    engine(PICTURE)
    assert engine.backend == "good"


def test_engines_are_called_in_turns_and_the_least_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    clock = iter(range(10**6))
    monkeypatch.setattr(speed, "clock", lambda: float(next(clock)))

    def engine(name: str, fails_at: int = 10**6) -> Callable[..., tuple[()]]:
        def call(*_: object) -> tuple[()]:
            calls.append(name)
            if calls.count(name) >= fails_at:
                raise DeviceLost("gone")
            return ()

        return call

    seen: list[float] = []
    times = REAL(
        [engine("a"), engine("b"), engine("c", speed.WARM + 2)],  # type: ignore[list-item]
        (),
        rounds=5,
        seconds=1e9,
        report=lambda progress: seen.append(progress.done),
    )
    assert times[:2] == [1, 1]
    assert isinstance(times[2], DeviceLost)
    assert calls[: 3 * speed.WARM] == ["a", "b", "c"] * speed.WARM
    assert calls.count("a") == calls.count("b") == speed.WARM + 5
    assert calls.count("c") == speed.WARM + 2
    assert seen == sorted(seen)


def test_measuring_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(speed, "clock", lambda: float(next(clock)))
    count: list[int] = []
    REAL([lambda: count.append(1)], (), seconds=0.5, rounds=1000)  # type: ignore[list-item]
    assert len(count) == speed.WARM + speed.LEAST


def test_the_record_is_plain_json(offer, measured, model, cache) -> None:
    offer(quick("gpu", 1, seconds=0.003), quick("processor", 9, device="cpu", seconds=0.001))
    load(model, cache=cache)
    (path,) = cache.blobs.folder.glob("fastest-*")
    fastest, facts = json.loads(path.read_text())
    assert (fastest, [fact["backend"] for fact in facts]) == (1, ["gpu", "processor"])
    assert math.isclose(facts[0]["ms"], 3)
