"""What was compiled, run on a real GPU."""

import gc
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from networks import NETWORKS, samples
from small_network import network, pair, right

from visard.engines import device, precision
from visard.engines.backends.tensorrt import TensorRT
from visard.engines.backends.tensorrt_rtx import TensorRTRtx
from visard.engines.cache.files import BlobStore
from visard.engines.interfaces import Array, Options, Precision, Range
from visard.models.assets import asset

ASSETS = sorted(path.name for path in asset("SHA256SUMS").parent.glob("*.onnx"))
WIDTH = 0.25
LIMITS = {Precision.fp32: 1e-3, Precision.fp16: 5e-2, Precision.mixed: 2e-2, Precision.bf16: 0.2}
"""Largest difference from fp32, over the root mean square of the right output."""

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(bool(device.unavailable()), reason=device.unavailable() or ""),
]


@pytest.fixture(params=[TensorRTRtx, TensorRT])
def kind(request: pytest.FixtureRequest) -> Any:
    if reason := request.param().unavailable():
        pytest.skip(reason)
    return request.param


@pytest.fixture(params=[True, False], ids=["graphs", "no graphs"])
def backend(kind: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return kind(graphs=request.param, kept=BlobStore(tmp_path / "kept"))


def load(backend: Any, path: Path, wanted: Precision = Precision.fp32, *ranges: Range) -> Any:
    if wanted is not Precision.fp32:
        half = path.with_name(f"{path.stem}-{wanted}.onnx")
        path = precision.convert_precision(
            path, wanted, half, samples=inputs(path), report=lambda _: None
        ).path
    options = Options("cuda:0", wanted, ranges=ranges)
    return backend.open(backend.compile(path, options, lambda _: None), options)


def inputs(path: Path) -> list[tuple[Array, ...]]:
    """Return inputs; numbers as small as a picture's for what is shipped."""
    if path.name not in ASSETS:
        return samples(path, 2)
    (value,) = onnx.load(path).graph.input
    shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    return [(np.random.default_rng(seed).random(shape, np.float32),) for seed in range(2)]


def reference(path: Path, arrays: tuple[Array, ...]) -> list[Array]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(zip((i.name for i in session.get_inputs()), arrays, strict=True))))


def agree(results: tuple[Any, ...], expected: list[Array], limit: float) -> None:
    for result, wanted in zip(results, expected, strict=True):
        host = result if isinstance(result, np.ndarray) else device.to_host(result)
        assert host.shape == wanted.shape
        scale = float(np.sqrt(np.mean(np.square(wanted)))) or 1.0
        difference = np.sqrt(np.mean(np.square(host.astype(np.float64) - wanted)))
        assert difference <= limit * scale


@pytest.mark.parametrize("wanted", LIMITS)
@pytest.mark.parametrize("name", ASSETS)
def test_networks_that_are_shipped(backend: Any, tmp_path: Path, name: str, wanted: Precision) -> None:
    path = tmp_path / name
    path.write_bytes(asset(name).read_bytes())
    engine = load(backend, path, wanted)
    for _ in range(3):
        for arrays in inputs(path):
            agree(engine(*arrays), reference(path, arrays), LIMITS[wanted])


@pytest.mark.parametrize("wanted", LIMITS)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_people_bring(backend: Any, tmp_path: Path, name: str, wanted: Precision) -> None:
    path = NETWORKS[name](tmp_path / f"{name}.onnx", WIDTH)
    engine = load(backend, path, wanted)
    gpu = device.open_device()
    for arrays in inputs(path):
        expected = reference(path, arrays)
        agree(engine(*arrays), expected, LIMITS[wanted])
        there = [device.to_device(array, gpu) for array in arrays]
        for _ in range(3):
            results = engine(*there)
        agree(results, expected, LIMITS[wanted])


