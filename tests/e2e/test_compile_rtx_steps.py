"""Real compilation of the graphs of a frame with TensorRT for RTX, which needs no GPU."""

from pathlib import Path

import fomm_checkpoint
import liveportrait_files
import numpy as np
import onnx
import published_models
import pytest
from networks import samples
from networks.enhancer import enhancer
from networks.inswapper import inswapper
from onnx import TensorProto
from rtx import NEEDED, TARGETS, TURING, WRITTEN, compiled, prepared

from visard.engines.interfaces import Options, Precision
from visard.models.animate.fomm.graphs import GRAPHS
from visard.models.enhancer import enhancers
from visard.models.store import Store, open_store
from visard.models.swap.one_shot import graphs
from visard.models.swap.one_shot.family import MEMBERS, Member

NARROW = 1 / 32
ROWS = sorted(MEMBERS)
MODELS = {model.name: model for each in enhancers.all().values() for model in each.models}

pytestmark = NEEDED


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("VISARD_HOME", str(tmp_path))
    return open_store()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


def swap_step(store: Store, member: Member, path: Path) -> Path:
    """Return a member's graph of a frame: narrow, but with the layers that err in half precision."""
    if member.picture is None:
        inswapper(path, NARROW, side=member.side)
    else:
        published_models.swapper(path, member)
    store.import_(path, name=member.name, accept_licence=True)
    return graphs.step(store, member)


def swap_inputs(member: Member) -> tuple[np.ndarray, ...]:
    random, side = np.random.default_rng(5), member.side
    return random.integers(0, 256, (1, side, side, 3), np.uint8), random.random(member.source, np.float32)


