"""Real compilation of any networks with TensorRT for RTX, which needs no GPU."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import dfm_files
import numpy as np
import onnx
import pytest
from grids import sampling
from networks import NETWORKS, samples
from onnx import TensorProto
from rtx import NEEDED, TARGETS, WRITTEN, compiled, prepared
from small_network import network

from visard.engines.backends._gridsample import flatten_grid_samples
from visard.engines.backends.tensorrt_rtx import backend
from visard.engines.errors import EngineError, ModelRefused
from visard.engines.interfaces import Options, Precision, Range
from visard.models.assets import asset
from visard.models.check_inputs import samples as faces
from visard.models.swap.dfm.onnx_file import convert as trained
from visard.models.swap.dfm.onnx_file import ports
from visard.models.swap.dfm.swapper import inputs as face_inputs

ASSETS = sorted(path.name for path in asset("SHA256SUMS").parent.glob("*.onnx"))
WIDTH = 0.1
MODES = [(4, "linear"), (4, "nearest"), (4, "cubic"), (5, "linear"), (5, "nearest")]
pytestmark = NEEDED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_people_bring(folder: Path, name: str, target: str) -> None:
    path = NETWORKS[name](folder / f"{name}.onnx", WIDTH)
    compiled(path, Options(target))


ARCHIS: list[dict[str, bool]] = [{}, {"c": True, "d": True}, {"quantized": True}]


@pytest.mark.parametrize("archi", ARCHIS, ids=str)
@pytest.mark.parametrize("write", [dfm_files.saehd, dfm_files.amp])
def test_trained_faces(tmp_path: Path, write: Any, archi: dict[str, bool]) -> None:
    path = tmp_path / "face.onnx"
    onnx.save(trained(write(tmp_path / "face.dfm", **archi)), path)
    for target in TARGETS:
        assert not compiled(path, Options(target)).varies


def test_trained_faces_of_the_original_exporter(shared: Path, tmp_path: Path) -> None:
    files = sorted((shared / "oracles" / "dfm").glob("*.dfm"))
    if not files:
        pytest.skip("needs the files in shared/oracles/dfm")
    for file in files:
        path = tmp_path / f"{file.stem}.onnx"
        onnx.save(trained(file), path)
        compiled(path, Options("cuda:0"))
        given = [
            face_inputs(np.full((224, 224, 3), 128, np.uint8), *ports(path), morph) for morph in (0.5, 1.0)
        ]
        compiled(prepared(path, Precision.fp16, tmp_path, samples=given), Options("cuda:0", Precision.fp16))


def ranges(path: Path) -> tuple[Range, ...]:
    """Return how far the inputs' sizes vary: a batch up to 4, sides from 64 to 256."""
    names = [value.name for value in onnx.load(path, load_external_data=False).graph.input]
    steps = (samples(path, 1, batch=batch, side=side)[0] for batch, side in ((1, 64), (1, 128), (4, 256)))
    shapes = zip(names, *([array.shape for array in step] for step in steps), strict=True)
    return tuple(Range(*each) for each in shapes if each[1] != each[3])


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("archi", ["df-udtc", "liae-ud", "amp"])
def test_what_was_trained_here(tmp_path: Path, archi: str, half: bool) -> None:
    pytest.importorskip("torch", reason="face models are trained with PyTorch: the extra 'train'")
    from training import tiny

    from visard.models.train.export import export
    from visard.models.train.networks import build

    options = tiny(archi=archi)
    path = tmp_path / "face.onnx"
    path.write_bytes(
        trained(export(build(options), options, tmp_path / "face.dfm", half=half).path).SerializeToString()
    )
    for target in TARGETS:
        compiled(path, Options(target))


@pytest.mark.parametrize("name", NETWORKS)
def test_their_sizes_may_vary(folder: Path, name: str) -> None:
    path = NETWORKS[name](folder / f"{name}-dynamic.onnx", WIDTH, dynamic=True)
    assert ranges(path)
    for target in ("cuda:0", "sm_89"):
        plan = compiled(path, Options(target, ranges=ranges(path)))
        assert set(plan.ranges) == {each.name for each in ranges(path)}
        assert plan.varies


def test_a_batch_is_one_unless_told(folder: Path) -> None:
    path = NETWORKS["dfm224"](folder / "dfm224-dynamic.onnx", WIDTH, dynamic=True)
    plan = compiled(path, Options("cuda:0"))
    assert plan.ranges == {plan.inputs[0]: ((1, 224, 224, 3), (1, 224, 224, 3))}
    assert not plan.varies


def test_height_and_width_may_vary(folder: Path) -> None:
    path = network(folder / "any.onnx", ("n", 3, "h", "w"))
    ranges = tuple(Range(name, (1, 3, 8, 8), (1, 3, 256, 256), (4, 3, 1024, 2048)) for name in "ab")
    for target in TARGETS:
        assert compiled(path, Options(target, ranges=ranges)).varies
    with pytest.raises(ModelRefused, match="say how large it gets"):
        compiled(path, Options("cuda:0"))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ASSETS)
