"""The one door: the best way to run a network here that gives the right results."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_engines import Exact, Fake, nan, raising, zeros
from graphs import small, write

from visard import engines
from visard.engines import CandidateState, Precision, Range, interfaces, load
from visard.engines.backends.onnxruntime import backend as onnxruntime
from visard.engines.cache.cache import Cache
from visard.engines.errors import (
    BackendUnavailable,
    DeviceLost,
    EngineError,
    ModelRefused,
    NoNumbers,
    VisardError,
    Wrong,
)

PICTURE = np.random.default_rng(3).random((1, 3, 16, 16), np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return small(tmp_path / "some.onnx")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "engines")


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda *fakes: monkeypatch.setattr(
        interfaces.backends, "_found", {fake.name: fake for fake in fakes}
    )


def quick(name: str, rank: int = 1, **more: object) -> Fake:
    return Fake(name, rank, instant=True, **more)


def refusing(name: str, rank: int) -> Fake:
    return quick(name, rank, compiling=raising(ModelRefused("no such layer")))


def states(served: engines.ManagedEngine) -> list[tuple[str, str, str]]:
    return [(each.backend, str(each.precision), str(each.state)) for each in served.status.candidates]


def test_the_lowest_rank_is_taken_of_equals(offer, model: Path, cache: Cache) -> None:
    slow, fast = quick("slow", 90), quick("fast", 10)
    offer(slow, fast)
    served = load(model, threads=3, cache=cache)
    assert served.backend == "fast"
    assert [options.threads for options in fast.compiled] == [3]
    assert states(served) == [("fast", "fp32", "serving"), ("slow", "fp32", "ready")]


def test_it_computes_what_the_network_says(offer, model: Path, cache: Cache) -> None:
    offer(quick("a"))
    plan = onnxruntime.compile(model, interfaces.Options(), lambda _: None)
    right = onnxruntime.open(plan, interfaces.Options())(PICTURE)
    for ours, theirs in zip(load(model, cache=cache)(PICTURE), right, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_second_start_compiles_nothing(offer, model: Path, cache: Cache) -> None:
    first, again = quick("a"), quick("a")
    offer(first)
    load(model, cache=cache)
    offer(again)
    assert load(model, cache=cache).status.backend == "a"
    assert (len(first.compiled), again.compiled) == (1, [])


@pytest.mark.parametrize("attribute", ["number", "print"])
def test_another_version_or_device_compiles_anew(offer, model: Path, cache: Cache, attribute: str) -> None:
    offer(quick("a"))
    load(model, cache=cache)
    other = quick("a")
    setattr(other, attribute, "other")
    offer(other)
    load(model, cache=cache)
    assert len(other.compiled) == 1


def test_a_damaged_entry_is_made_again(offer, model: Path, cache: Cache) -> None:
    backend = quick("a")
    offer(backend)
    load(model, cache=cache)
    (path,) = cache.folder.glob("*.engine")
    path.write_bytes(path.read_bytes()[:-500])
    assert load(model, cache=cache).backend == "a"
    assert len(backend.compiled) == 2


def test_an_entry_that_does_not_open_is_made_again(offer, model: Path, cache: Cache) -> None:
    backend = quick("a")
    offer(backend)
    load(model, cache=cache)
    failures = [EngineError("made for another machine")]
    backend.opening = lambda: raising(failures.pop())() if failures else None
    assert load(model, cache=cache).backend == "a"
    assert len(backend.compiled) == 2


def test_one_that_is_missing_or_refuses_is_passed_over(offer, model: Path, cache: Cache) -> None:
    offer(quick("a", 1, missing="no device"), refusing("b", 2), quick("c", 3))
    served = load(model, cache=cache)
    assert served.backend == "c"
    assert served.status.candidates[0].state is CandidateState.refused
    assert "no such layer" in served.status.candidates[0].reason
    assert served.status.demoted


def test_graphics_cards_come_before_processors(offer, model: Path, cache: Cache) -> None:
    offer(quick("a", 1, device="cpu"), quick("b", 2, device="gpu"), quick("c", 90))
    served = load(model, cache=cache)
    assert [each.backend for each in served.status.candidates] == ["c", "b", "a"]
    assert not served.status.demoted


def test_when_none_can_every_reason_is_told(offer, model: Path, cache: Cache) -> None:
    offer(refusing("a", 1), quick("b", 2, spoil=zeros), quick("c", 3, missing="no device"))
    with pytest.raises(EngineError, match=r"some\.onnx.*a.*no such layer.*b.*zeros"):
        load(model, cache=cache)


def test_when_all_say_the_same_it_is_said_once(offer, model: Path, cache: Cache) -> None:
    offer(refusing("a", 1), refusing("b", 2))
    with pytest.raises(ModelRefused, match=r"^no such layer$"):
        load(model, cache=cache)


def test_with_nothing_installed(offer, model: Path, cache: Cache) -> None:
    offer(quick("a", 1, missing="no device"), quick("b", 2, missing="pip install b"))
    with pytest.raises(BackendUnavailable, match=r"a: no device; b: pip install b"):
        load(model, cache=cache)


def test_the_one_asked_for_is_not_replaced(offer, model: Path, cache: Cache) -> None:
    offer(quick("a", 1, missing="no device"), refusing("b", 2), quick("c", 3))
    assert load(model, backend="c", cache=cache).backend == "c"
    with pytest.raises(BackendUnavailable, match="a: no device"):
        load(model, backend="a", cache=cache)
    with pytest.raises(ModelRefused, match="no such layer"):
        load(model, backend="b", cache=cache)


def test_a_device_asked_for(offer, model: Path, cache: Cache) -> None:
    offer(quick("a", 1), quick("b", 2, device="cpu"))
    assert load(model, device="cpu", cache=cache).backend == "b"
    assert load(model, device="cuda", cache=cache).device == "cuda:0"
    with pytest.raises(BackendUnavailable, match=r"on cuda:7.*a has cuda:0; b has cpu"):
        load(model, device="cuda:7", cache=cache)


def test_an_unknown_backend_names_those_that_exist(offer, model: Path) -> None:
    offer(quick("a", 1), quick("b", 2))
    with pytest.raises(VisardError, match=r"'z'.*a, b"):
        load(model, backend="z")


def test_an_unknown_precision_names_those_that_exist(offer, model: Path) -> None:
    offer(quick("a", 1))
    with pytest.raises(EngineError, match=r"'fp12'.*auto.*fp32, fp16, mixed, bf16"):
        load(model, precision="fp12")


def test_a_missing_file_is_told_before_any_backend_is_asked(offer, tmp_path: Path) -> None:
    only = quick("a", 1)
    offer(only)
    for path in (tmp_path / "no.onnx", tmp_path):
        with pytest.raises(EngineError, match=r"missing.*reinstall"):
            load(path)
    assert only.compiled == []


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x07junk" * 40])
def test_a_file_that_is_no_network(tmp_path: Path, cache: Cache, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"broken\.onnx"):
        load(path, cache=cache)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (zeros, "zeros"),
        (nan, "no numbers"),
        (lambda _, outputs: tuple(np.full_like(o, 0.4) for o in outputs), "all the same number"),
        (lambda _, outputs: tuple(o[..., :1] for o in outputs), "shape"),
        (lambda _, outputs: tuple(o.astype(np.float16) for o in outputs), "float16 instead of float32"),
        (lambda _, outputs: outputs[:1], "1 outputs instead of 2"),
        (lambda _, outputs: tuple(o * 1.1 for o in outputs), "far from the reference"),
        (lambda _, outputs: (outputs[0], outputs[1][:, ::-1]), "mean: far"),
    ],
)
def test_wrong_results_are_never_served(
    offer, model: Path, cache: Cache, caplog: pytest.LogCaptureFixture, fault, words: str
) -> None:
    offer(quick("bad", 1, spoil=fault), quick("right", 2, device="cpu"))
    served = load(model, cache=cache)
    assert served.backend == "right"
    assert served.status.candidates[0].state is CandidateState.wrong
    assert words in served.status.candidates[0].reason
    assert words in caplog.text
    with pytest.raises(Wrong, match=words):
        load(model, backend="bad", cache=cache)


def test_a_wrong_precision_gives_way_to_a_safer_one(offer, model: Path, cache: Cache) -> None:
    order = (Precision.fp16, Precision.mixed, Precision.fp32)
    backend = quick("a", precisions=order)
    made: list[Precision] = []
    real_open = backend.open

    def opened(plan, options):
        made.append(options.precision)
        backend.spoil = nan if options.precision is Precision.fp16 else lambda _, outputs: outputs
        return real_open(plan, options)

    backend.open = opened
    offer(backend)
    served = load(model, cache=cache)
    assert served.precision is Precision.mixed
    assert states(served) == [("a", "fp16", "wrong"), ("a", "mixed", "serving"), ("a", "fp32", "untried")]
    assert made == [Precision.fp16, Precision.mixed]


def test_numbers_too_large_for_fp16_are_served_in_mixed(offer, tmp_path: Path, cache: Cache) -> None:
    """The real converter: fp16 overflows inside, mixed leaves what overflows in fp32."""
    offer(Exact("a", instant=True, precisions=(Precision.fp16, Precision.mixed, Precision.fp32)))
    served = load(overflowing(tmp_path / "large.onnx"), cache=cache)
    assert states(served) == [("a", "fp16", "wrong"), ("a", "mixed", "serving"), ("a", "fp32", "untried")]
    assert "no numbers" in served.status.candidates[0].reason
    assert any("stay" in note for entry in cache.entries() for note in entry.notes)
    assert np.isfinite(served(np.ones((1, 8), np.float32))[0]).all()


def overflowing(path: Path) -> Path:
    """Times 3000, times 3000, divided by that: 1 in, 1 out, nine million between."""
    from onnx import helper

    nodes = [
        helper.make_node("Mul", ["x", "large"], ["a"], "first"),
        helper.make_node("Mul", ["a", "large"], ["b"], "second"),
        helper.make_node("Mul", ["b", "small"], ["c"], "third"),
        helper.make_node("Mul", ["c", "small"], ["y"], "fourth"),
    ]
    weights = {"large": np.float32([3000]), "small": np.float32([1 / 3000])}
    return write(path, nodes, weights, [("x", [1, 8])], [("y", [1, 8])])


def test_a_precision_asked_for_falls_to_fp32(offer, model: Path, cache: Cache) -> None:
    backend = quick("a")
    backend.compiling = lambda _: None
    real_compile = backend.compile

    def compiled(path, options, report):
        if options.precision is not Precision.fp32:
            raise ModelRefused(f"this card has no {options.precision}")
        return real_compile(path, options, report)

    backend.compile = compiled
    offer(backend)
    served = load(model, precision="bf16", cache=cache)
    assert served.precision is Precision.fp32
    assert served.status.candidates[0].reason == "this card has no bf16"


def test_a_lost_device_is_not_asked_again(offer, model: Path, cache: Cache) -> None:
    order = (Precision.fp16, Precision.fp32)
    gpu = quick("gpu", 1, precisions=order, opening=raising_lost)
    other = quick("other", 2, precisions=order)
    offer(gpu, other, quick("cpu", 3, device="cpu"))
    served = load(model, cache=cache)
    assert served.backend == "cpu"
    assert {each.state for each in served.status.candidates[:-1]} == {CandidateState.lost}
    assert (len(gpu.compiled), other.compiled) == (1, [])


def raising_lost() -> None:
    raise DeviceLost("the card fell off the bus")


def test_a_network_without_numbers_ends_the_search(offer, tmp_path: Path, cache: Cache) -> None:
    from onnx import helper

    path = tmp_path / "nan.onnx"
    nodes = [helper.make_node("Mul", ["x", "w"], ["y"])]
    write(path, nodes, {"w": np.float32([np.nan])}, [("x", [1, 4])], [("y", [1, 4])])
    one, two = quick("a", 1), quick("b", 2)
    offer(one, two)
    for wait in (True, False):
        with pytest.raises(NoNumbers, match=r"nan\.onnx: its own results are no numbers"):
            load(path, cache=cache, wait=wait)
    assert (one.compiled, two.compiled) == ([], [])


def test_where_nothing_can_be_kept_it_serves_and_says_so(offer, model: Path, tmp_path: Path) -> None:
    offer(quick("a"))
    (tmp_path / "file").write_text("")
    served = load(model, cache=Cache(tmp_path / "file" / "engines"))
    assert len(served(PICTURE)) == 2
    assert "could not be kept" in served.status.warnings[0]


def test_samples_of_the_wrong_shape(offer, model: Path, cache: Cache) -> None:
    offer(quick("a"), quick("b", 2))
    with pytest.raises(EngineError, match=r"^sample 1: x takes \[1, 3, 16, 16\], not \[1, 3, 8, 8\]$"):
        load(model, cache=cache, samples=[(PICTURE,), (np.zeros((1, 3, 8, 8), np.float32),)])


def test_shapes_that_vary(offer, tmp_path: Path, cache: Cache) -> None:
    path = small(tmp_path / "vary.onnx", shape=("n", 3, "h", "w"))
    offer(quick("a"))
    bounds = Range("x", (1, 3, 8, 8), (2, 3, 16, 16), (4, 3, 32, 32))
    served = load(path, cache=cache, ranges=(bounds,))
    assert served(np.zeros((3, 3, 10, 12), np.float32))[0].shape == (3, 4, 10, 12)
    assert load(path, cache=cache)(PICTURE)[0].shape == (1, 4, 16, 16)
    assert len(cache.entries()) == 2


def test_openvinos_own_format_has_no_reference(tmp_path: Path, cache: Cache, model: Path) -> None:
    openvino = pytest.importorskip("openvino")
    path = tmp_path / "net.xml"
    openvino.save_model(openvino.Core().read_model(model), path, compress_to_fp16=False)
    served = load(path, cache=cache)
    right = load(model, cache=cache)
    np.testing.assert_allclose(served(PICTURE)[0], right(PICTURE)[0], atol=1e-4)
    assert "only looked whether its results are numbers" in served.status.candidates[0].reason


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_an_onnx_file_of_another_name(tmp_path: Path, cache: Cache, backend: str) -> None:
    served = load(small(tmp_path / "somebody.dfm"), backend=backend, cache=cache)
    assert served(PICTURE)[0].shape == (1, 4, 16, 16)


def test_the_same_network_twice_is_opened_once(model: Path, cache: Cache) -> None:
    one, two = load(model, backend="openvino", cache=cache), load(model, backend="openvino", cache=cache)
    first = [output.copy() for output in one(PICTURE)]
    two(PICTURE * 0)
    for kept, output in zip(first, one(PICTURE), strict=True):
        np.testing.assert_array_equal(kept, output)
    assert one._engine is not two._engine
    assert one._engine._compiled is two._engine._compiled


def test_what_serves_is_listed(offer, model: Path, cache: Cache) -> None:
    offer(quick("a"))
    served = load(model, cache=cache)
    assert served.status in engines.statuses()
    before = len(engines.statuses())
    del served
    assert len(engines.statuses()) == before - 1


def test_watchers_are_told(offer, model: Path, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    offer(quick("a"))
    seen: list[engines.EngineStatus] = []
    stops = [engines.watch(seen.append), engines.watch(raising(RuntimeError("broken watcher")))]
    with caplog.at_level(logging.CRITICAL):
        load(model, cache=cache)
    for stop in stops:
        stop()
        stop()
    assert [s.candidates[0].state for s in seen][-1] is CandidateState.serving
    assert any(s.building for s in seen)
    told = len(seen)
    load(model, cache=cache)
    assert len(seen) == told
