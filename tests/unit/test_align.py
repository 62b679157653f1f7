"""Where faces are cut out: against matrices that DeepFaceLive made of the same landmarks."""

from pathlib import Path

import numpy as np
import pytest

from visard.models import align
from visard.models.sample_faces import sample_faces

ALIGNED = {
    "all_points": {"size": 224, "coverage": 2.2, "offset": (0, -0.08), "still": False},
    "cov1.6_off": {"size": 320, "coverage": 1.6, "offset": (0.05, 0.02), "still": False},
    "head_mode_yaw0.3": {
        "size": 224, "coverage": 3.2, "offset": (align.behind_the_face(0.3), -0.58), "still": False,
    },
    "freeze_z": {
        "size": 224, "coverage": 2.2, "offset": (align.behind_the_face(-0.2), -0.08), "still": False,
        "upright": True,
    },
}  # fmt: skip
FACES = "drv_a0", "drv_b1"
CORNERS = np.array([[0, 0], [256, 0], [0, 256], [256, 256]], np.float64)


@pytest.fixture(scope="module")
def original(repository: Path):
    with np.load(repository / "tests" / "data" / "dfm.npz") as data:
        return dict(data)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("case", ALIGNED)
def test_the_crop_is_deepfacelives(original, face: str, case: str) -> None:
    matrix = align.align(original[f"{face}.landmarks468"], **ALIGNED[case])
    theirs = original[f"{face}.align.{case}.mat"]
    np.testing.assert_allclose(align.apply(matrix, CORNERS), align.apply(theirs, CORNERS), atol=1e-3)


@pytest.mark.parametrize("face", FACES)
def test_without_moving_parts_it_is_within_a_pixel(original, face: str) -> None:
    """The choice of points is our own: equality is not expected."""
    points, theirs = original[f"{face}.landmarks468"], original[f"{face}.align.default.mat"]
    ours, all_ = (
        align.align(points, 224, coverage=2.2, offset=(0, -0.08), still=still) for still in (True, False)
    )
    apart, apart_all = (
        np.linalg.norm(align.apply(m, points) - align.apply(theirs, points), axis=1) for m in (ours, all_)
    )
    assert np.sqrt((apart**2).mean()) < 1.1
    assert apart.max() < 2
    assert np.sqrt((apart_all**2).mean()) > 2


def test_the_points_that_stay() -> None:
    still = align.still_points()
    assert still.sum() == 173
    assert still[[1, 4, 5, 195, 197, 6]].all(), "the nose"
    assert not still[[61, 291, 0, 17, 152, 10, 33, 263, 159, 386, 105, 334]].any(), "lips, chin, lids, brows"


def test_a_similarity_is_found_exactly() -> None:
    points = np.random.default_rng(1).normal(size=(20, 2))
    turn = 3 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    found = align.similarity(points, points @ turn.T + (5, -7))
    np.testing.assert_allclose(found, np.column_stack([turn, (5, -7)]), atol=1e-12)


def test_a_similarity_never_mirrors() -> None:
    points = np.random.default_rng(1).normal(size=(20, 2))
    assert np.linalg.det(align.similarity(points, points * (-1, 1))[:, :2]) >= 0


def test_maps_compose_and_invert() -> None:
    one, other = np.array([[2.0, 1, 3], [-1, 2, 4]]), np.array([[0.5, 0, -1], [0, 0.5, 2]])
    both = align.apply(align.compose(one, other), CORNERS)
    np.testing.assert_allclose(both, align.apply(one, align.apply(other, CORNERS)))
    np.testing.assert_allclose(align.apply(align.invert(one), align.apply(one, CORNERS)), CORNERS, atol=1e-9)


def test_a_crop_moves_along_the_faces_axes(original) -> None:
    """Half a side to the right and down: the middle of one crop is a corner of the other."""
    points = original["drv_a0.landmarks468"]
    here = align.align(points, 200, coverage=1)
    there = align.align(points, 200, coverage=1, offset=(0.5, 0.5))
    moved = align.apply(align.compose(here, align.invert(there)), np.array([[100.0, 100.0]]))
    np.testing.assert_allclose(moved, [[200, 200]], atol=1e-6)


def test_an_upright_crop_has_the_same_area_and_middle(original) -> None:
    points = original["drv_a0.landmarks468"]
    rolled, upright = (align.align(points, 100, coverage=2, upright=u) for u in (False, True))
    assert upright[0, 1] == upright[1, 0] == 0
    assert np.linalg.det(rolled[:, :2]) == pytest.approx(np.linalg.det(upright[:, :2]))
    middle = align.apply(align.invert(rolled), np.array([[50.0, 50.0]]))
    np.testing.assert_allclose(align.apply(upright, middle), [[50, 50]], atol=1e-6)


@pytest.mark.parametrize("yaw", [-0.5, 0.0, 0.5])
def test_a_whole_heads_crop_moves_to_its_back(yaw: float) -> None:
    assert np.sign(align.behind_the_face(yaw)) == -np.sign(yaw)


def test_what_lies_outside_is_black() -> None:
    picture = np.full((40, 60, 3), 200, np.uint8)
    crop = align.crop(picture, np.array([[1.0, 0, 10], [0, 1, 10]]), 80)
    assert (crop[10:50, 10:70] == 200).all()
    assert crop[:9].max() == crop[52:].max() == 0


def test_the_people_we_ship_are_found() -> None:
    found = sample_faces()
    assert len(found) == 3
    for picture, face in found:
        landmarks = face.landmarks
        matrix = align.align(landmarks, 224, coverage=2.2)
        inside = align.apply(matrix, landmarks[:468, :2])
        assert inside.min() > 0
        assert inside.max() < 224
        assert align.crop(picture, matrix, 224).std() > 20
