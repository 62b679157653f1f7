"""Drawing meshes: exactly where asked, nearest triangle in front."""

import numpy as np
import pytest

from visard.models.geometry.raster import Raster, resample

SQUARE = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def square(left: float, top: float, right: float, bottom: float, depth: float = 0) -> np.ndarray:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return np.array([(*corner, depth) for corner in corners], np.float32)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (192, 192), (320, 180), (100, 257)])
def test_every_pixel_gets_its_own_place(width: int, height: int) -> None:
    points = square(-1, -1, width, height)
    values = np.column_stack([points[:, :2], np.ones(4)]).astype(np.float32)
    drawn = Raster(SQUARE, width, height)(points, values)
    y, x = np.mgrid[:height, :width]
    assert drawn.shape == (height, width, 3)
    assert np.abs(drawn[..., 0] - x).max() < 0.01
    assert np.abs(drawn[..., 1] - y).max() < 0.01
    assert np.abs(drawn[..., 2] - 1).max() < 1e-4


def test_a_tilted_mesh_is_seen_flat() -> None:
    points = square(-1, -1, 100, 100)
    points[[1, 2], 2] = 60
    values = np.column_stack([points[:, :2], np.ones(4)]).astype(np.float32)
    drawn = Raster(SQUARE, 100, 100)(points, values)
    y, x = np.mgrid[:100, :100]
    assert np.abs(drawn[..., 0] - x).max() < 0.5  # a camera at 64 sides sees nearly no perspective
    assert np.abs(drawn[..., 1] - y).max() < 0.5


def test_the_nearest_triangle_wins_in_any_order() -> None:
    near, far = square(10, 10, 40, 40, depth=-5), square(0, 0, 60, 60, depth=5)
    for first, second, colours in ((near, far, (1, 2)), (far, near, (2, 1))):
        points = np.concatenate([first, second])
        values = np.repeat(np.float32(colours), 4)[:, None].repeat(3, 1)
        drawn = Raster(np.concatenate([SQUARE, SQUARE + 4]), 64, 64)(points, values)
        assert np.abs(drawn[12:39, 12:39] - 1).max() < 1e-4
        assert np.abs(drawn[45:58, 2:58] - 2).max() < 1e-4


def test_both_sides_of_a_triangle_are_drawn() -> None:
    for triangles in (SQUARE, SQUARE[:, ::-1]):
        drawn = Raster(triangles, 32, 32)(square(4, 4, 27, 27), np.ones((4, 3), np.float32))
        assert drawn[10:20, 10:20].min() == pytest.approx(1)


def test_the_background_is_where_nothing_is() -> None:
    raster = Raster(SQUARE, 32, 32)
    raster(square(-1, -1, 32, 32), np.ones((4, 3), np.float32))
    drawn = raster(square(8, 8, 16, 16), np.ones((4, 3), np.float32), background=-7.0)
    assert (drawn[20:] == -7).all()
    assert (drawn[:, 20:] == -7).all()
    assert drawn[12, 12, 0] == pytest.approx(1)


def test_what_lies_outside_is_cut_off() -> None:
    drawn = Raster(SQUARE, 32, 32)(square(-500, -500, 10, 10), np.ones((4, 3), np.float32))
    assert drawn[:9, :9].min() == pytest.approx(1)
    assert drawn[12:, 12:].max() == 0
    assert Raster(SQUARE, 32, 32)(square(100, 100, 200, 200), np.ones((4, 3), np.float32)).max() == 0


def test_pixels_are_fetched_from_where_they_are() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    y, x = np.mgrid[:4, :4].astype(np.float32)
    np.testing.assert_array_equal(resample(picture, np.dstack([x, y])), picture)
    beyond = resample(picture, np.dstack([x - 2, y]))
    np.testing.assert_array_equal(beyond[:, :2], picture[:, :1].repeat(2, 1))
    out = np.empty_like(picture)
    assert resample(picture, np.dstack([x, y]), out) is out
