"""An engine that serves: changing over between calls, falling back, ending with the process."""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import fake_engines
import numpy as np
import psutil
import pytest
from fake_device import FakeDevice
from fake_engines import STEP, Fake, lost_at, marked, nan, raising
from graphs import small

from visard.engines import CandidateState, ManagedEngine, Precision, device, interfaces, load
from visard.engines.backends.onnxruntime import backend as onnxruntime
from visard.engines.cache.cache import Cache
from visard.engines.errors import DeviceLost, EngineError, ModelRefused

PICTURE = np.random.default_rng(3).random((1, 3, 16, 16), np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return small(tmp_path / "some.onnx")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "engines")


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have these backends and, unless told otherwise, the real ONNX Runtime."""

    def give(*fakes: Fake, real: bool = True) -> None:
        found = {fake.name: fake for fake in fakes} | ({"onnxruntime": onnxruntime} if real else {})
        monkeypatch.setattr(interfaces.backends, "_found", found)

    return give


@pytest.fixture
def right(model: Path) -> list[np.ndarray]:
    plan = onnxruntime.compile(model, interfaces.Options(), lambda _: None)
    return [output.copy() for output in onnxruntime.open(plan, interfaces.Options())(PICTURE)]


def same(outputs: tuple[np.ndarray, ...], right: list[np.ndarray]) -> bool:
    return all(np.allclose(a, b, atol=1e-5) for a, b in zip(outputs, right, strict=True))


def states(served: ManagedEngine) -> list[str]:
    return [str(each.state) for each in served.status.candidates]


def quick(name: str, rank: int = 1, **more: object) -> Fake:
    return Fake(name, rank, instant=True, **more)


def settled(served: ManagedEngine) -> None:
    thread = served._selector._thread
    if thread:
        thread.join(60)
        assert not thread.is_alive()


def test_it_serves_while_the_better_one_compiles(offer, model: Path, cache: Cache, right) -> None:
    offer(fake_engines.slow)
    served = load(model, wait=False, cache=cache)
    assert served.backend == "onnxruntime"
    assert states(served) in (["untried", "serving"], ["building", "serving"])
    steps, backends = set(), [served.backend]
    while served.backend != "slow":
        assert same(served(PICTURE), right)
        backends.append(served.backend)
        if building := served.status.building:
            steps.add(building.step)
        threading.Event().wait(0.005)
    assert "thinking" in steps
    assert same(served(PICTURE), right)
    assert backends == sorted(backends)  # over once, and not back
    assert states(served) == ["serving", "ready"]
    assert served.status.building is None


def test_what_is_compiled_serves_at_once(offer, model: Path, cache: Cache) -> None:
    offer(fake_engines.good)
    load(model, cache=cache)
    served = load(model, wait=False, cache=cache)
    assert (served.backend, served._selector._thread) == ("good", None)


def test_without_onnx_runtime_a_quick_one_serves(offer, model: Path, cache: Cache) -> None:
    offer(fake_engines.slow, quick("quick", 50, device="cpu"), real=False)
    served = load(model, wait=False, cache=cache)
    assert served.backend == "quick"
    settled(served)
    served(PICTURE)
    assert served.backend == "slow"


def test_a_device_asked_for_gets_a_stopgap(offer, model: Path, cache: Cache) -> None:
    offer(fake_engines.slow)
    served = load(model, "cuda:0", wait=False, cache=cache)
    assert served.backend == "onnxruntime"
    settled(served)
    served(PICTURE)
    assert served.device == "cuda:0"


def test_outputs_never_mix(offer, model: Path, cache: Cache, right) -> None:
    """Every call is answered by one engine whole: first by the one, from some call on by the other."""
    offer(fake_engines.better, quick("base", 5, device="cpu", spoil=marked(1)), real=False)
    served = load(model, wait=False, cache=cache)
    answered, before = [], weakref.ref(served._engine)
    while answered.count(3) < 5:
        outputs = served(PICTURE)
        marks = {round(float((a - b).mean()) / STEP) for a, b in zip(outputs, right, strict=True)}
        assert len(marks) == 1
        answered += marks
    assert answered[0] == 1
    assert answered == sorted(answered)
    assert set(answered) == {1, 3}
    assert before() is None


def test_a_better_one_that_is_wrong_never_serves(offer, model: Path, cache: Cache, right) -> None:
    offer(fake_engines.blank)
    served = load(model, wait=False, cache=cache)
    settled(served)
    assert same(served(PICTURE), right)
    assert states(served) == ["wrong", "serving"]
    assert "all zeros" in served.status.candidates[0].reason
    assert served.status.candidates[0].cosine == 0


@pytest.mark.parametrize("name", ["abort", "killed", "refuse", "odd"])
def test_a_compilation_that_fails_leaves_what_serves(
    offer, model: Path, cache: Cache, right, name: str
) -> None:
    offer(getattr(fake_engines, name))
    served = load(model, wait=False, cache=cache)
    settled(served)
    assert same(served(PICTURE), right)
    assert states(served) == ["refused", "serving"]
    assert served.status.candidates[0].reason
    assert served.status.demoted


@pytest.mark.parametrize("error", [DeviceLost, RuntimeError, MemoryError, EngineError])
def test_the_call_that_fails_is_answered_by_the_next(
    offer, model: Path, cache: Cache, right, error: type[Exception]
) -> None:
    offer(quick("gpu", 1, spoil=lost_at(7, error)), quick("next", 2, device="cpu"))
    served = load(model, cache=cache)
    for number in range(10):
        assert same(served(PICTURE), right)
        assert served.backend == ("gpu" if number < 3 else "next")  # three calls were the self-check
    settled(served)
    assert states(served) == ["lost" if error is DeviceLost else "refused", "serving", "ready"]
    assert served.status.candidates[0].reason == "the card fell off the bus"
    assert served.status.demoted


def test_all_candidates_of_a_lost_device_are_skipped(offer, model: Path, cache: Cache, right) -> None:
    order = (Precision.fp32, Precision.fp16)
    gpu, other = quick("gpu", 1, spoil=lost_at(5), precisions=order), quick("other", 2)
    offer(gpu, other)
    served = load(model, cache=cache)
    assert same(served(PICTURE), right)
    assert same(served(PICTURE), right)
    assert states(served) == ["lost", "lost", "lost", "serving"]
    assert other.opened == 1  # to be measured


def test_a_slow_candidate_does_not_hold_up_the_call(offer, model: Path, cache: Cache, right) -> None:
    """The call is answered by what is quick; what takes its time comes later, by itself."""
    first = quick("first", 1, device="cuda:1", spoil=lost_at(4))
    offer(first, fake_engines.hang)
    load(model, backend="first", cache=cache)  # compiled, so that it serves at once
    served = load(model, wait=False, cache=cache)
    assert served.backend == "first"
    assert same(served(PICTURE), right)
    assert served.backend == "onnxruntime"
    assert states(served)[0] == "lost"
    served.close()


def test_when_nothing_is_left_it_says_so(offer, model: Path, cache: Cache) -> None:
    offer(quick("gpu", 1, spoil=lost_at(4)), real=False)
    served = load(model, cache=cache)
    for _ in range(3):
        with pytest.raises(DeviceLost, match="the card fell off the bus"):
            served(PICTURE)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((), "0 arrays"),
        ((PICTURE, PICTURE), "2 arrays"),
        ((PICTURE[:, :, :8],), r"x takes \[1, 3, 16, 16\], not \[1, 3, 8, 16\]"),
        ((PICTURE.astype(np.float64),), "float32, not float64"),
    ],
)
def test_arrays_that_do_not_fit_are_the_callers_fault(
    offer, model: Path, cache: Cache, right, arrays: tuple[np.ndarray, ...], words: str
) -> None:
    offer(quick("a", 1))
    served = load(model, cache=cache)
    for _ in range(3):
        with pytest.raises(EngineError, match=words):
            served(*arrays)
    assert served.backend == "a"
    assert same(served(PICTURE), right)


def test_results_that_stop_being_numbers(offer, model: Path, cache: Cache, right) -> None:
    faulty = quick("a", 1, spoil=lambda call, outputs: nan(call, outputs) if call > 5 else outputs)
    offer(faulty)
    served = load(model, cache=cache)
    for _ in range(6):
        assert same(served(PICTURE), right)
    assert served.backend == "onnxruntime"
    assert served.status.candidates[0].state is CandidateState.wrong
    assert "no numbers" in served.status.candidates[0].reason


def test_one_that_stumbles_once_stays(offer, model: Path, cache: Cache, right) -> None:
    offer(quick("a", 1, spoil=lambda call, outputs: nan(call, outputs) if call == 6 else outputs))
    served = load(model, cache=cache)
    for _ in range(6):
        assert same(served(PICTURE), right)
    assert served.backend == "a"


@pytest.mark.parametrize("begins", [10, 100, 200])
def test_a_single_number_that_is_none_is_found_in_time(offer, model: Path, cache: Cache, begins: int) -> None:
    """All of the outputs are looked at every 32 calls, not only at first."""

    def corner(call: int, outputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        outputs[0].flat[0] = np.inf if call > begins else outputs[0].flat[0]
        return outputs

    offer(quick("a", 1, spoil=corner))
    served = load(model, cache=cache)
    for _ in range(begins + 40):
        outputs = served(PICTURE)
    assert np.isfinite(outputs[0]).all()
    assert served.backend == "onnxruntime"


def test_inputs_that_are_no_numbers_change_nothing(offer, model: Path, cache: Cache) -> None:
    offer(quick("a", 1))
    served = load(model, cache=cache)
    for _ in range(40):
        assert np.isnan(served(PICTURE * np.nan)[0]).all()
    assert served.backend == "a"


def test_dropping_an_engine_ends_its_compilation(offer, model: Path, cache: Cache) -> None:
    offer(fake_engines.hang)
    served = load(model, wait=False, cache=cache)
    thread = served._selector._thread
    while not (served.status.building and served.status.building.step == "hanging"):
        threading.Event().wait(0.02)
    del served
    gc.collect()
    thread.join(20)
    assert not thread.is_alive()
    assert psutil.Process().children() == []


def test_closing_an_engine_leaves_it_running(offer, model: Path, cache: Cache, right) -> None:
    offer(fake_engines.hang)
    served = load(model, wait=False, cache=cache)
    served.close()
    assert psutil.Process().children() == []
    assert same(served(PICTURE), right)
    served.close()


_PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import fake_engines
from visard.engines import interfaces, load
from visard.engines.backends.onnxruntime import backend
from visard.engines.cache.cache import Cache
from fake_device import FakeDevice
hang = getattr(fake_engines, sys.argv[4])
interfaces.backends._found = {"hang": hang, "onnxruntime": backend}
served = load(Path(sys.argv[2]), wait=False, cache=Cache(Path(sys.argv[3])))
while not (served.status.building and served.status.building.step == "hanging"):
    pass
print(served.backend)
"""


