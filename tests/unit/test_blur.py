"""A face that is blurred where it is: nothing of it is left, and all around it stays."""

import cv2
import numpy as np
import pytest
from dense_faces import Spot
from leaks import REAL, likeness
from people import portrait
from scenes import GENERATED, photo

from visard.daemon.guard.blur import blur_face
from visard.models.track.recogniser import Recogniser

ALIKE = 0.363
"""Cosine above which SFace calls two pictures one person, as its authors give it."""
HEAD = 0.95
"""Reach of a blur in sizes of the face."""


def noise(width: int = 320, height: int = 240) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def distances(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return how far every pixel is from a point."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.hypot(columns - x, rows - y)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


@pytest.mark.parametrize("size", [40, 90, 200, 400])
@pytest.mark.parametrize("name", GENERATED)
def test_nobody_is_recognised(recogniser: Recogniser, name: str, size: int) -> None:
    known, (x, y, width) = portrait(name), photo(name)(0).face
    scale = size / known.face.size
    image = cv2.resize(known.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    covered, centre = image.copy(), (known.face.centre[0] * scale, known.face.centre[1] * scale)
    blur_face(covered, centre, size, HEAD * size)
    embedding = recogniser(image, known.face.landmarks * np.float32(scale))
    after = recogniser(covered, known.face.landmarks * np.float32(scale))
    assert float(embedding @ after) < 0.8 * ALIKE
    assert likeness(image, covered, Spot(x * scale, y * scale, width * scale)) < REAL / 2


@pytest.mark.parametrize("centre", [(160, 120), (20, 30), (310, 235), (0, 0), (-40, 100), (160.4, 260.7)])
@pytest.mark.parametrize(
    ("size", "reach"), [(80, 76), (80, 200), (12, 11.4), (3, 2.9), (0.4, 0.38), (300, 285)]
)
def test_within_its_reach_no_detail_is_left_and_farther_off_all_is(
    centre: tuple[float, float], size: float, reach: float
) -> None:
    before = noise()
    after = before.copy()
    blur_face(after, centre, size, reach)
    away = distances(before, *centre)
    np.testing.assert_array_equal(after[away >= 1.2 * reach], before[away >= 1.2 * reach])
    inner = away < reach - 3
    if inner.sum() > 300 and size > 40:
        fine = cv2.Laplacian(after, cv2.CV_32F)[inner]
        assert fine.std() < 0.03 * cv2.Laplacian(before, cv2.CV_32F)[inner].std()


@pytest.mark.parametrize("centre", [(-100, 50), (160, 340), (500, 500), (-1e6, 1e6)])
def test_what_is_wholly_outside_changes_nothing(centre: tuple[float, float]) -> None:
    image = noise()
    blur_face(image, centre, 80, 80)
    np.testing.assert_array_equal(image, noise())


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (640, 1), (1, 480)])
def test_pictures_of_odd_sizes(size: tuple[int, int]) -> None:
    image = noise(*size)
    blur_face(image, (0, 0), 50, 48)
    assert image.shape == (size[1], size[0], 3)


def test_as_little_is_left_of_a_face_that_is_cut_by_the_edge() -> None:
    """The part that is in the picture has no more cells for being smaller."""
    black_and_white = np.where(np.arange(320) // 8 % 2, 255, 0).astype(np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(black_and_white[None, :, None], (240, 320, 3)))
    blur_face(image, (0, 120), 160, 152)
    assert int(np.ptp(image[80:160, :120])) < 30


def test_only_the_given_picture_is_written_and_views_too() -> None:
    base = noise()
    view = base[20:220, 30:290]
    blur_face(view, (130, 100), 60, 57)
    changed = (base != noise()).any(2)
    assert changed[100:140, 140:180].any()
    assert not changed[:20].any()
    assert not changed[:, :30].any()
