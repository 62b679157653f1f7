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
    _, held = pick(None, Who.largest, [SMALL, LARGE])
    assert pick(held, Who.largest, [SMALL], 0.1)[0] == {2}
    assert pick(held, Who.largest, [SMALL], 60, looks=PATIENCE - 1)[0] == {2}
    assert pick(held, Who.largest, [SMALL], 60, missing=[2], looks=99)[0] == {2}
    assert pick(held, Who.largest, [SMALL], 0.1, looks=PATIENCE)[0] == {1}


def test_a_choice_found_again_under_a_new_id_is_kept():
    _, held = pick(None, Who.largest, [SMALL, LARGE])
    assert pick(held, Who.largest, [SMALL, face_at(45, 118, 9, 88)], 0.1)[0] == {9}


def test_another_kind_of_choice_chooses_anew():
    _, held = pick(None, Who.largest, [SMALL, LARGE])
    assert pick(held, Who.centre, [SMALL, LARGE], 0.1)[0] == {1}
