"""ONNX Runtime's engines where there are GPUs, here in host memory."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from fake_device import FakeDevice
from trials import ignore, picture, reference, small

from visard.engines.backends.onnxruntime import DeviceMemory, OnnxRuntime, OnnxRuntimeEngine
from visard.engines.device import DeviceArray, to_device, to_host
from visard.engines.errors import BackendUnavailable, DeviceLost, EngineError, ModelRefused
from visard.engines.interfaces import Array, Options, Precision

SHAPE = (1, 3, 16, 16)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return small(tmp_path / "small.onnx", ["n", 3, 16, 16])


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def engine(model: Path, device: FakeDevice) -> OnnxRuntimeEngine:
    """Runs on the processor, but believes that its memory is a GPU's."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return OnnxRuntimeEngine(session, Options("cuda:0"), DeviceMemory(device, device.stream(), "cpu"))


def test_arrays_on_the_device_stay_there(
    engine: OnnxRuntimeEngine, device: FakeDevice, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = to_device(picture(*SHAPE), device)
    with monkeypatch.context() as patched:
        for copying in ("upload", "download", "copy"):
            patched.setattr(device, copying, None)
        (result,) = engine(given)
    assert isinstance(result, DeviceArray)
    assert (result.shape, result.dtype) == ((1, 4, 16, 16), np.float32)
    there = np.frombuffer(_bytes(result), np.float32).reshape(result.shape)
    np.testing.assert_allclose(there, reference(model, [picture(*SHAPE)])[0], atol=1e-5)


def _bytes(array: DeviceArray) -> bytes:
    import ctypes

    return ctypes.string_at(array.pointer, array.nbytes)


def test_a_result_can_be_the_next_input(device: FakeDevice, tmp_path: Path) -> None:
    path = tmp_path / "same.onnx"
    small(path, [1, 3, 16, 16])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    engine = OnnxRuntimeEngine(session, Options("cuda:0"), DeviceMemory(device, device.stream(), "cpu"))
    (first,) = engine(to_device(picture(*SHAPE), device))
    (second,) = engine(DeviceArray(first.pointer, SHAPE, first.dtype, device, first.stream, first))
    assert second.shape == (1, 4, 16, 16)


def test_work_that_was_given_before_is_waited_for(
    engine: OnnxRuntimeEngine, device: FakeDevice, model: Path
) -> None:
    stream = device.stream()
    array = device.empty(SHAPE, np.float32, stream)
    pinned = device.pinned(SHAPE, np.float32)
    pinned[...] = picture(*SHAPE)
    device.upload(pinned, array, stream)
    (result,) = engine(array)
    there = np.frombuffer(_bytes(result), np.float32).reshape(result.shape)
    np.testing.assert_allclose(there, reference(model, [picture(*SHAPE)])[0], atol=1e-5)


def test_host_arrays_give_host_arrays(engine: OnnxRuntimeEngine, model: Path) -> None:
    (result,) = engine(picture(*SHAPE))
    assert isinstance(result, np.ndarray)
    np.testing.assert_allclose(result, reference(model, [picture(*SHAPE)])[0], atol=1e-5)


@pytest.mark.parametrize("wrong", [picture(1, 3, 16, 17), picture(*SHAPE).astype(np.float64)])
def test_device_arrays_that_do_not_fit(engine: OnnxRuntimeEngine, device: FakeDevice, wrong: Array) -> None:
    with pytest.raises(EngineError, match="picture"):
        engine(to_device(wrong, device))


def test_a_device_that_is_lost_says_so(engine: OnnxRuntimeEngine, device: FakeDevice) -> None:
    array = to_device(picture(*SHAPE), device)
    device.broken = "fell off the bus"
    with pytest.raises(DeviceLost, match="fell off the bus"):
        engine(array)


def test_an_engine_on_the_processor_takes_no_device_arrays(model: Path, device: FakeDevice) -> None:
    backend = OnnxRuntime()
    engine = backend.open(backend.compile(model, Options(), ignore), Options())
    with pytest.raises(EngineError, match="to_host"):
        engine(to_device(picture(*SHAPE), device))
    assert to_host(to_device(picture(*SHAPE), device)).shape == SHAPE


def test_a_provider_that_does_not_start_is_no_silent_processor(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library lists the provider, and opens the session on the processor."""
    session, opened = onnxruntime.InferenceSession, []

    def falls_back(*args: object, **_: object) -> object:
        opened.append(session(args[0], providers=["CPUExecutionProvider"]))
        return opened[-1]

    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda **_: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", falls_back)
    backend = OnnxRuntime()
    assert backend.devices()[0] == "cuda:0"
    with pytest.raises(BackendUnavailable, match="could not start CUDA"):
        backend.compile(model, Options("cuda:0"), ignore)
    assert opened


def test_graphics_cards_want_half_precision_first_and_end_safely() -> None:
    backend = OnnxRuntime()
    assert backend.precisions("cuda:0") == (Precision.fp16, Precision.mixed, Precision.fp32)
    assert backend.precisions("cpu") == (Precision.fp32,)


def test_weights_outside_the_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx

    path = small(tmp_path / "thief.onnx", [1, 3, 16, 16])
    network = onnx.load(path)
    tensor = network.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    path.write_bytes(network.SerializeToString())
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    for device in ("cpu", "cuda:0"):
        with pytest.raises(ModelRefused, match="thief"):
            OnnxRuntime().compile(path, Options(device), ignore)
