"""The guard: the table of the design, then its whole input space."""

import itertools
import math
from dataclasses import replace

import pytest
from fakes import face_at
from hypothesis import given, settings
from hypothesis import strategies as st

from visard.daemon.config.settings import WhenLost
from visard.daemon.guard.rules import (
    GIVE_UP,
    HOLD,
    SETTLE_TIME,
    FaceEvidence,
    Facts,
    GuardState,
    GuardVerdict,
    decide,
)
from visard.models.face import Sighting

ON = Facts(covers=True)
FRAME = 1 / 30


def look(*faces, swapped=None, missing=(), wanted=None, failed=False):
    done = {face.id for face in faces} if swapped is None else swapped
    return FaceEvidence(Sighting(faces, tuple(missing)), wanted, frozenset(done), failed)


ALICE, BOB = face_at(100, 100, 1), face_at(300, 100, 2)


@pytest.mark.parametrize(
    ("facts", "seen", "good_ago", "verdict"),
    [
        (ON, look(ALICE), None, GuardVerdict.frame),
        (ON, look(ALICE, BOB), None, GuardVerdict.frame),
        (ON, look(), 0.1, GuardVerdict.last_good),
        (ON, look(), HOLD, GuardVerdict.blur),
        (ON, look(), None, GuardVerdict.blur),
        (ON, None, None, GuardVerdict.card),
        (ON, None, 0.1, GuardVerdict.last_good),
        (ON, None, 2, GuardVerdict.blur),
        (ON, look(ALICE, BOB, swapped={1}), None, GuardVerdict.blur),
        (ON, look(ALICE, missing=[2]), 0.1, GuardVerdict.last_good),
        (ON, look(ALICE, failed=True), 0.1, GuardVerdict.last_good),
        (ON, look(ALICE, BOB, swapped={1}, wanted=frozenset({1})), None, GuardVerdict.frame),
        (ON, look(BOB, swapped={2}, wanted=frozenset({1})), None, GuardVerdict.blur),
        (ON, look(ALICE, BOB, swapped=(), wanted=frozenset()), None, GuardVerdict.blur),
        (ON, look(ALICE, missing=[2], wanted=frozenset({1})), None, GuardVerdict.frame),
        (ON, look(ALICE, missing=[1], wanted=frozenset({1})), None, GuardVerdict.blur),
        (Facts(covers=True, when_lost=WhenLost.card), look(), 2, GuardVerdict.card),
        (Facts(), look(ALICE), 0.1, GuardVerdict.card),
        (Facts(reveal=True), look(), None, GuardVerdict.raw),
        (Facts(covers=True, reveal=True), look(ALICE), 0.1, GuardVerdict.raw),
        (Facts(covers=True, reveal=True, camera_gone=True), None, 0.1, GuardVerdict.card),
        (Facts(covers=True, camera_gone=True), None, 0.1, GuardVerdict.card),
        (Facts(covers=True, animate=True), look(ALICE), None, GuardVerdict.frame),
        (Facts(covers=True, animate=True), look(), 0.1, GuardVerdict.last_good),
        (Facts(covers=True, animate=True), look(), 2, GuardVerdict.card),
    ],
)
def test_table(facts, seen, good_ago, verdict):
    state = GuardState(None if good_ago is None else 100 - good_ago)
    assert decide(state, facts, seen, 100.0)[0] is verdict


def play(*looks, facts=ON, gap=FRAME):
    """Run looks one frame apart and return the verdicts."""
    state, verdicts = GuardState(), []
    for number, seen in enumerate(looks):
        verdict, state = decide(state, facts, seen, 10 + number * gap)
        verdicts.append(verdict)
    return verdicts


def test_a_face_that_moves_as_people_do_is_believed():
    path = [look(face_at(100 + 300 * math.sin(n / 10), 100, 1)) for n in range(60)]
    assert set(play(*path)) == {GuardVerdict.frame}


def test_a_face_that_jumps_is_lost_until_it_has_settled():
    stays = int(SETTLE_TIME / FRAME)
    verdicts = play(look(ALICE), *[look(face_at(300, 100, 1))] * (stays + 3))
    assert GuardVerdict.frame not in verdicts[1:stays]
    assert verdicts[-1] is GuardVerdict.frame


def test_a_settled_face_waits_while_another_is_missing():
    verdicts = play(look(ALICE, BOB), *[look(face_at(300, 100, 1), missing=[2])] * 90)
    assert set(verdicts[1:]) == {GuardVerdict.last_good, GuardVerdict.blur}


def test_jumping_on_and_on_never_settles():
    verdicts = play(look(ALICE), *[look(face_at(100 + 300 * (n % 2), 100, 1)) for n in range(1, 90)])
    assert GuardVerdict.frame not in verdicts[1:]


def test_a_face_that_changes_size_at_once_has_jumped():
    assert play(look(ALICE), look(face_at(100, 100, 1, size=200)))[1] is GuardVerdict.last_good


def test_a_vanished_face_holds_even_when_nobody_calls_it_missing():
    verdicts = play(look(ALICE, BOB), *[look(ALICE)] * 30)
    held = int(HOLD / FRAME)
    assert set(verdicts[1:held]) == {GuardVerdict.last_good}
    assert verdicts[-1] is GuardVerdict.frame


def test_the_same_place_under_a_new_id_is_the_same_face():
    assert play(look(ALICE), look(face_at(102, 101, 7))) == [GuardVerdict.frame] * 2