def test_sizes_that_vary(backend: Any, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", ("n", 3, "h", "w"))
    ranges = (Range(name, (1, 3, 4, 4), (1, 3, 64, 64), (4, 3, 256, 256)) for name in "ab")
    engine = load(backend, path, Precision.fp32, *ranges)
    for shape in ((1, 3, 64, 64), (4, 3, 256, 256), (1, 3, 4, 4), (2, 3, 65, 33), (4, 3, 256, 256)):
        for seed in range(3):
            arrays = pair(shape, seed)
            agree(engine(*arrays), right(path, *arrays), 1e-5)


def test_streams_of_others_are_waited_for(backend: Any, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", (1, 3, 512, 512))
    engine, gpu = load(backend, path), device.open_device()
    gpu.activate()
    arrays = pair((1, 3, 512, 512))
    pinned = [gpu.pinned(array.shape, array.dtype) for array in arrays]
    for host, array in zip(pinned, arrays, strict=True):
        host[...] = array
    for _ in range(20):
        stream = gpu.stream()
        there = [gpu.empty(array.shape, array.dtype, stream) for array in arrays]
        for host, array in zip(pinned, there, strict=True):
            gpu.upload(host, array, stream)
        agree(engine(*there), right(path, *arrays), 1e-5)


def library(name: str) -> Any:
    return pytest.importorskip(name, reason=f"needs {name}", exc_type=ImportError)


def test_arrays_of_cupy(backend: Any, tmp_path: Path) -> None:
    cupy = library("cupy")
    path = network(tmp_path / "n.onnx")
    engine = load(backend, path)
    with cupy.cuda.Stream(non_blocking=True):
        for seed in range(5):
            arrays = pair(seed=seed)
            results = engine(*map(cupy.asarray, arrays))
            for result, wanted in zip(results, right(path, *arrays), strict=True):
                np.testing.assert_allclose(cupy.asarray(result).get(), wanted, rtol=1e-5)
                np.testing.assert_allclose(cupy.from_dlpack(result).get(), wanted, rtol=1e-5)


def test_arrays_of_torch(backend: Any, tmp_path: Path) -> None:
    torch = library("torch")
    path = network(tmp_path / "n.onnx")
    engine = load(backend, path)
    with torch.cuda.stream(torch.cuda.Stream()):
        for seed in range(5):
            arrays = pair(seed=seed)
            results = engine(*(torch.from_numpy(array).cuda(non_blocking=True) for array in arrays))
            for result, wanted in zip(results, right(path, *arrays), strict=True):
                np.testing.assert_allclose(torch.from_dlpack(result).cpu().numpy(), wanted, rtol=1e-5)


def free() -> int:
    driver = import_module("cuda.bindings.driver")
    code, unused, _ = driver.cuMemGetInfo()
    assert code == driver.CUresult.CUDA_SUCCESS
    return int(unused)


@pytest.fixture
def settled() -> Iterator[None]:
    gc.collect()
    yield
    gc.collect()


def test_memory_does_not_grow(backend: Any, tmp_path: Path, settled: None) -> None:
    path = NETWORKS["dfm224"](tmp_path / "n.onnx", WIDTH)
    engine, gpu = load(backend, path), device.open_device()
    (arrays, *_) = inputs(path)
    there = [device.to_device(array, gpu) for array in arrays]
    for _ in range(10):
        engine(*arrays)
        device.to_host(engine(*there)[0])
    before = free()
    for _ in range(1000):
        engine(*arrays)
        engine(*there)
    device.to_host(engine(*there)[0])
    assert before - free() < 8 << 20


def test_kernels_are_kept(kind: Any, tmp_path: Path) -> None:
    backend = kind(kept=BlobStore(tmp_path / "kept"))
    path = network(tmp_path / "n.onnx")
    plan = backend.compile(path, Options("cuda:0"), lambda _: None)
    for _ in range(2):
        agree(backend.open(plan, Options("cuda:0"))(*pair()), right(path, *pair()), 1e-5)
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(b"damaged" + file.read_bytes()[7:])
    agree(
        backend.open(backend.compile(path, Options("cuda:0"), lambda _: None), Options("cuda:0"))(*pair()),
        right(path, *pair()),
        1e-5,
    )
