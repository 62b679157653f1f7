"""The device layer: what every provider keeps to, seen on the fake one and, where there is one, on a GPU."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_device import FakeDevice

from visard.engines import device
from visard.engines.device.cuda_core import CudaCore
from visard.engines.device.pycuda import PyCuda
from visard.engines.errors import BackendUnavailable, DeviceLost, EngineError


def open_real() -> Any:
    if reason := device.unavailable():
        pytest.skip(reason)
    return device.open_device()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.gpu)])
def gpu(request: pytest.FixtureRequest) -> Any:
    chosen = FakeDevice() if request.param == "fake" else open_real()
    chosen.activate()
    return chosen


def test_there_and_back(gpu: Any) -> None:
    for dtype in (np.float32, np.float16, np.int64, np.uint8, np.bool_):
        array = np.random.default_rng(1).integers(0, 2, (3, 4, 5)).astype(dtype)
        there = device.to_device(array, gpu)
        assert (there.shape, there.dtype, there.nbytes) == (array.shape, array.dtype, array.nbytes)
        np.testing.assert_array_equal(device.to_host(there), array)


def test_arrays_without_content_or_contiguity(gpu: Any) -> None:
    for array in (
        np.zeros((0, 3), np.float32),
        np.float32(7).reshape(()),
        np.eye(4, dtype=np.float32)[:, ::2],
    ):
        np.testing.assert_array_equal(device.to_host(device.to_device(array, gpu)), array)


def test_copies_follow_the_order_of_their_stream(gpu: Any) -> None:
    stream = gpu.stream()
    pinned, back = gpu.pinned((1000,), np.float32), gpu.pinned((1000,), np.float32)
    first, second = gpu.empty((1000,), np.float32, stream), gpu.empty((1000,), np.float32, stream)
    pinned[:] = np.arange(1000)
    gpu.upload(pinned, first, stream)
    gpu.copy(first, second, stream)
    gpu.download(second, back, stream)
    stream.sync()
    np.testing.assert_array_equal(back, np.arange(1000))


def test_streams_wait_for_each_other(gpu: Any) -> None:
    pinned, back = gpu.pinned((1 << 20,), np.float32), gpu.pinned((1 << 20,), np.float32)
    for how in ("event", "follow", "lead"):
        one, two = gpu.stream(), gpu.stream()
        array = gpu.empty((1 << 20,), np.float32, one)
        pinned[:], back[:] = np.random.default_rng().random(1 << 20), 0
        gpu.upload(pinned, array, one)
        if how == "event":
            two.wait(one.record())
        elif how == "follow":
            two.follow(one.handle)
        else:
            one.lead(two.handle)
        gpu.download(array, back, two)
        two.sync()
        np.testing.assert_array_equal(back, pinned)


def test_events_tell_the_time(gpu: Any) -> None:
    stream = gpu.stream()
    pinned = gpu.pinned((1 << 20,), np.float32)
    array = gpu.empty((1 << 20,), np.float32, stream)
    start = stream.record()
    gpu.upload(pinned, array, stream)
    end = stream.record()
    end.sync()
    assert 0 < end.since(start) < 10_000


def test_a_graph_does_what_was_captured_when_it_is_launched(gpu: Any) -> None:
    if not gpu.graphs:
        pytest.skip(f"{gpu.provider} has no graphs")
    stream = gpu.stream()
    pinned, back = gpu.pinned((64,), np.float32), gpu.pinned((64,), np.float32)
    array = gpu.empty((64,), np.float32, stream)

    def work() -> None:
        gpu.upload(pinned, array, stream)
        gpu.download(array, back, stream)

    pinned[:], back[:] = 1, 0
    graph = gpu.capture(stream, work)
    stream.sync()
    assert back.max() == 0, "capturing does nothing yet"
    for value in (1, 2, 3):
        pinned[:] = value
        graph()
        stream.sync()
        assert (back == value).all()


def test_a_stream_goes_on_after_work_that_could_not_be_captured(gpu: Any) -> None:
    if not gpu.graphs:
        pytest.skip(f"{gpu.provider} has no graphs")
    stream = gpu.stream()

    def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        gpu.capture(stream, work)
    pinned, back = gpu.pinned((8,), np.float32), gpu.pinned((8,), np.float32)
    array = gpu.empty((8,), np.float32, stream)
    pinned[:] = 5
    gpu.upload(pinned, array, stream)
    gpu.download(array, back, stream)
    stream.sync()
    assert (back == 5).all()


def test_properties(gpu: Any) -> None:
    is_ = gpu.properties
    assert is_.name
    assert is_.capability >= (5, 0)
    assert float(is_.driver) >= 11
    assert is_.memory >= 1 << 30


def test_the_cuda_array_interface(gpu: Any) -> None:
    array = device.to_device(np.ones((2, 3), np.float32), gpu)
    told = array.__cuda_array_interface__
    assert told == {
        "shape": (2, 3),
        "typestr": "<f4",
        "data": (array.pointer, False),
        "strides": None,
        "stream": array.stream.handle,
        "version": 3,
    }


def test_dlpack_hands_over_memory_itself() -> None:
    gpu = FakeDevice()
    stream = gpu.stream()
    pinned = gpu.pinned((2, 3), np.float32)
    pinned[...] = [[1, 2, 3], [4, 5, 6]]
    array = gpu.empty((2, 3), np.float32, stream)
    gpu.upload(pinned, array, stream)  # DLPack has to wait for it
    taken = np.from_dlpack(array)
    np.testing.assert_array_equal(taken, pinned)
    assert taken.ctypes.data == array.pointer
    before = gpu.allocated
    del array
    assert gpu.allocated == before, "whoever took it still has it"
    np.testing.assert_array_equal(taken, pinned)
    del taken
    assert gpu.allocated == 0


def test_a_dlpack_capsule_nobody_takes_keeps_nothing() -> None:
    gpu = FakeDevice()
    array = gpu.empty((2, 3), np.float32, gpu.stream())
    capsule = array.__dlpack__()
    del array
    assert gpu.allocated == 24
    del capsule
    assert gpu.allocated == 0


def test_dlpack_tells_the_stream_what_to_wait_for() -> None:
    gpu = FakeDevice()
    gpu.dlpack = 2  # as a GPU's memory
    array = gpu.empty((2, 3), np.float32, gpu.stream())
    pinned = gpu.pinned((2, 3), np.float32)
    pinned[:] = 3
    gpu.upload(pinned, array, array.stream)
    array.__dlpack__(stream=77)
    assert np.isnan(gpu.view(array.pointer, (2, 3), np.float32)).all()
    gpu.stream_of(77).sync()
    assert (gpu.view(array.pointer, (2, 3), np.float32) == 3).all()
    with pytest.raises(BufferError, match="without a copy"):
        array.__dlpack__(copy=True)
    with pytest.raises(BufferError, match="without a copy"):
        array.__dlpack__(dl_device=(1, 0))


def test_a_capsule_can_be_taken_once() -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    capsule = array.__dlpack__()
    taken = device.dlpack.take(capsule)
    assert (taken.pointer, taken.shape, taken.dtype) == (array.ctypes.data, (2, 3), array.dtype)
    assert taken.contiguous
    assert not device.dlpack.take(array.T.__dlpack__()).contiguous
    with pytest.raises(EngineError, match="taken already"):
        device.dlpack.take(capsule)
    with pytest.raises(EngineError, match="not supported"):
        device.dlpack.take(np.zeros(3, np.complex64).__dlpack__())


def test_the_fake_is_strict() -> None:
    gpu = FakeDevice(memory=1000)
    stream = gpu.stream()
    array = gpu.empty((100,), np.float32, stream)
    with pytest.raises(RuntimeError, match="pinned"):
        gpu.upload(np.zeros(100, np.float32), array, stream)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        gpu.view(array.pointer, (101,), np.float32)
    with pytest.raises(MemoryError):
        gpu.empty((200,), np.float32, stream)
    assert np.isnan(gpu.view(array.pointer, (100,), np.float32)).all()
    gpu.broken = "gone"
    with pytest.raises(DeviceLost, match="the GPU failed while copying from it: gone"):
        device.to_host(array)
    with pytest.raises(DeviceLost, match="the GPU failed while copying to it: gone"):
        device.to_device(np.zeros(3), gpu)


class Provider:
    """Has or lacks GPUs as told."""

    def __init__(self, name: str, rank: int, reason: str | None, gpus: int = 1) -> None:
        self.name, self.rank, self._reason, self._gpus = name, rank, reason, gpus

    def unavailable(self) -> str | None:
        return self._reason

    def count(self) -> int:
        return self._gpus

    def open(self, index: int) -> Any:
        return SimpleNamespace(provider=self.name, index=index)


def provide(monkeypatch: pytest.MonkeyPatch, *providers: Provider) -> None:
    monkeypatch.setattr(device.providers, "_found", {p.name: p for p in providers})


def test_the_first_provider_that_has_a_gpu_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    provide(monkeypatch, Provider("b", 2, None), Provider("a", 1, "no driver"), Provider("c", 3, None))
    assert device.unavailable() is None
    assert device.open_device().provider == "b"
    with pytest.raises(EngineError, match="there is no GPU 1; there are 1"):
        device.open_device(1)


def test_every_providers_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    provide(monkeypatch, Provider("b", 2, "not installed"), Provider("a", 1, "no driver"))
    assert device.unavailable() == "a: no driver; b: not installed"
    assert device.count() == 0
    with pytest.raises(BackendUnavailable, match="a: no driver; b: not installed"):
        device.open_device()


def test_providers_are_found() -> None:
    assert set(device.providers.all()) == {"cuda_core", "pycuda"}
    assert device.providers.broken == {}


@pytest.mark.parametrize(
    ("provider", "module", "hint"),
    [(CudaCore(), "cuda", "visard[rtx]"), (PyCuda(), "pycuda", "visard[pycuda]")],
)
def test_one_that_is_not_installed_says_why(
    monkeypatch: pytest.MonkeyPatch, provider: Any, module: str, hint: str
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert hint in (provider.unavailable() or "")


def test_cuda_errors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = SimpleNamespace(CUDA_SUCCESS=0)

    class Code(int):
        name = "CUDA_ERROR_NO_DEVICE"

    driver: Any = ModuleType("cuda.bindings.driver")
    driver.CUresult, driver.cuInit = codes, lambda flags: (Code(100),)
    bindings: Any = ModuleType("cuda.bindings")
    bindings.driver = driver
    core: Any = ModuleType("cuda.core")
    core.Device = object
    for name, module in {
        "cuda.bindings": bindings,
        "cuda.bindings.driver": driver,
        "cuda.core": core,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert CudaCore().unavailable() == "no NVIDIA GPU (CUDA_ERROR_NO_DEVICE (100))"


@pytest.mark.parametrize(("name", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:12", 12)])
def test_names_of_gpus(name: str, index: int) -> None:
    assert device.index_of(name) == index


@pytest.mark.parametrize("name", ["cpu", "cuda:x", "gpu:0", "cuda:-1"])
def test_names_of_no_gpu(name: str) -> None:
    with pytest.raises(EngineError, match="is no NVIDIA GPU"):
        device.index_of(name)


def test_a_machine_without_a_driver_says_so_in_three_words() -> None:
    pytest.importorskip("cuda.core", reason="needs cuda-core", exc_type=ImportError)
    if not device.unavailable():
        pytest.skip("there is a GPU")
    assert (CudaCore().unavailable() or "").startswith("no NVIDIA ")
