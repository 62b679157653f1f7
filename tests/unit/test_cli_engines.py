"""``visard engines``, with real small networks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from networks import NETWORKS
from onnx import TensorProto, helper, numpy_helper, save

from visard.daemon.cli import main
from visard.engines.cache.cache import Cache
from visard.engines.interfaces import backends

Call = Callable[..., tuple[int, str, str]]
RTX = backends.all().get("tensorrt_rtx")
needs_rtx = pytest.mark.skipif(
    RTX is None or RTX.cannot_compile() is not None,  # type: ignore[attr-defined]
    reason="needs TensorRT for RTX",
)


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(("engines", *map(str, arguments)))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose batch, height and width vary."""
    folder = tmp_path_factory.mktemp("small")
    weight = numpy_helper.from_array(np.random.default_rng(1).standard_normal((4, 3, 3, 3), np.float32), "w")
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4), helper.make_node("Relu", ["c"], ["y"])],
        "small",
        [info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [info("y", TensorProto.FLOAT, ["N", 4, "H", "W"])],
        [weight],
    )
    path = folder / "small.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_building_keeps_what_the_list_then_tells_and_clear_removes(call: Call, small: Path) -> None:
    status, out, _ = call("build", small, "--shape", "x=1x3x32x48")
    assert status == 0
    assert "small.onnx is compiled with" in out
    assert "checked: " in out
    status, out, _ = call("list", "--json")
    (kept,) = json.loads(out)["cached"]
    assert (kept["model"], kept["verdict"]) == ("small.onnx", "usable")
    status, out, _ = call("clear", "--model", small, "--json")
    assert (status, json.loads(out)) == (0, {"removed": 1, "bytes": kept["bytes"]})
    assert Cache().entries() == []


