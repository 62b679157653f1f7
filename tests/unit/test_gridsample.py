"""GridSample over volumes written as one over pictures: the same to rounding, and nothing of it left."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from grids import sampling
from networks import NETWORKS, samples
from onnx import TensorProto

from visard.engines.backends._gridsample import flatten_grid_samples
from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Array

VOLUME, PICTURE = (2, 3, 4, 5, 6), (2, 3, 5, 6)


def run(path: Path, *arrays: Array) -> list[Array]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = dict(zip((i.name for i in session.get_inputs()), arrays, strict=True))
    return list(session.run(None, feed))


def ranks(path: Path) -> set[int]:
    """Return how many dimensions the grids in a file have."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True).graph
    known = {v.name: len(v.type.tensor_type.shape.dim) for v in (*graph.input, *graph.value_info)}
    return {known[node.input[1]] for node in graph.node if node.op_type == "GridSample"}


def arrays(dtype: Any = np.float32) -> tuple[Array, Array]:
    """Return a volume and places, some of them outside of it."""
    random = np.random.default_rng(2)
    return random.normal(size=VOLUME).astype(dtype), random.uniform(-1.4, 1.4, (2, 7, 8, 9, 3)).astype(dtype)


@pytest.mark.parametrize("corners", [0, 1])
@pytest.mark.parametrize("edges", ["zeros", "border"])
@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize("sizes", ["fixed", "varying"])
def test_it_is_the_same(tmp_path: Path, corners: int, edges: str, mode: str, sizes: str) -> None:
    x, g = arrays()
    shapes: tuple[Any, Any] = (VOLUME, g.shape)
    if sizes == "varying":
        shapes = (("n", "c", "d", "h", "w"), ("n", "i", "j", "k", 3))
    path = sampling(tmp_path / "v.onnx", *shapes, align_corners=corners, padding_mode=edges, mode=mode)
    flat = flatten_grid_samples(path, tmp_path / "flat.onnx")
    assert (ranks(path), ranks(flat)) == ({5}, {4})
    onnx.checker.check_model(onnx.load(flat), full_check=True)
    np.testing.assert_allclose(run(flat, x, g)[0], run(path, x, g)[0], atol=1e-5)


def test_places_on_and_beyond_the_edges(tmp_path: Path) -> None:
    x, _ = arrays()
    g = np.array([-1.5, -1, -1 + 1e-4, 0, 1 - 1e-4, 1, 1.5], np.float32)
    g = np.stack(np.meshgrid(g, g, g, indexing="ij"), -1)[None].repeat(2, 0)
    path = sampling(tmp_path / "v.onnx", VOLUME, g.shape)
    flat = flatten_grid_samples(path, tmp_path / "flat.onnx")
    np.testing.assert_allclose(run(flat, x, g)[0], run(path, x, g)[0], atol=1e-5)


def test_half_precision(tmp_path: Path) -> None:
    x, g = arrays(np.float16)
    path = sampling(tmp_path / "v.onnx", VOLUME, g.shape, TensorProto.FLOAT16)
    flat = flatten_grid_samples(path, tmp_path / "flat.onnx")
    exact = sampling(tmp_path / "exact.onnx", VOLUME, g.shape)
    reference = run(exact, x.astype(np.float32), g.astype(np.float32))[0]
    np.testing.assert_allclose(run(flat, x, g)[0], reference, atol=2e-2)


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_whole_network(tmp_path: Path, dynamic: bool) -> None:
    path = NETWORKS["liveportrait_warping"](tmp_path / "w.onnx", 0.1, dynamic=dynamic)
    flat = flatten_grid_samples(path, tmp_path / "flat.onnx")
    assert ranks(path) == {5}
    assert ranks(flat) == {4}
    (given,) = samples(path, 1)
    for ours, theirs in zip(run(flat, *given), run(path, *given), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1.0, float(np.abs(theirs).max())))


def test_pictures_are_left_alone(tmp_path: Path) -> None:
    path = sampling(tmp_path / "p.onnx", PICTURE, (2, 7, 8, 2), mode="cubic")
    assert flatten_grid_samples(path, tmp_path / "flat.onnx") == path
    assert not (tmp_path / "flat.onnx").exists()


def test_weights_beside_the_file_are_found(tmp_path: Path) -> None:
    path = NETWORKS["liveportrait_warping"](tmp_path / "w.onnx", 0.1)
    (given,) = samples(path, 1)
    expected = run(path, *given)
    apart = tmp_path / "apart"
    apart.mkdir()
    onnx.save(
        onnx.load(path), apart / "w.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    flat = flatten_grid_samples(apart / "w.onnx", tmp_path / "flat.onnx")
    np.testing.assert_allclose(
        run(flat, *given)[0], expected[0], atol=1e-5 * float(np.abs(expected[0]).max())
    )


@pytest.mark.parametrize("how", [{"mode": "cubic"}, {"padding_mode": "reflection"}])
def test_what_has_no_equal_is_refused(tmp_path: Path, how: dict[str, str]) -> None:
    path = sampling(tmp_path / "v.onnx", VOLUME, (2, 7, 8, 9, 3), **how)
    with pytest.raises(ModelRefused, match=r"v\.onnx: TensorRT has no GridSample over volumes that is"):
        flatten_grid_samples(path, tmp_path / "flat.onnx")


@pytest.mark.parametrize("content", [b"not a network", b"\x08\x07\x12"])
def test_broken_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"broken\.onnx is damaged"):
        flatten_grid_samples(path, tmp_path / "flat.onnx")


def test_weights_that_are_missing(tmp_path: Path) -> None:
    path = NETWORKS["liveportrait_warping"](tmp_path / "w.onnx", 0.1)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelRefused, match=r"w\.onnx is damaged"):
        flatten_grid_samples(path, tmp_path / "flat.onnx")
