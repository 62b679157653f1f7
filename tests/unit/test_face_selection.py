import pytest
from fakes import face_at

from visard.daemon.config.settings import Who
from visard.daemon.pipeline.face_selection import PATIENCE, choose
from visard.models.face import Sighting

SMALL, LARGE = face_at(160, 120, 1, 60), face_at(40, 120, 2, 90)


def pick(held, who, faces, now=0.0, missing=(), looks=0):
    return choose(held, who, Sighting(tuple(faces), tuple(missing), looks), 320, 240, now)


def test_all_wants_every_face():
    assert pick(None, Who.all, [SMALL, LARGE]) == (None, None)


def test_largest_and_centre():
    assert pick(None, Who.largest, [SMALL, LARGE])[0] == {2}
    assert pick(None, Who.centre, [SMALL, LARGE])[0] == {1}
    assert pick(None, Who.largest, [])[0] == frozenset()


def test_the_choice_stays_when_another_becomes_larger():
    _, held = pick(None, Who.largest, [SMALL, LARGE])
    assert pick(held, Who.largest, [face_at(160, 120, 1, 140), LARGE], 0.1)[0] == {2}


def test_a_missing_choice_is_waited_for():
    _, held = pick(None, Who.largest, [SMALL, LARGE], looks=70)
    assert pick(held, Who.largest, [SMALL], 0.1, looks=70)[0] == {2}
    assert pick(held, Who.largest, [SMALL], 60, looks=69 + PATIENCE)[0] == {2}
    assert pick(held, Who.largest, [SMALL], 60, missing=[2], looks=169)[0] == {2}
    assert pick(held, Who.largest, [SMALL], 0.1, looks=70 + PATIENCE)[0] == {1}


def test_a_choice_found_again_under_a_new_id_is_kept():
    _, held = pick(None, Who.largest, [SMALL, LARGE])
    assert pick(held, Who.largest, [SMALL, face_at(45, 118, 9, 88)], 0.1)[0] == {9}


def test_a_chosen_face_that_lands_on_a_poster_is_waited_for():
    """Its id says less than where it was."""
    _, held = pick(None, Who.largest, [SMALL, LARGE], looks=9)
    poster = face_at(290, 40, 2, 90)
    assert pick(held, Who.largest, [SMALL, poster], 1 / 30, looks=9)[0] == {2}
    assert pick(held, Who.largest, [SMALL, poster], 1 / 30, looks=9)[1] is held
    again = pick(held, Who.largest, [poster, face_at(44, 122, 5, 88)], 1 / 30, looks=9)
    assert again[0] == {5}


@pytest.mark.parametrize(("apart", "kept"), [(40, True), (50, False)])
def test_under_another_id_it_must_be_nearer_than_half_its_size(apart, kept):
    _, held = pick(None, Who.largest, [SMALL, LARGE])
    other = face_at(40 + apart, 120, 9, 90)
    assert pick(held, Who.largest, [SMALL, other], 1 / 30)[0] == ({9} if kept else {2})


def test_the_numbers_are_those_of_the_design():
    assert PATIENCE == 5


@pytest.mark.parametrize(("x", "y", "first"), [(150, 40, 1), (220, 120, 1), (240, 200, 2), (20, 120, 2)])
def test_the_centre_is_the_middle_of_the_picture(x, y, first):
    """The other face is 90 pixels to the right of it."""
    assert pick(None, Who.centre, [face_at(x, y, 1, 40), face_at(250, 120, 2, 40)])[0] == {first}


def test_another_kind_of_choice_chooses_anew():
    _, held = pick(None, Who.largest, [SMALL, LARGE])
    assert pick(held, Who.centre, [SMALL, LARGE], 0.1)[0] == {1}