@pytest.mark.parametrize("name", ["hang", "deaf"])
def test_a_process_ends_quietly_while_compiling(model: Path, cache: Cache, name: str) -> None:
    arguments = [str(Path(__file__).parents[1]), str(model), str(cache.folder), name]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "onnxruntime\n", "")
    assert not list(cache.folder.glob(".half*"))


def test_one_that_cannot_open_while_falling_back_is_passed_over(
    offer, model: Path, cache: Cache, right
) -> None:
    broken = quick("broken", 2, device="cpu", opening=raising(ModelRefused("not today")))
    offer(quick("gpu", 1, spoil=lost_at(5)), broken)
    served = load(model, cache=cache)
    for _ in range(3):
        assert same(served(PICTURE), right)
    assert states(served) == ["lost", "refused", "serving"]


def test_arrays_of_a_gpu_on_an_engine_that_knows_only_the_host(
    offer, model: Path, cache: Cache, right
) -> None:
    gpu = FakeDevice()
    stream = gpu.stream()
    offer(quick("a", 1, device="cpu"))
    served = load(model, cache=cache)
    for _ in range(2):
        outputs = served(device.to_device(PICTURE, gpu, stream))
        assert all(device.is_on_device(output) for output in outputs)
        assert same(tuple(map(device.to_host, outputs)), right)
    with pytest.raises(EngineError, match="x takes"):
        served(device.to_device(PICTURE[0], gpu, stream))
    assert served.backend == "a"


def test_arrays_of_a_gpu_survive_a_fall_to_the_host(offer, model: Path, cache: Cache, right) -> None:
    gpu = FakeDevice()
    offer(quick("a", 1, spoil=lost_at(4)))
    served = load(model, cache=cache)
    outputs = served(device.to_device(PICTURE, gpu))
    assert served.backend == "onnxruntime"
    assert same(tuple(map(device.to_host, outputs)), right)


def test_a_device_lost_meanwhile_is_not_changed_over_to(offer, model: Path, cache: Cache, right) -> None:
    """The better one's card goes while it is being compiled for: what was made for it is dropped."""
    offer(fake_engines.slow)
    served = load(model, wait=False, cache=cache)
    served._selector.lose("cuda:0", "unplugged")
    settled(served)
    assert same(served(PICTURE), right)
    assert served.backend == "onnxruntime"
    assert states(served) == ["lost", "serving"]


def test_a_closed_engine_still_falls(offer, model: Path, cache: Cache, right) -> None:
    offer(quick("a", 1, spoil=lost_at(4)))
    served = load(model, cache=cache)
    served.close()
    assert same(served(PICTURE), right)
    assert served.backend == "onnxruntime"
