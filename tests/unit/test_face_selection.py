"""Which faces are swapped, which may be seen, and who is kept: chosen by a rule, or recognised."""

import numpy as np
import pytest
from fakes import face_at

from visard.daemon.config.enrolment import Enrolled
from visard.daemon.config.settings import Settings, Who
from visard.daemon.media.frame import Format
from visard.daemon.pipeline import face_selection
from visard.daemon.pipeline.face_selection import CHOICE, PATIENCE, FaceSelector, choose, followed
from visard.daemon.pipeline.recipe import Switches
from visard.models.face import Sighting, UntrackedFace

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


FAR = UntrackedFace(3, (300, 30), 20, 19)
GONE = UntrackedFace(4, (20, 200), 50, 80)
ROOM = Sighting((SMALL, LARGE), (GONE.id,), 1, (FAR, GONE))
"""Two faces, one that only a detector sees, and one that was lost."""
NOBODY = frozenset()
IMAGE = np.zeros((240, 320, 3), np.uint8)


class Recognised:
    """Knows what it is told of each face; stands in for the identifier."""

    opened = 0

    def __init__(self, known):
        self.known = known

    def __call__(self, _embeddings, *, wait):
        self.opened += 1
        return lambda image, faces, now: {face.id: self.known.get(face.id) for face in faces}


@pytest.fixture
def selector():
    return FaceSelector(Format(320, 240, 30), wait=True)


@pytest.fixture
def recognised(monkeypatch):
    def recognised(known):
        fake = Recognised(known)
        monkeypatch.setattr(face_selection, "Identifier", fake)
        return fake

    return recognised


def select(selector, sighting=ROOM, *, enrolled=None, animate=False, now=0.0, **settings):
    switches = Switches(Settings(**settings), enrolled=enrolled)
    return selector(IMAGE, sighting, switches, now, animate=animate)


@pytest.mark.parametrize("bystanders", [False, True])
@pytest.mark.parametrize(("who", "wanted"), [("all", None), ("largest", {2}), ("centre", {1})])
def test_who_is_chosen_is_wanted_and_others_are_seen_only_if_bystanders_may(
    selector, who, bystanders, wanted
):
    """A face that was lost may be the chosen one, so it is never seen."""
    chosen = select(selector, who=who, bystanders=bystanders)
    assert chosen.wanted == wanted
    assert {face.id for face in chosen.faces} == ({1, 2} if wanted is None else wanted)
    others = {1, 2, FAR.id} - wanted if wanted else NOBODY
    assert chosen.shown == (others if bystanders else NOBODY)


@pytest.mark.parametrize("bystanders", [False, True])
@pytest.mark.parametrize("who", list(Who))
@pytest.mark.parametrize("first", [True, False, None])
@pytest.mark.parametrize("second", [True, False, None])
def test_the_recognised_driver_alone_is_wanted_whoever_was_chosen(
    selector, recognised, first, second, who, bystanders
):
    """Somebody who is not known yet is neither swapped nor seen, nor is anybody without landmarks."""
    known = {1: first, 2: second}
    recognised(known)
    chosen = select(selector, enrolled=Enrolled.unknown(), who=who, bystanders=bystanders)
    assert chosen.wanted == {face for face in known if known[face] is True}
    assert {face.id for face in chosen.faces} == chosen.wanted
    assert chosen.shown == ({face for face in known if known[face] is False} if bystanders else NOBODY)


def test_the_driver_who_is_lost_leaves_nobody_to_be_wanted(selector, recognised):
    recognised({1: False, 2: True})
    enrolled = Enrolled.unknown()
    assert select(selector, enrolled=enrolled).wanted == {2}
    lost = Sighting((SMALL,), (2,), 2, (UntrackedFace(2, LARGE.centre, LARGE.size, 100),))
    chosen = select(selector, lost, enrolled=enrolled, bystanders=True, now=0.1)
    assert (chosen.wanted, chosen.faces, chosen.shown) == (NOBODY, (), {1})


def test_without_a_view_of_the_driver_nobody_is_known(selector):
    """Not even strangers: the real identifier says of everybody that it does not know."""
    for frame in range(60):
        chosen = select(selector, enrolled=Enrolled.unknown(), bystanders=True, now=frame / 30)
        assert (chosen.wanted, chosen.faces, chosen.shown) == (NOBODY, (), NOBODY)


def test_another_enrolment_is_another_identifier(selector, recognised):
    fake, one, other = recognised({1: True}), Enrolled.unknown(), Enrolled.unknown()
    for enrolled in (one, one, other, other, one):
        select(selector, enrolled=enrolled)
    assert fake.opened == 3


def test_a_portrait_is_moved_by_one(selector):
    assert select(selector, animate=True).wanted == {2}
    assert select(selector, animate=True, who="centre").wanted == {1}


def test_the_portrait_is_moved_by_the_driver_alone(selector, recognised):
    recognised({1: True, 2: False})
    assert select(selector, enrolled=Enrolled.unknown(), animate=True).wanted == {1}


def test_a_cut_lets_somebody_else_be_chosen(selector):
    grown = Sighting((face_at(160, 120, 1, 140), LARGE), (), 1)
    assert select(selector, who="largest").wanted == {2}
    assert select(selector, grown, who="largest", now=0.1).wanted == {2}
    selector.cut()
    assert select(selector, grown, who="largest", now=0.2).wanted == {1}


@pytest.mark.parametrize("most", [1, 2, 8])
def test_whoever_is_chosen_or_recognised_is_so_among_several(most):
    """A limit of one would follow the first who came."""
    settings = Settings(max_faces=most)
    assert followed(Switches(settings)) == most
    assert followed(Switches(settings, enrolled=Enrolled.unknown())) == max(most, CHOICE)
    for who in (Who.largest, Who.centre):
        assert followed(Switches(settings.model_copy(update={"who": who}))) == max(most, CHOICE)
