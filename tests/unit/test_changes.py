"""What counts as a change, and what is usual."""

import numpy as np
import pytest

from visard.models.face import Image
from visard.models.track.changes import Changes, at_edges, many

GREY = np.full((360, 640, 3), 110, np.uint8)


def with_square(x: int, y: int, side: int = 60, shade: int = 200) -> Image:
    image = GREY.copy()
    image[y : y + side, x : x + side] = shade
    return image


@pytest.fixture
def changes() -> Changes:
    changes = Changes()
    for _ in range(5):
        changes.see(GREY, [])
    return changes


def test_nothing_changes_in_a_still_picture(changes: Changes) -> None:
    before = changes.cells
    changes.see(GREY, [])
    assert not changes.since(before).any()


def test_what_is_new_has_changed_until_it_is_looked_at(changes: Changes) -> None:
    before = changes.cells
    for _ in range(30):
        changes.see(with_square(300, 150), [])
        assert many(changes.since(before))
    assert not many(at_edges(changes.since(before)))
    assert not many(changes.since(changes.cells))


def test_what_comes_in_changes_the_edges(changes: Changes) -> None:
    before = changes.cells
    changes.see(with_square(0, 150, 20), [])
    assert many(at_edges(changes.since(before)))


def test_a_slow_change_is_one_too(changes: Changes) -> None:
    before = changes.cells
    for shade in range(110, 160):
        changes.see(with_square(300, 150, shade=shade), [])
    assert many(changes.since(before))


def test_a_known_face_may_move(changes: Changes) -> None:
    before = changes.cells
    changes.see(with_square(300, 150), [(330, 180, 90)])
    assert not changes.since(before).any()


def test_what_always_moves_is_usual_and_something_new_beside_it_is_not(changes: Changes) -> None:
    for number in range(120):
        changes.see(with_square(300, 150, shade=110 + 30 * (number % 2)), [])
    before = changes.cells
    changes.see(with_square(300, 150, shade=110), [])
    assert not many(changes.since(before))
    other = with_square(300, 150, shade=110)
    other[40:100, 60:120] = 220
    changes.see(other, [])
    assert many(changes.since(before))
