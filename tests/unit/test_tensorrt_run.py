"""How the TensorRT adapter runs networks, on a GPU and a library that only look like it."""

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_device import FakeDevice
from fake_tensorrt import FakeTensorRT
from small_network import Gpus, agree, load, network, pair, right

from visard.engines import device
from visard.engines.backends import _tensorrt_run as run
from visard.engines.backends.tensorrt import TensorRT
from visard.engines.backends.tensorrt_rtx import TensorRTRtx
from visard.engines.cache.files import BlobStore
from visard.engines.errors import DeviceLost, EngineError
from visard.engines.interfaces import Array, Options, Range

CUDA = Options(device="cuda:0")


@pytest.fixture
def gpu() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def library(gpu: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    library = FakeTensorRT(gpu)
    monkeypatch.setitem(sys.modules, "tensorrt", library)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", library)
    return library


@pytest.fixture
def backend(library: FakeTensorRT, gpu: FakeDevice, tmp_path: Path) -> TensorRT:
    return TensorRT(gpus=Gpus(gpu), kept=BlobStore(tmp_path / "kept"))


@pytest.fixture
def rtx(library: FakeTensorRT, gpu: FakeDevice, tmp_path: Path) -> TensorRTRtx:
    return TensorRTRtx(gpus=Gpus(gpu), kept=BlobStore(tmp_path / "kept"))


def on(gpu: FakeDevice, array: Array) -> device.DeviceArray:
    return device.to_device(array, gpu)


def test_arrays_of_the_host(backend: TensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    engine = load(backend, path)
    assert [(i.name, i.dtype, i.shape) for i in engine.inputs] == [
        (n, np.float32, (1, 3, 8, 8)) for n in "ab"
    ]
    assert [(o.name, o.shape) for o in engine.outputs] == [("c", (1, 3, 8, 8)), ("d", (1, 3, 8))]
    for seed in range(5):
        arrays = pair(seed=seed)
        before = [array.copy() for array in arrays]
        agree(engine(*arrays), right(path, *arrays))
        np.testing.assert_array_equal(arrays, before)
    assert gpu.launched == 4, "all but the first run are one launch of a graph"


def test_arrays_that_are_not_contiguous(backend: TensorRT, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    a, b = pair((1, 8, 8, 3))
    arrays = a.transpose(0, 3, 1, 2), b.transpose(0, 3, 2, 1)
    agree(load(backend, path)(*arrays), right(path, *arrays))


@pytest.mark.parametrize("graphs", [True, False])
def test_arrays_of_the_device_stay_there(
    backend: TensorRT, gpu: FakeDevice, tmp_path: Path, graphs: bool
) -> None:
    path = network(tmp_path / "n.onnx")
    gpu.graphs = graphs
    engine = load(backend, path)
    arrays = pair()
    a, b = (on(gpu, array) for array in arrays)
    gpu.syncs = 0
    for run_ in range(4):
        results = engine(a, b)
        assert gpu.syncs == 0, "nothing waits for the GPU"
        assert gpu.launched == (run_ if graphs else 0)
    agree(results, right(path, *arrays))


def test_it_waits_for_the_stream_of_whoever_made_the_array(
    backend: TensorRT, gpu: FakeDevice, tmp_path: Path
) -> None:
    path = network(tmp_path / "n.onnx")
    engine, arrays = load(backend, path), pair()
    for _ in range(3):
        stream = gpu.stream()
        made = []
        for array in arrays:
            pinned = gpu.pinned(array.shape, array.dtype)
            pinned[...] = array
            made.append(gpu.empty(array.shape, array.dtype, stream))
            gpu.upload(pinned, made[-1], stream)  # not done before somebody waits for it
        agree(engine(*made), right(path, *arrays))


class Foreign:
    """An array of another library, told through the CUDA array interface."""

    def __init__(self, array: device.DeviceArray, strides: tuple[int, ...] | None = None) -> None:
        self._array, self.shape, self._strides = array, array.shape, strides

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return self._array.__cuda_array_interface__ | {"strides": self._strides}


class Lent:
    """An array of another library, told through DLPack."""

    def __init__(self, array: Array, place: tuple[int, int] = (1, 0)) -> None:
        self._array, self._place = array, place

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._place

    def __dlpack__(self, *, stream: int | None = None) -> Any:
        return self._array.__dlpack__()


def test_arrays_of_other_libraries(backend: TensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    engine, arrays = load(backend, path), pair()
    a, b = (on(gpu, array) for array in arrays)
    agree(engine(Foreign(a), Foreign(b)), right(path, *arrays))
    agree(engine(Foreign(a), Lent(gpu.view(b.pointer, b.shape, b.dtype))), right(path, *arrays))
    agree(engine(Foreign(a), b), right(path, *arrays))
    assert gpu.launched == 2, "they lay at the same addresses"


def test_arrays_of_other_libraries_that_cannot_be_taken(
    backend: TensorRT, gpu: FakeDevice, tmp_path: Path
) -> None:
    engine, arrays = load(backend, network(tmp_path / "n.onnx")), pair()
    a, b = (on(gpu, array) for array in arrays)
    with pytest.raises(EngineError, match="not contiguous"):
        engine(Foreign(a, (768, 4, 96, 12)), b)
    with pytest.raises(EngineError, match=r"lies on device \(2, 1\)"):
        engine(Lent(arrays[0], (2, 1)), b)
    with pytest.raises(EngineError, match="not contiguous"):
        engine(Lent(arrays[0].transpose(0, 1, 3, 2)), b)


def test_arrays_of_host_and_device_together(backend: TensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    engine = load(backend, path)
    for seed in range(4):
        arrays = pair(seed=seed)
        results = engine(arrays[0], on(gpu, arrays[1]))
        assert all(isinstance(result, device.DeviceArray) for result in results)
        agree(results, right(path, *arrays))


def test_a_graph_for_every_set_of_addresses_but_not_too_many(
    backend: TensorRT, gpu: FakeDevice, tmp_path: Path
) -> None:
    path = network(tmp_path / "n.onnx")
    engine = load(backend, path)
    sets = [pair(seed=seed) for seed in range(run.GRAPHS + 3)]
    placed = [tuple(on(gpu, array) for array in arrays) for arrays in sets]
    for _ in range(3):
        for arrays, here in zip(sets, placed, strict=True):
            agree(engine(*here), right(path, *arrays))
            agree(engine(*here), right(path, *arrays))
    assert len(engine._graphs) == run.GRAPHS
    assert gpu.launched == 3 * len(sets)


def test_sizes_that_vary(backend: TensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", ("n", 3, "h", "w"))
    ranges = [Range(name, (1, 3, 4, 4), (1, 3, 8, 8), (4, 3, 16, 32)) for name in "ab"]
    engine = load(backend, path, *ranges)
    assert engine.inputs[0].shape == (None, 3, None, None)
    assert engine.outputs[0].shape == (None, 3, None, None)
    for shape in ((1, 3, 8, 8), (4, 3, 16, 32), (1, 3, 4, 4), (1, 3, 4, 4), (2, 3, 5, 6), (4, 3, 16, 32)):
        arrays = pair(shape)
        agree(engine(*arrays), right(path, *arrays))
        agree(engine(*(on(gpu, array) for array in arrays)), right(path, *arrays))
    assert gpu.launched == 0
    with pytest.raises(EngineError, match=r"a takes float32 \(1, 3, 4, 4\) to \(4, 3, 16, 32\), not float32"):
        engine(*pair((5, 3, 8, 8)))


def test_a_lone_unknown_first_size_is_one(backend: TensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", ("n", 3, 8, 8))
    engine = load(backend, path)
    assert engine.inputs[0].shape == (1, 3, 8, 8)
    assert engine.outputs[1].shape == (1, 3, 8)
    for _ in range(3):
        agree(engine(*pair()), right(path, *pair()))
    assert gpu.launched == 2


def test_wrong_arrays_are_refused(backend: TensorRT, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    engine, (a, b) = load(backend, path), pair()
    with pytest.raises(EngineError, match="1 arrays given for 2 inputs"):
        engine(a)
    with pytest.raises(EngineError, match=r"b takes float32 \(1, 3, 8, 8\), not float64"):
        engine(a, b.astype(np.float64))
    with pytest.raises(EngineError, match=r"b takes float32 \(1, 3, 8, 8\), not float32 \(1, 3, 8\)"):
        engine(a, b[..., 0])
    agree(engine(a, b), right(path, a, b))


def test_a_gpu_that_goes_away(backend: TensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    engine = load(backend, network(tmp_path / "n.onnx"))
    engine(*pair())
    gpu.broken = "CUDA_ERROR_ECC_UNCORRECTABLE"
    with pytest.raises(DeviceLost, match="while running a network: CUDA_ERROR_ECC_UNCORRECTABLE"):
        engine(*pair())
    with pytest.raises(DeviceLost):
        device.to_host(gpu_array(gpu))


def gpu_array(gpu: FakeDevice) -> device.DeviceArray:
    broken, gpu.broken = gpu.broken, ""
    array = on(gpu, pair()[0])
    gpu.broken = broken
    return array


def test_a_run_that_is_refused(backend: TensorRT, library: FakeTensorRT, tmp_path: Path) -> None:
    engine = load(backend, network(tmp_path / "n.onnx"))
    library.faults.add("execute")
    with pytest.raises(DeviceLost, match="execute failed"):
        engine(*pair())


def test_not_enough_memory(backend: TensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    plan = backend.compile(network(tmp_path / "n.onnx"), CUDA, lambda _: None)
    gpu.properties = type(gpu.properties)("Small", (8, 9), "13.0", 1000)
    with pytest.raises(DeviceLost, match="while loading a network: 768 bytes do not fit beside"):
        backend.open(plan, CUDA)


@pytest.mark.parametrize(
    ("fault", "text"), [("deserialize", "does not fit this machine"), ("context", "no room")]
)
def test_a_plan_of_another_machine(
    backend: TensorRT, library: FakeTensorRT, tmp_path: Path, fault: str, text: str
) -> None:
    plan = backend.compile(network(tmp_path / "n.onnx"), CUDA, lambda _: None)
    library.faults.add(fault)
    with pytest.raises(EngineError, match=rf"{text}.*{fault} failed"):
        backend.open(plan, CUDA)


def test_what_cannot_be_captured_runs_all_the_same(
    backend: TensorRT,
    library: FakeTensorRT,
    gpu: FakeDevice,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = network(tmp_path / "n.onnx")
    engine = load(backend, path)
    library.faults.add("capture")
    with caplog.at_level(logging.WARNING, "visard.engines"):
        for seed in range(4):
            agree(engine(*pair(seed=seed)), right(path, *pair(seed=seed)))
    assert gpu.launched == 0
    assert len(caplog.records) == 1
    assert "not permitted when stream is capturing" in caplog.text


def test_without_graphs_when_told_so(library: FakeTensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    engine = load(TensorRT(graphs=False, gpus=Gpus(gpu), kept=BlobStore(tmp_path)), path)
    for _ in range(3):
        agree(engine(*pair()), right(path, *pair()))
    assert gpu.launched == 0


def test_memory_does_not_grow(backend: TensorRT, gpu: FakeDevice, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", ("n", 3, 8, 8))
    engine = load(backend, path, *(Range(n, (1, 3, 8, 8), (1, 3, 8, 8), (3, 3, 8, 8)) for n in "ab"))
    for count in (1, 3):
        engine(*pair((count, 3, 8, 8)))
    before = gpu.allocated
    for index in range(1000):
        engine(*pair((1 + index % 3, 3, 8, 8)))
    assert gpu.allocated == before
    del engine
    assert gpu.allocated == 0


def test_kernels_are_kept_for_the_next_start(
    rtx: TensorRTRtx, library: FakeTensorRT, gpu: FakeDevice, tmp_path: Path
) -> None:
    path = network(tmp_path / "n.onnx")
    load(rtx, path)(*pair())
    (file,) = (tmp_path / "kept").iterdir()
    assert file.read_bytes() == b"kernels"
    load(rtx, path)
    assert library.contexts[-1].config.cache.content == b"kernels"
    library.refused_caches.add(b"kernels")
    agree(load(rtx, path)(*pair()), right(path, *pair()))
    assert library.contexts[-1].config.cache.content == b""


def test_graphs_of_its_own_where_sizes_vary(rtx: TensorRTRtx, library: FakeTensorRT, tmp_path: Path) -> None:
    load(rtx, network(tmp_path / "fixed.onnx"))
    assert library.contexts[-1].config.cuda_graph_strategy is None
    path = network(tmp_path / "varies.onnx", ("n", 3, 8, 8))
    load(rtx, path, *(Range(n, (1, 3, 8, 8), (1, 3, 8, 8), (3, 3, 8, 8)) for n in "ab"))
    assert library.contexts[-1].config.cuda_graph_strategy is library.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