def in_fp32(path: Path, prefix: str) -> set[bool]:
    """Return whether layers whose names begin so give fp32."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    made = [
        node.output[0] for node in model.graph.node if node.name.startswith(prefix) and node.op_type != "Cast"
    ]
    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    return {kinds[name] == TensorProto.FLOAT for name in made if kinds.get(name) in floats}


@pytest.mark.parametrize("name", ROWS)
def test_one_shot(store: Store, tmp_path: Path, name: str) -> None:
    """In fp16 with its norms in fp32, on every card."""
    step = swap_step(store, MEMBERS[name], tmp_path / "model.onnx")
    norms = [node.name for node in onnx.load(step).graph.node if node.name.startswith(("ReduceMean", "Sqrt"))]
    path = prepared(step, Precision.fp16, tmp_path, samples=None, fp32_nodes=norms)
    assert in_fp32(path, "ReduceMean") == {True}
    for target in ("cuda:0", TURING):
        compiled(path, Options(target, Precision.fp16))


@pytest.mark.parametrize("wanted", [Precision.mixed, Precision.bf16])
def test_one_shot_as_chosen_by_its_check(store: Store, tmp_path: Path, wanted: Precision) -> None:
    member = MEMBERS["inswapper_128"]
    step = swap_step(store, member, tmp_path / "model.onnx")
    path = prepared(step, wanted, tmp_path, samples=[swap_inputs(member)])
    compiled(path, Options("cuda:0", wanted))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_enhancers(store: Store, tmp_path: Path, name: str) -> None:
    model = MODELS[name]
    path = enhancer(tmp_path / "model.onnx", model.side, NARROW, weighted=model.weighted)
    store.import_(path, name=name, accept_licence=True)
    step = model.graph(store)
    compiled(step, Options("cuda:0"))
    half = prepared(step, Precision.fp16, tmp_path, samples=None)
    compiled(half, Options("cuda:0", Precision.fp16))


@pytest.fixture(scope="module")
def fomm(folder: Path) -> dict[str, Path]:
    """The graphs of a small First Order Motion Model."""
    pytest.importorskip("torch", reason="checkpoints are written with PyTorch: the extra 'export'")
    return fomm_graphs(fomm_checkpoint.write(folder / "small.pth.tar", 1 / 16, 3, 1), folder)


def fomm_graphs(checkpoint: Path, folder: Path) -> dict[str, Path]:
    from visard.models.animate.fomm.export import write

    paths = {graph: folder / f"{checkpoint.stem}-{graph}.onnx" for graph in GRAPHS}
    for graph, path in paths.items():
        write(checkpoint, graph, path, align_corners=True)
    return paths


@pytest.mark.parametrize("wanted", WRITTEN)
@pytest.mark.parametrize("graph", GRAPHS)
def test_first_order_motion(fomm: dict[str, Path], graph: str, wanted: Precision, tmp_path: Path) -> None:
    """Looks in half precision; keypoints and places stay in fp32, on every card."""
    path = prepared(fomm[graph], wanted, tmp_path, samples=fomm_inputs(fomm[graph]))
    if graph != "draw":
        assert in_fp32(path, "/detector/") == {True}
        assert False in in_fp32(path, "/encoder/" if graph == "prepare" else "/motion/hourglass/")
    if graph == "motion":
        assert in_fp32(path, "/GridSample") | in_fp32(path, "/motion/GridSample") == {True}
    for target in TARGETS:
        compiled(path, Options(target, wanted))
    if wanted is Precision.fp16:
        compiled(path, Options(TURING, wanted))


def fomm_inputs(path: Path) -> list[tuple[np.ndarray, ...]]:
    """Return what a graph is given, its crops as bytes."""
    (given,) = samples(path, 1)
    return [tuple(np.uint8(255 * each) if each.shape[-1] == 3 else each for each in given)]


@pytest.mark.full_size
def test_first_order_motion_in_its_real_size(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="checkpoints are written with PyTorch: the extra 'export'")
    paths = fomm_graphs(fomm_checkpoint.write(tmp_path / "full.pth.tar"), tmp_path)
    for path in paths.values():
        half = prepared(path, Precision.fp16, tmp_path, samples=None)
        assert len(compiled(half, Options("cuda:0", Precision.fp16)).engine) > 1 << 20


@pytest.fixture(scope="module")
def liveportrait(folder: Path) -> Path:
    """A small LivePortrait's graph of a frame; that of a portrait lies beside it."""
    pytest.importorskip("torch", reason="checkpoints are written with PyTorch: the extra 'export'")
    files = folder / "liveportrait"
    files.mkdir()
    return liveportrait_step(liveportrait_files.write(files, 1 / 16))


def liveportrait_step(files: Path) -> Path:
    from visard.models.animate.liveportrait.export import write

    for graph in ("prepare", "step"):
        write(files, graph, files / f"{graph}.onnx")
    return files / "step.onnx"


def test_liveportrait_prepares_a_portrait(liveportrait: Path) -> None:
    """Once for each, so all of it in fp32."""
    for target in TARGETS:
        compiled(liveportrait.with_name("prepare.onnx"), Options(target))


@pytest.mark.parametrize("wanted", [Precision.fp32, *WRITTEN])
def test_liveportrait(liveportrait: Path, wanted: Precision, tmp_path: Path) -> None:
    """A frame in one graph; in half precision motion and places stay in fp32, on Turing too."""
    given = [liveportrait_files.step_inputs(liveportrait.parent)]
    path = prepared(liveportrait, wanted, tmp_path, samples=given)
    if wanted is not Precision.fp32:
        assert in_fp32(path, "/driving/extractor/") == {True}
        assert False in in_fp32(path, "/generator/")
    for target in TARGETS:
        compiled(path, Options(target, wanted))
    if wanted is Precision.fp16:
        compiled(path, Options(TURING, wanted))


@pytest.mark.full_size
def test_liveportrait_in_its_real_size(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="checkpoints are written with PyTorch: the extra 'export'")
    step = liveportrait_step(liveportrait_files.write(tmp_path))
    path = prepared(step, Precision.fp16, tmp_path, samples=None)
    assert len(compiled(path, Options("cuda:0", Precision.fp16)).engine) > 1 << 20
