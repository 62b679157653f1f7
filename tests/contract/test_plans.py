"""What backends compile, and what they refuse to compile or to open."""

import random
from pathlib import Path

import onnx
import pytest
from trials import error, ignore, inputs, opened, picture, reference, small

from visard.engines.errors import EngineError, ModelRefused
from visard.engines.interfaces import Backend, Options, backends
from visard.models.assets import asset

CLOSE = 1e-3


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x07\x12\x04junk" * 40])
def test_a_file_that_is_no_network_is_refused(backend: Backend, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"broken\.onnx"):
        opened(backend, path)


def test_a_network_that_was_cut_short_is_refused(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(asset("mp_face_detector_short.onnx").read_bytes()[:5000])
    with pytest.raises(ModelRefused, match=r"short\.onnx"):
        opened(backend, path)


def test_an_operator_nobody_knows_is_refused(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"(?s)riddle\.onnx.*Riddle"):
        opened(backend, small(tmp_path / "riddle.onnx", [1, 3, 16, 16], "Riddle"))


def test_weights_in_a_file_of_their_own(backend: Backend, tmp_path: Path) -> None:
    """As all networks above 2 GB have them."""
    whole = asset("mp_face_detector_short.onnx")
    path = tmp_path / "apart.onnx"
    onnx.save(onnx.load(whole), path, save_as_external_data=True, location="apart.bin", size_threshold=100)
    options = Options(device=backend.devices()[0])
    plan = backend.compile(path, options, ignore)
    (tmp_path / "apart.bin").unlink()
    arrays = inputs(whole)
    for ours, theirs in zip(backend.open(plan, options)(*arrays), reference(whole, arrays), strict=True):
        assert error(ours, theirs) < CLOSE
    with pytest.raises(ModelRefused, match=r"apart\."):
        backend.compile(path, options, ignore)


def test_a_damaged_plan_is_one_clear_error(backend: Backend, tmp_path: Path) -> None:
    options = Options(device=backend.devices()[0])
    plan = backend.compile(small(tmp_path / "plan.onnx", [1, 3, 16, 16]), options, ignore)
    number = random.Random(4)
    broken = [b"", b"junk" * 100, plan[:-1], plan[: len(plan) // 2], plan + b"more"]
    for _ in range(30):
        place = number.randrange(len(plan))
        broken.append(plan[:place] + bytes([plan[place] ^ 1 << number.randrange(8)]) + plan[place + 1 :])
    for each in broken:
        with pytest.raises(EngineError, match="again"):
            backend.open(each, options)
    assert backend.open(plan, options)(picture(1, 3, 16, 16))


def test_a_plan_of_another_version_or_backend_is_refused(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(device=backend.devices()[0])
    plan = backend.compile(small(tmp_path / "plan.onnx", [1, 3, 16, 16]), options, ignore)
    for name, other in backends.all().items():
        if name != backend.name and other.unavailable() is None:
            with pytest.raises(EngineError, match="again"):
                other.open(plan, Options(device=other.devices()[0]))
    monkeypatch.setattr(type(backend), "version", lambda _: "0.0.1")
    with pytest.raises(EngineError, match=r"0\.0\.1"):
        backend.open(plan, options)
