"""Where the landmarker looks: upright, well centred, and the same for a turned head."""

import numpy as np
import pytest

from visard.models.face import EYE_LEFT, EYE_RIGHT
from visard.models.geometry.pose import canonical_upright
from visard.models.track.crop import Region


def head(angle: float = 0.0, scale: float = 15.0, place: tuple[float, float] = (300, 200)) -> np.ndarray:
    """The canonical head with irises, turned in the picture by radians."""
    upright = np.concatenate([canonical_upright(), canonical_upright()[[159] * 5 + [386] * 5]])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return (scale * upright @ turn.T + np.array([*place, 0])).astype(np.float32)


@pytest.mark.parametrize("angle", [0, 0.4, -1.2, np.pi / 2, 3.0])
def test_a_turned_head_gives_the_same_crop(angle: float) -> None:
    crops = []
    for points in (head(), head(angle)):
        matrix = Region.around(points).matrix(256)
        crops.append(points[:, :2] @ matrix[:, :2].T + matrix[:, 2])
    np.testing.assert_allclose(crops[0], crops[1], atol=0.05)


def test_the_head_stands_upright_in_the_middle_with_a_margin() -> None:
    points = head(0.7)
    matrix = Region.around(points).matrix(256)
    seen = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    low, high = seen.min(0), seen.max(0)
    np.testing.assert_allclose((low + high) / 2, 128, atol=0.05)
    assert (high - low).max() == pytest.approx(256 / 1.5, abs=0.05)
    assert seen[EYE_LEFT, 1] == pytest.approx(seen[EYE_RIGHT, 1], abs=0.05)
    assert seen[EYE_LEFT, 0] < seen[EYE_RIGHT, 0]


def test_it_grows_and_moves_with_the_head() -> None:
    near, far = Region.around(head(0.3)), Region.around(head(0.3, 30, (350, 180)))
    assert far.size == pytest.approx(2 * near.size, rel=1e-5)
    assert far.angle == pytest.approx(near.angle, abs=1e-5)
    low, high = (np.array([r.x, r.y]) for r in (near, far))
    np.testing.assert_allclose(high - (350, 180), 2 * (low - (300, 200)), atol=0.01)


def test_the_matrix_takes_the_square_to_the_crop() -> None:
    region = Region(100, 50, 40, np.pi / 2)
    corners = np.array([[120, 30, 1], [120, 70, 1], [80, 70, 1], [80, 30, 1]])  # a quarter turn clockwise
    crop = corners @ region.matrix(64).T
    np.testing.assert_allclose(crop, [[0, 0], [64, 0], [64, 64], [0, 64]], atol=1e-9)
