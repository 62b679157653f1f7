"""How the TensorRT adapter compiles: what it tells the library, and people when it fails."""

import sys
from pathlib import Path
from typing import Any

import pytest
from fake_device import FakeDevice
from fake_tensorrt import FakeTensorRT
from networks import NETWORKS
from small_network import Gpus, agree, load, network, pair, right

from visard.engines.backends._tensorrt_log import TensorRTLog
from visard.engines.backends._tensorrt_progress import ProgressTracker
from visard.engines.backends.tensorrt import TensorRT
from visard.engines.backends.tensorrt_rtx import TensorRTRtx
from visard.engines.cache.files import BLOBS, BlobStore
from visard.engines.errors import BackendUnavailable, Cancelled, EngineError, ModelRefused
from visard.engines.interfaces import Options, Precision, Progress, Range

CUDA = Options(device="cuda:0")


class NoGpus:
    """A machine without a GPU."""

    def unavailable(self) -> str | None:
        return "cuda-core: no NVIDIA GPU"

    def count(self) -> int:
        return 0

    def open_device(self, index: int) -> Any:
        raise BackendUnavailable("cuda-core: no NVIDIA GPU")


@pytest.fixture
def gpu() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def library(gpu: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    library = FakeTensorRT(gpu)
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, library)
    return library


@pytest.fixture
def kept(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "kept")


@pytest.fixture
def backend(library: FakeTensorRT, gpu: FakeDevice, kept: BlobStore) -> TensorRT:
    return TensorRT(gpus=Gpus(gpu), kept=kept)


@pytest.fixture
def rtx(library: FakeTensorRT, gpu: FakeDevice, kept: BlobStore) -> TensorRTRtx:
    return TensorRTRtx(gpus=Gpus(gpu), kept=kept)


def build(backend: Any, path: Path, options: Options = CUDA) -> bytes:
    return bytes(backend.compile(path, options, lambda _: None))


def test_networks_are_strongly_typed(backend: TensorRT, library: FakeTensorRT, tmp_path: Path) -> None:
    build(backend, network(tmp_path / "n.onnx"))
    assert library.builders[-1].flags == 1 << library.NetworkDefinitionCreationFlag.STRONGLY_TYPED


@pytest.mark.parametrize(
    ("precision", "cleared"), [("fp32", ["TF32"]), ("fp16", []), ("mixed", []), ("bf16", [])]
)
def test_fp32_is_not_rounded(
    backend: TensorRT, library: FakeTensorRT, tmp_path: Path, precision: str, cleared: list[str]
) -> None:
    build(backend, network(tmp_path / "n.onnx"), Options("cuda:0", Precision(precision)))
    assert [flag.name for flag in library.builders[-1].config.cleared] == cleared