def test_the_list_says_what_is_here_and_what_is_not(call: Call) -> None:
    status, out, _ = call("list")
    assert status == 0
    assert "onnxruntime" in out
    assert "mp_face_landmarks_v2_478" in out
    assert "nothing is compiled" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("build", "nothing.onnx"), "there is no file at nothing.onnx"),
        (("build", "mp_face_landmark"), "did you mean mp_face_landmarks_v2_478?"),
        (("check", "zebra"), "there is no network 'zebra'"),
        (("bench", "/"), "is a folder"),
        (("build", "SMALL"), "say which with --shape x=1x3x256x256"),
        (("build", "SMALL", "--shape", "y=1x3x8x8"), "small.onnx has no input 'y'; its inputs: x (?x3x?x?)"),
        (("build", "SMALL", "--shape", "x=1x3x8"), "1x3x8 does not fit x (?x3x?x?)"),
        (("build", "SMALL", "--shape", "x=1x4x8x8"), "does not fit"),
        (("build", "SMALL", "--shape", "x=axb"), "'axb' is no shape"),
        (("build", "SMALL", "--shape", "x=2x3x8x8:1x3x8x8:2x3x8x8"), "does not fit"),
        (("build", "mp_face_detector_short", "--backend", "onyx"), "choose one of"),
    ],
)
def test_what_cannot_be_is_one_clear_error(
    call: Call, small: Path, arguments: tuple[str, ...], words: str
) -> None:
    status, out, err = call(*(small if each == "SMALL" else each for each in arguments))
    assert (status, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07\x12\x04junk" * 40])
def test_a_file_that_is_no_network(call: Call, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    for command in ("build", "check", "bench"):
        status, out, err = call(command, path)
        assert (status, out) == (1, "")
        assert "broken.onnx is not an ONNX file" in err


def test_a_network_that_nothing_takes_is_refused_with_every_reason(call: Call, tmp_path: Path) -> None:
    info = helper.make_tensor_value_info
    node = helper.make_node("Levitate", ["x"], ["y"], domain="some.where")
    ends = [info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    model = helper.make_model(
        helper.make_graph([node], "g", ends[:1], ends[1:]),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("some.where", 1)],
        ir_version=8,
    )
    path = tmp_path / "odd.onnx"
    save(model, path)
    status, _, err = call("build", path)
    assert status == 1
    assert "Levitate" in err
    status, out, _ = call("check", path, "--backend", "onnxruntime", "--precision", "fp32")
    assert status == 1
    assert "RUNS NOWHERE" in out


def test_check_tells_wrong_results_by_its_status(
    call: Call, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("check", small, "--shape", "x=1x3x16x16", "--backend", "onnxruntime", "--precision", "fp32")
    status, out, _ = call(*arguments)
    assert status == 0
    assert out.endswith("nothing is wrong\n")
    original = type(backends.get("onnxruntime")).open

    def zeros(self, plan, options):  # type: ignore[no-untyped-def]
        engine = original(self, plan, options)

        class Lying:
            def __getattr__(self, name: str) -> object:
                return getattr(engine, name)

            def __call__(self, *arrays):  # type: ignore[no-untyped-def]
                return tuple(np.zeros_like(output) for output in engine(*arrays))

        return Lying()

    call("build", small, "--shape", "x=1x3x16x16", "--backend", "onnxruntime")  # its reference is right
    monkeypatch.setattr(type(backends.get("onnxruntime")), "open", zeros)
    status, out, _ = call("check", "--backend", "onnxruntime", "--json")
    assert status == 1
    (ours,) = [each for each in json.loads(out) if each["network"] == "small.onnx"]
    assert ours["state"] == "wrong"
    assert "all zeros" in ours["reason"]


def test_check_finds_a_damaged_entry(call: Call, small: Path) -> None:
    call("build", small, "--shape", "x=1x3x16x16", "--backend", "onnxruntime")
    (entry,) = Cache().entries()
    assert entry.path is not None
    content = bytearray(entry.path.read_bytes())
    content[200] ^= 0xFF
    entry.path.write_bytes(content)
    status, out, _ = call("check", "--backend", "onnxruntime")
    assert status == 1
    assert "DAMAGED" in out


def test_bench_measures_side_by_side(call: Call, small: Path) -> None:
    arguments = ("bench", small, "--shape", "x=1x3x64x64", "--precision", "fp32", "--seconds", "0.2")
    status, out, _ = call(*arguments, "--backend", "onnxruntime", "--backend", "openvino", "--json")
    assert status == 0
    facts = json.loads(out)
    assert {row["backend"] for row in facts["results"]} == {"onnxruntime", "openvino"}
    for row in facts["results"]:
        assert row["state"] == "ok"
        assert row["ms"] > 0
    status, out, _ = call(*arguments, "--backend", "onnxruntime")
    assert out.startswith("small.onnx:\n")


@needs_rtx
def test_what_is_compiled_for_a_gpu_that_is_not_here_is_said_to_be_unchecked(call: Call, small: Path) -> None:
    if not RTX.unavailable():  # type: ignore[union-attr]
        pytest.skip("there is a GPU here")
    arguments = ("build", small, "--shape", "x=1x3x16x16", "--backend", "tensorrt_rtx", "--precision", "fp32")
    status, out, _ = call(*arguments)
    assert status == 0
    assert "compiled, not checked: no GPU here" in out
    assert "log: " in out
    assert Path(out.split("log: ")[1].strip()).is_file()


def test_interrupting_a_build_ends_it_cleanly(home: Path, tmp_path: Path) -> None:
    path = NETWORKS["dfm224"](tmp_path / "net.onnx", 0.25)  # large enough for a process of its own
    command = [sys.executable, "-m", "visard.daemon", "engines", "build", str(path)]
    environment = {**os.environ, "VISARD_HOME": str(home)}
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    logs = home / "cache/engines/logs"
    until = time.monotonic() + 60
    while time.monotonic() < until and not any(logs.glob("*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "visard: interrupted"
    assert not list((home / "cache/engines").glob("*.engine"))
