"""Inputs for networks from clips, pictures and arrays."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from people import DEMO

from visard.daemon.diagnostics.calibration_inputs import MOST, samples
from visard.daemon.diagnostics.network_files import Network, find, ranges
from visard.daemon.errors import EngineError, VisardError
from visard.engines import Range, TensorSpec

PICTURE = DEMO.parent.parent / "personas/shipped/clara/picture.jpg"


def network(*shapes: tuple[int | None, ...], dtype: type = np.float32) -> Network:
    inputs = tuple(TensorSpec(f"x{i}", np.dtype(dtype), shape) for i, shape in enumerate(shapes))
    return Network("net.onnx", Path("net.onnx"), inputs)


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """A picture that is red, and darker at the bottom."""
    image = np.zeros((40, 80, 3), np.uint8)
    image[..., 2] = np.linspace(255, 0, 40)[:, None]
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize("first", [True, False])
def test_a_picture_is_laid_out_as_the_input_is(red: Path, first: bool) -> None:
    shape = (1, 3, 16, 24) if first else (1, 16, 24, 3)
    ((array,),) = samples(network(shape), str(red))
    assert (array.shape, array.dtype) == (shape, np.float32)
    picture = array[0].transpose(1, 2, 0) if first else array[0]
    assert picture[..., 0].max() == pytest.approx(1, abs=0.1)
    assert picture[..., 1:].max() == 0
    assert picture[0, 0, 0] > picture[-1, 0, 0]


def test_grey_batches_and_half_numbers(red: Path) -> None:
    ((array,),) = samples(network((2, 1, 8, 8), dtype=np.float16), str(red))
    assert (array.shape, array.dtype) == ((2, 1, 8, 8), np.float16)
    assert np.array_equal(array[0], array[1])


def test_sizes_that_vary_are_as_said(red: Path) -> None:
    bounds = Range("x0", (1, 3, 8, 8), (1, 3, 16, 32), (1, 3, 64, 64))
    ((array,),) = samples(network((None, 3, None, None)), str(red), (bounds,))
    assert array.shape == (1, 3, 16, 32)


def test_a_clip_gives_many_different_pictures() -> None:
    found = samples(network((1, 3, 32, 32)), str(DEMO))
    assert 10 < len(found) <= MOST
    assert not np.array_equal(found[0][0], found[-1][0])


def test_a_folder_gives_its_pictures_and_an_empty_one_is_refused(red: Path, tmp_path: Path) -> None:
    assert len(samples(network((1, 3, 8, 8)), str(red.parent))) == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match="holds no pictures"):
        samples(network((1, 3, 8, 8)), str(tmp_path / "empty"))


def test_a_network_of_faces_gets_what_the_tracker_gives_it(red: Path) -> None:
    landmarks = find("mp_face_landmarks_v2_478")
    found = samples(landmarks, str(PICTURE))
    assert len(found) >= 1
    assert all(array.shape == (1, 256, 256, 3) for (array,) in found)
    with pytest.raises(EngineError, match="no face was found"):
        samples(landmarks, str(red))


@pytest.mark.parametrize("shapes", [((1, 512),), ((1, 3, 8, 8), (1, 4)), ((1, 7, 8, 9),), ((1, 3, 8, None),)])
def test_what_is_no_picture_wants_an_npz(red: Path, shapes: tuple[tuple[int | None, ...], ...]) -> None:
    with pytest.raises(EngineError, match="calibrate it with an npz file"):
        samples(network(*shapes), str(red))


def test_arrays_are_taken_by_name_and_become_what_the_input_is(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, x1=np.ones((3, 1, 4)), x0=np.zeros((3, 2, 5)), more=np.zeros(1))
    found = samples(network((2, 5), (1, 4)), str(path))
    assert [[array.shape for array in row] for row in found] == [[(2, 5), (1, 4)]] * 3
    assert found[0][0].dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x0": np.zeros((2, 5))}, r"not \[samples"),
        ({"x0": np.zeros((3, 2, 6))}, r"not \[samples"),
        ({"x0": np.zeros((0, 2, 5))}, r"not \[samples"),
        ({"other": np.zeros((3, 2, 5))}, "lacks x0; it holds other"),
        ({"x0": np.array([{}], object)}, "no npz file with plain arrays"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, **arrays)
    with pytest.raises(EngineError, match=words):
        samples(network((2, 5)), str(path))


@pytest.mark.parametrize("name", ["nothing.npz", "nothing.mp4", "nothing.png", "nobody"])
def test_what_is_not_there_is_one_error(tmp_path: Path, name: str) -> None:
    source = name if name == "nobody" else str(tmp_path / name)
    with pytest.raises(VisardError, match="no"):
        samples(network((1, 3, 8, 8)), source)


def test_a_batch_that_varies_is_one_unless_said_otherwise() -> None:
    free = network((None, 224, 224, 3))
    assert ranges(free, ()) == (Range("x0", *[(1, 224, 224, 3)] * 3),)
    assert ranges(free, ["x0=1x224x224x3:2x224x224x3:4x224x224x3"])[0].high == (4, 224, 224, 3)
    assert ranges(network((1, 3, 8, 8)), ()) == ()


def test_names_with_an_equals_sign_or_a_colon_are_names() -> None:
    inputs = (TensorSpec("in=face:0", np.dtype(np.float32), (None, 4)),)
    (found,) = ranges(Network("net", Path("net"), inputs), ["in=face:0=1x4:2x4:3x4"])
    assert (found.name, found.usual) == ("in=face:0", (2, 4))