def test_ranges_become_a_profile(backend: TensorRT, library: FakeTensorRT, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", ("n", 3, "h", "w"))
    shapes = (1, 3, 4, 4), (1, 3, 8, 8), (4, 3, 16, 32)
    build(backend, path, Options("cuda:0", ranges=tuple(Range(name, *shapes) for name in "ab")))
    assert library.builders[-1].config.profiles == [{"a": shapes, "b": shapes}]


def test_a_batch_is_one_unless_told(backend: TensorRT, library: FakeTensorRT, tmp_path: Path) -> None:
    build(backend, network(tmp_path / "n.onnx", ("n", 3, 8, 8)))
    assert library.builders[-1].config.profiles == [dict.fromkeys("ab", ((1, 3, 8, 8),) * 3)]
    build(backend, network(tmp_path / "n.onnx"))
    assert library.builders[-1].config.profiles == []


def test_sizes_nobody_told(backend: TensorRT, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", ("n", 3, "h", 8))
    text = r"TensorRT does not accept n\.onnx: input a has shape \(\?, 3, \?, 8\); say how large it gets"
    with pytest.raises(ModelRefused, match=text):
        build(backend, path)


@pytest.mark.parametrize(
    "shapes",
    [
        ((1, 3, 4, 4), (1, 3, 8, 8), (4, 3, 4, 4)),
        ((1, 3, 4), (1, 3, 8), (4, 3, 8)),
        ((1, 2, 4, 4), (1, 3, 8, 8), (4, 3, 8, 8)),
        ((0, 3, 4, 4), (1, 3, 8, 8), (4, 3, 8, 8)),
        ((1, 4, 4, 4), (1, 4, 8, 8), (4, 4, 8, 8)),
    ],
)
def test_ranges_that_do_not_fit(backend: TensorRT, tmp_path: Path, shapes: Any) -> None:
    path = network(tmp_path / "n.onnx", ("n", 3, "h", "w"))
    with pytest.raises(ModelRefused, match=r"the range .* of input a does not fit its shape"):
        build(backend, path, Options("cuda:0", ranges=(Range("a", *shapes),)))


def test_the_node_that_is_not_accepted_is_named(
    backend: TensorRT, library: FakeTensorRT, tmp_path: Path
) -> None:
    library.faults.add("parse")
    text = r"^TensorRT does not accept n\.onnx: node Warp_3 \(GridSample\): Attribute not supported$"
    with pytest.raises(ModelRefused, match=text):
        build(backend, network(tmp_path / "n.onnx"))


def test_what_the_builder_said_is_told(backend: TensorRT, library: FakeTensorRT, tmp_path: Path) -> None:
    library.faults.add("build")
    with pytest.raises(ModelRefused, match=r"n\.onnx: \[fake\.cpp::build\] Error Code 1: build failed$"):
        build(backend, network(tmp_path / "n.onnx"))


def test_a_missing_file(backend: TensorRT, rtx: TensorRTRtx, tmp_path: Path) -> None:
    for each in (backend, rtx):
        with pytest.raises(ModelRefused, match=r"nothing\.onnx is missing"):
            build(each, tmp_path / "nothing.onnx")


def test_volumes_are_rewritten_where_they_cannot_be_sampled(
    backend: TensorRT, rtx: TensorRTRtx, tmp_path: Path
) -> None:
    path = NETWORKS["liveportrait_warping"](tmp_path / "w.onnx", 0.1)
    assert b"/flat/" in build(backend, path)
    assert b"/flat/" not in build(rtx, path)


def test_timings_are_kept_and_used_again(
    backend: TensorRT, library: FakeTensorRT, kept: BlobStore, tmp_path: Path
) -> None:
    path = network(tmp_path / "n.onnx")
    for before, after in ((b"", b"+1"), (b"+1", b"+1+1")):
        build(backend, path)
        assert library.builders[-1].config.timings == before
        (file,) = (tmp_path / "kept").iterdir()
        assert file.read_bytes() == after
    file.write_bytes(b"foreign or damaged")
    build(backend, path)
    assert library.builders[-1].config.timings == b""
    assert file.read_bytes() == b"+1"


def test_rtx_keeps_no_timings(rtx: TensorRTRtx, library: FakeTensorRT, tmp_path: Path) -> None:
    build(rtx, network(tmp_path / "n.onnx"))
    assert library.builders[-1].config.timings is None


@pytest.mark.parametrize(
    ("device", "capability", "targets"),
    [
        ("cuda:0", (8, 9), ["SM89"]),
        ("cuda:0", (9, 0), []),
        ("sm_75", (8, 9), ["SM75"]),
        ("cuda:0", None, []),
        ("sm_86", None, ["SM86"]),
    ],
)
def test_rtx_compiles_for_the_gpu_that_is_here_or_told(
    library: FakeTensorRT,
    gpu: FakeDevice,
    kept: BlobStore,
    tmp_path: Path,
    device: str,
    capability: Any,
    targets: Any,
) -> None:
    gpus: Any = NoGpus()
    if capability:
        gpu.properties = type(gpu.properties)("GPU", capability, "13.0", 1 << 33)
        gpus = Gpus(gpu)
    build(TensorRTRtx(gpus=gpus, kept=kept), network(tmp_path / "n.onnx"), Options(device))
    assert [target.name for target in library.builders[-1].config.targets] == targets


def test_gpus_it_cannot_compile_for(rtx: TensorRTRtx, backend: TensorRT, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    with pytest.raises(EngineError, match=r"cannot compile for sm_90; choose one of sm_75, sm_86, sm_89"):
        build(rtx, path, Options("sm_90"))
    with pytest.raises(EngineError, match="'sm_75' is no NVIDIA GPU"):
        build(backend, path, Options("sm_75"))
    with pytest.raises(EngineError, match="'gpu' is no NVIDIA GPU"):
        build(rtx, path, Options("gpu"))


def test_without_a_gpu(library: FakeTensorRT, kept: BlobStore, tmp_path: Path) -> None:
    rtx, backend = TensorRTRtx(gpus=NoGpus(), kept=kept), TensorRT(gpus=NoGpus(), kept=kept)
    assert rtx.unavailable() == "it compiles but cannot run here: cuda-core: no NVIDIA GPU"
    assert rtx.cannot_compile() is None
    assert rtx.devices() == ()
    assert (rtx.fingerprint("cuda:0"), rtx.fingerprint("sm_75")) == ("any", "sm_75")
    plan = build(rtx, network(tmp_path / "n.onnx"))
    with pytest.raises(BackendUnavailable, match="no NVIDIA GPU"):
        rtx.open(plan, CUDA)
    assert backend.unavailable() == backend.cannot_compile() == "cuda-core: no NVIDIA GPU"
    with pytest.raises(BackendUnavailable, match="no NVIDIA GPU"):
        build(backend, network(tmp_path / "n.onnx"))


def test_with_a_gpu(rtx: TensorRTRtx, backend: TensorRT) -> None:
    for each in (rtx, backend):
        assert each.unavailable() is None
        assert each.cannot_compile() is None
        assert each.devices() == ("cuda:0",)
        assert each.fingerprint("cuda:0") == "Fake GPU 8.9 driver 13.0"
        assert each.version() == "11.0.0.1"
        assert each.precisions("cuda:0")[-1] is Precision.fp32


@pytest.mark.parametrize("kind", [TensorRT, TensorRTRtx])
def test_one_that_is_not_installed_says_why(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in kind.flavour.modules:
        monkeypatch.setitem(sys.modules, name, None)
    for reason in (kind().unavailable(), kind().cannot_compile()):
        assert reason
        assert f"install visard[{kind.flavour.extra}]" in reason
        assert kind.flavour.name in reason


@pytest.mark.parametrize(
    "change", [lambda p: p[:-1], lambda p: p[:40], lambda p: b"", lambda p: p[:-9] + b"123456789"]
)
def test_damaged_plans(backend: TensorRT, tmp_path: Path, change: Any) -> None:
    plan = build(backend, network(tmp_path / "n.onnx"))
    with pytest.raises(EngineError, match="compile it again"):
        backend.open(change(plan), CUDA)


def test_plans_of_other_versions_and_flavours(
    backend: TensorRT,
    rtx: TensorRTRtx,
    library: FakeTensorRT,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = build(backend, network(tmp_path / "n.onnx"))
    with pytest.raises(EngineError, match="compile it again"):
        rtx.open(plan, CUDA)
    monkeypatch.setattr(library, "__version__", "11.1.0.2")
    with pytest.raises(EngineError, match="compile it again"):
        backend.open(plan, CUDA)


def test_progress_never_goes_back(backend: TensorRT, tmp_path: Path) -> None:
    told: list[Progress] = []
    backend.compile(network(tmp_path / "n.onnx"), CUDA, told.append)
    done = [progress.done for progress in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 1)
    assert len(done) > 5
    assert "timing tactics" in {progress.step for progress in told}
    assert all(progress.left is None or progress.left >= 0 for progress in told)


def test_progress_of_nested_phases() -> None:
    told: list[Progress] = []
    watch = ProgressTracker(told.append)
    watch.start("Building", None, 4)
    watch.step("Building", 1)
    watch.start("Timing", "Building", 2)
    watch.start("Inner", "Timing", 2)
    watch.step("Inner", 0)
    assert told[-1].done == pytest.approx(0.05 + 0.94 * (2 + (0 + 0.5) / 2) / 4)
    watch.finish("Inner")
    watch.step("Timing", 1)
    watch.step("Building", 3)
    assert told[-1].done == pytest.approx(0.99)


def test_who_reports_may_stop_it(backend: TensorRT, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == "timing tactics":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled, match="stopped"):
        backend.compile(network(tmp_path / "n.onnx"), CUDA, stop)


def test_outputs_keep_the_files_order(backend: TensorRT, tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    engine = load(backend, path)
    assert [spec.name for spec in engine.outputs] == ["c", "d"]
    agree(engine(*pair()), right(path, *pair()))


def test_what_is_kept_is_limited_and_private(tmp_path: Path) -> None:
    kept = BlobStore(tmp_path / "deep" / "kept")
    for number in range(BLOBS + 5):
        kept.save(f"file-{number}", b"x" * number)
    assert len(list((tmp_path / "deep" / "kept").iterdir())) == BLOBS
    assert (tmp_path / "deep" / "kept").stat().st_mode & 0o777 == 0o700
    assert kept.load(f"file-{BLOBS + 4}") == b"x" * (BLOBS + 4)
    assert kept.load("nothing") == b""


def test_what_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    kept = BlobStore(tmp_path / "file" / "kept")
    kept.save("a", b"1")
    assert kept.load("a") == b""


def test_the_first_errors_are_the_cause(library: FakeTensorRT) -> None:
    log = TensorRTLog(library)
    assert log.complaints == "it gave no reason"
    log.take("WARNING", "slow")
    assert log.complaints == "slow"
    for number in range(5):
        log.take("ERROR", f"error\n{number}")
    assert log.complaints == "error 0; error 1"