def test_a_poster_that_takes_over_at_once_is_held():
    assert play(look(ALICE), look(face_at(400, 90, 5)))[1] is GuardVerdict.last_good


def test_nonsense_landmarks_are_lost():
    assert play(look(face_at(math.nan, 100, 1)))[0] is GuardVerdict.blur
    assert play(look(face_at(100, 100, 1, size=0)))[0] is GuardVerdict.blur


def test_pausing_drops_the_last_good_frame():
    _, state = decide(GuardState(), ON, look(ALICE), 1.0)
    _, state = decide(state, Facts(), look(ALICE), 1.1)
    assert decide(state, ON, look(), 1.2)[0] is GuardVerdict.blur


def test_every_combination_of_small_cases():
    faces = [(), (ALICE,), (BOB,), (ALICE, BOB)]
    swaps = [frozenset(), frozenset({1}), frozenset({1, 2})]
    wants = [None, frozenset(), frozenset({1}), frozenset({3})]
    facts = [Facts(*bits) for bits in itertools.product((0, 1), (0, 1), (0, 1), WhenLost, (0, 1))]
    looks = [None] + [
        FaceEvidence(Sighting(f, m), w, s, bool(x))
        for f, m, w, s, x in itertools.product(faces, [(), (1,), (9,)], wants, swaps, (0, 1))
    ]
    for fact, seen, good in itertools.product(facts, looks, (None, 9.9, 5.0)):
        check(GuardState(good), fact, seen, 10.0)


def check(state, facts, seen, now):
    """Judge one verdict by the rules as a person would state them."""
    verdict, after = decide(state, facts, seen, now)
    recent = state.good_at is not None and 0 <= now - state.good_at < HOLD
    if verdict is GuardVerdict.raw:
        assert facts.reveal
    if facts.camera_gone or (not facts.covers and not facts.reveal):
        assert verdict is GuardVerdict.card
    if verdict is GuardVerdict.last_good:
        assert recent
    if verdict is GuardVerdict.frame:
        assert facts.covers
        assert not facts.reveal
        assert seen is not None
        assert not seen.failed
        found = {face.id for face in seen.sighting.faces}
        if facts.animate:
            assert seen.swapped & found
        else:
            must = found if seen.wanted is None else seen.wanted
            assert must
            assert must <= found & seen.swapped
            assert not (must & set(seen.sighting.missing))
            assert seen.wanted is not None or not seen.sighting.missing
        assert after.good_at == now
        assert after.why == ""
    else:
        assert after.why
        assert after.good_at in (None, state.good_at)
    return after


numbers = st.integers(-50, 700) | st.floats(allow_nan=True, allow_infinity=True, width=32)
some_faces = st.lists(
    st.builds(face_at, numbers, numbers, st.integers(1, 4), st.sampled_from([0.0, 40.0, 96.0, 400.0])),
    max_size=3,
    unique_by=lambda face: face.id,
)
ids = st.frozensets(st.integers(1, 4))
looks = st.none() | st.builds(
    FaceEvidence,
    st.builds(Sighting, some_faces.map(tuple), ids.map(tuple)),
    st.none() | ids,
    ids,
    st.booleans(),
)
some_facts = st.builds(
    Facts, st.booleans(), st.booleans(), st.booleans(), st.sampled_from(WhenLost), st.booleans()
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(some_facts, looks, st.floats(0, 3)), max_size=12))
def test_any_history_keeps_the_rules(steps):
    state, now = GuardState(), 0.0
    for facts, seen, gap in steps:
        now += gap
        state = check(state, facts, seen, now)
        assert len(state.tracks) <= 8


@pytest.mark.parametrize("lost", list(WhenLost))
def test_late_is_not_failed(lost: WhenLost) -> None:
    """While a slow step is at work what went out last goes out again, however long the hold is over."""
    facts = Facts(covers=True, when_lost=lost)
    verdict, state = decide(GuardState(), facts, look(ALICE), 0.0)
    assert verdict is GuardVerdict.frame
    for now in (0.1, HOLD + 0.1, GIVE_UP - 0.1):
        verdict, state = decide(state, replace(facts, late=True), None, now)
        assert (verdict, state.why) == (GuardVerdict.last_good, "late")
    verdict, state = decide(state, facts, None, GIVE_UP + 0.1)
    assert (verdict.value, state.why) == (lost.value, "no frame")
    verdict, state = decide(state, replace(facts, late=True), None, GIVE_UP + 0.2)
    assert verdict.value == lost.value, "what was hidden once is not shown again for being late"


def test_being_late_shows_nothing_that_was_not_good() -> None:
    late = Facts(covers=True, late=True)
    assert decide(GuardState(), late, None, 0.0)[0] is GuardVerdict.card
    _, revealed = decide(GuardState(), Facts(covers=True, reveal=True), look(ALICE), 0.0)
    assert decide(revealed, late, None, 0.1)[0] is GuardVerdict.card
    _, failed = decide(GuardState(), Facts(covers=True), look(ALICE, failed=True), 0.0)
    assert decide(failed, late, None, 0.1)[0] is not GuardVerdict.last_good
    assert decide(failed, replace(late, covers=False), None, 0.1)[0] is GuardVerdict.card
    assert decide(failed, replace(late, camera_gone=True), None, 0.1)[0] is GuardVerdict.card