def test_networks_that_are_shipped(name: str, target: str) -> None:
    plan = compiled(asset(name), Options(target))
    assert len(plan.inputs) == 1
    assert plan.outputs


@pytest.mark.parametrize("wanted", WRITTEN)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_precision_of_what_people_bring(
    folder: Path, tmp_path: Path, name: str, wanted: Precision
) -> None:
    path = NETWORKS[name](folder / f"{name}.onnx", WIDTH)
    compiled(prepared(path, wanted, tmp_path, samples=samples(path, 1)), Options("cuda:0", wanted))


@pytest.mark.parametrize("wanted", WRITTEN)
@pytest.mark.parametrize("name", ASSETS)
def test_half_precision_of_what_is_shipped(tmp_path: Path, name: str, wanted: Precision) -> None:
    path = asset(name)
    seen = faces(path.stem)
    compiled(prepared(path, wanted, tmp_path, samples=seen), Options("cuda:0", wanted))


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16], ids=["fp32", "fp16"])
@pytest.mark.parametrize("corners", [0, 1])
@pytest.mark.parametrize("edges", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(("dimensions", "mode"), MODES)
def test_sampling(tmp_path: Path, dimensions: int, mode: str, edges: str, corners: int, kind: int) -> None:
    shapes = ((1, 3, 8, 9), (1, 5, 6, 2)) if dimensions == 4 else ((1, 3, 7, 8, 9), (1, 4, 5, 6, 3))
    how = {"mode": mode, "padding_mode": edges, "align_corners": corners}
    path = sampling(tmp_path / "g.onnx", *shapes, kind, **how)
    compiled(path, Options("cuda:0", Precision.fp32))
    if dimensions == 5 and edges != "reflection":  # what TensorRT itself gets instead
        flat = flatten_grid_samples(path, tmp_path / "flat.onnx")
        assert flat != path
        compiled(flat, Options("cuda:0", Precision.fp32))


@pytest.mark.parametrize("dynamic", [False, True])
def test_volumes_written_as_pictures(tmp_path: Path, dynamic: bool) -> None:
    path = NETWORKS["liveportrait_warping"](tmp_path / "w.onnx", WIDTH, dynamic=dynamic)
    compiled(flatten_grid_samples(path, tmp_path / "flat.onnx"), Options("cuda:0"))


def test_turing_takes_half_precision_and_says_what_it_does_not(folder: Path, tmp_path: Path) -> None:
    """In a process of its own: after a network was refused, others are, too."""
    path = NETWORKS["fomm_keypoints"](folder / "fomm_keypoints.onnx", WIDTH)
    half = prepared(path, Precision.fp16, tmp_path, samples=samples(path, 1))
    refused = NETWORKS["liveportrait_motion"](folder / "liveportrait_motion.onnx", WIDTH)
    code = (
        "import sys; from pathlib import Path\n"
        "from visard.engines.backends.tensorrt_rtx import backend\n"
        "from visard.engines.interfaces import Options\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        print(len(backend.compile(Path(path), Options('sm_75'), lambda _: None)) > 1000)\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, error)\n"
    )
    files = [str(asset("mp_face_landmarks_v2_478.onnx")), str(half), str(refused)]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["True", "True"]
    assert lines[2].startswith("ModelRefused TensorRT for RTX does not accept liveportrait_motion.onnx: ")
    assert "FP32 GEMM is not supported" in lines[2]


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x07\x12\x04junk" * 40, "short"])
def test_files_that_are_no_network(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content if isinstance(content, bytes) else asset(ASSETS[0]).read_bytes()[:5000])
    with pytest.raises(ModelRefused, match=r"TensorRT for RTX does not accept broken\.onnx: \S"):
        compiled(path, Options("cuda:0"))


def test_the_node_it_does_not_know_is_named(tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx")
    model = onnx.load(path)
    model.graph.node[1].op_type, model.graph.node[1].name = "Warp", "Warp_7"
    onnx.save(model, path)
    with pytest.raises(ModelRefused, match=r"n\.onnx: node Warp_7 \(Warp\): "):
        compiled(path, Options("cuda:0"))


def test_what_was_compiled_does_not_open_without_a_gpu(folder: Path) -> None:
    if not backend.unavailable():
        pytest.skip("there is a GPU")
    path = network(folder / "n.onnx")
    plan = backend.compile(path, Options("cuda:0"), lambda _: None)
    with pytest.raises(EngineError, match="no NVIDIA"):
        backend.open(plan, Options("cuda:0"))


@pytest.mark.full_size
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("wanted", Precision)
@pytest.mark.parametrize("name", NETWORKS)
def test_in_their_real_size(tmp_path: Path, name: str, wanted: Precision) -> None:
    path = NETWORKS[name](tmp_path / f"{name}.onnx")
    plan = compiled(prepared(path, wanted, tmp_path, samples=samples(path, 1)), Options("cuda:0", wanted))
    assert len(plan.engine) > 1 << 20
