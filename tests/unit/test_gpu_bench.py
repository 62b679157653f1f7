"""The GPU benchmark: its kernel compiles for every GPU, and what it measures is real."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_device import FakeDevice
from fake_tensorrt import FakeTensorRT
from small_network import Gpus, network, pair, right

from visard.engines import device
from visard.engines.backends.tensorrt import TensorRT


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(repository / "tests/bench"))
    module = import_module("gpu")
    monkeypatch.setattr(import_module("_gpu_measure"), "ROUNDS", 10)
    monkeypatch.setattr(import_module("_gpu_measure"), "WARM", 2)
    return module


@pytest.mark.parametrize("arch", ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"])
def test_the_kernel_compiles(bench: Any, arch: str) -> None:
    pytest.importorskip("cuda.core", reason="needs cuda-core", exc_type=ImportError)
    compiled = import_module("_gpu_crop").compiled(arch)
    assert bytes(compiled.code).startswith(b"\x7fELF")


@pytest.fixture
def machine(bench: Any, monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    gpu = FakeDevice()
    library = FakeTensorRT(gpu)
    monkeypatch.setitem(sys.modules, "tensorrt", library)
    monkeypatch.setattr(device, "open_device", lambda index=0: gpu)
    monkeypatch.setattr(bench, "BACKENDS", {"here": lambda **how: TensorRT(gpus=Gpus(gpu), **how)})
    return library


def case(bench: Any, folder: Path, wrong: float = 0.0) -> Any:
    path = network(folder / "n.fp32.onnx")
    outputs = tuple(output + np.float32(wrong) for output in right(path, *pair()))
    return bench.Case("n", "fp32", path, pair(), outputs)


def test_an_engine_is_compared_and_timed(bench: Any, machine: FakeTensorRT, tmp_path: Path) -> None:
    (row,) = bench.engine_part(case(bench, tmp_path), "here")
    assert row.notes == []
    assert row.numbers["error"] == 0
    assert row.numbers["cosine"] == pytest.approx(1)
    times = ("build s", "start s", "again s", "ms", "host ms", "graph ms", "graph host ms")
    assert all(row.numbers[name] > 0 for name in times)
    assert machine.gpu.launched > 20


def test_a_wrong_engine_is_seen(bench: Any, machine: FakeTensorRT, tmp_path: Path) -> None:
    (row,) = bench.engine_part(case(bench, tmp_path, wrong=0.5), "here")
    assert row.numbers["error"] == pytest.approx(0.5)
    assert row.numbers["relative"] > 0.01


def test_what_fails_is_a_row_with_the_reason(bench: Any, machine: FakeTensorRT, tmp_path: Path) -> None:
    machine.faults.add("deserialize")
    (row,) = bench.engine_part(case(bench, tmp_path), "here")
    assert "does not fit this machine" in row.notes[0]
    assert "does not fit this machine" in bench.report({"GPU": "none"}, [row])
