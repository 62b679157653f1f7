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
    FORGET,
    GIVE_UP,
    HOLD,
    LEFT_LOOKS,
    SETTLE_FRAMES,
    SETTLE_LOOKS,
    UNSEEN,
    FaceEvidence,
    Facts,
    GuardState,
    GuardVerdict,
    decide,
)
from visard.models.face import Sighting, UntrackedFace

ON = Facts(covers=True)
FRAME = 1 / 30


def look(*faces, swapped=None, missing=(), wanted=None, failed=False, looks=0, covered=()):
    done = {face.id for face in faces} if swapped is None else swapped
    sighting = Sighting(faces, tuple(missing), looks)
    return FaceEvidence(sighting, wanted, frozenset(done), failed, frozenset(covered))


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
        (ON, look(ALICE, BOB, swapped={1}, wanted=frozenset({1}), covered=[2]), None, GuardVerdict.frame),
        (ON, look(ALICE, BOB, swapped={1}, wanted=frozenset({1})), None, GuardVerdict.blur),
        (ON, look(BOB, swapped={2}, wanted=frozenset({1})), None, GuardVerdict.blur),
        (ON, look(ALICE, BOB, swapped=(), wanted=frozenset()), None, GuardVerdict.blur),
        (ON, look(ALICE, missing=[2], wanted=frozenset({1}), covered=[2]), None, GuardVerdict.frame),
        (ON, look(ALICE, missing=[2], wanted=frozenset({1})), None, GuardVerdict.blur),
        (ON, look(ALICE, missing=[2], covered=[2]), None, GuardVerdict.frame),
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


def jumped(*looks, first=0):
    """Jump, then stay for as many frames as ``looks`` numbers; return how many of these were held."""
    there = face_at(300, 100, 1)
    stays = [look(there, looks=first + number) for number in looks]
    verdicts = play(look(ALICE, looks=first), look(there, looks=first), *stays)
    assert verdicts[1] is GuardVerdict.last_good
    held = [verdict is not GuardVerdict.frame for verdict in verdicts[2:]]
    assert held == sorted(held, reverse=True), "once believed, it stays so"
    return sum(held)


@pytest.mark.parametrize(
    ("sizes", "gap", "looks", "believed"),
    [
        (0.8, FRAME, 0, True),
        (0.87, FRAME, 0, False),
        (0.87, FRAME, 1, False),
        (1.45, UNSEEN, 0, True),
        (1.55, UNSEEN, 0, False),
        (1.55, 0.3, 1, True),
        (2.05, 60, 1, False),
    ],
)
def test_how_far_a_head_can_have_gone(sizes, gap, looks, believed):
    away = look(face_at(100 + sizes * 96, 100, 1), looks=looks)
    assert (play(look(ALICE), away, gap=gap)[1] is GuardVerdict.frame) is believed


@pytest.mark.parametrize(("size", "believed"), [(160, True), (166, False), (58, True), (55, False)])
def test_how_much_a_head_can_have_grown(size, believed):
    assert (play(look(ALICE), look(face_at(100, 100, 1, size)))[1] is GuardVerdict.frame) is believed


def test_a_face_that_jumps_is_lost_until_the_detector_has_looked_often_enough():
    assert jumped(*[0] * 300) == 300, "time alone proves nothing"
    assert jumped(*[SETTLE_LOOKS - 1] * 300) == 300
    assert jumped(*range(1, 30)) == SETTLE_LOOKS - 1 == SETTLE_FRAMES - 1
    assert jumped(*range(1, 30), first=1000) == SETTLE_LOOKS - 1
    assert jumped(*[SETTLE_LOOKS - 1] * 30, first=1000) == 30
    assert jumped(*[SETTLE_LOOKS] * 30) == SETTLE_FRAMES - 1, "one picture proves little"
    assert jumped(*[n // 6 for n in range(60)]) == 6 * SETTLE_LOOKS, "a second at thirty a second"


def test_after_a_gap_a_face_may_be_farther_away_only_if_the_detector_has_looked():
    far = face_at(100 + 1.9 * 96, 100, 1)
    for gap in (UNSEEN, 0.4, 3.0):
        assert play(look(ALICE), look(far), gap=gap)[1] is not GuardVerdict.frame
    assert play(look(ALICE), look(far, looks=1), gap=0.4)[1] is GuardVerdict.frame
    assert play(look(ALICE), look(face_at(100 + 2.1 * 96, 100, 1), looks=1), gap=9)[1] is GuardVerdict.blur


def test_a_settled_face_waits_while_another_is_missing():
    verdicts = play(look(ALICE, BOB), *[look(face_at(300, 100, 1), missing=[2], looks=n) for n in range(90)])
    assert set(verdicts[1:]) == {GuardVerdict.last_good, GuardVerdict.blur}


def test_jumping_on_and_on_never_settles():
    path = [look(face_at(100 + 300 * (n % 2), 100, 1), looks=n) for n in range(1, 90)]
    verdicts = play(look(ALICE), *path)
    assert GuardVerdict.frame not in verdicts[1:]


def test_a_face_that_changes_size_at_once_has_jumped():
    assert play(look(ALICE), look(face_at(100, 100, 1, size=200)))[1] is GuardVerdict.last_good


def test_a_vanished_face_holds_even_when_nobody_calls_it_missing():
    verdicts = play(look(ALICE, BOB), *[look(ALICE, looks=n // 2) for n in range(12)])
    later = play(look(ALICE, BOB, looks=90), *[look(ALICE, looks=90 + n // 2) for n in range(12)])
    assert later == verdicts
    held = 2 * LEFT_LOOKS
    assert verdicts[1:] == [GuardVerdict.last_good] * held + [GuardVerdict.frame] * (12 - held)
    assert GuardVerdict.frame not in play(look(ALICE, BOB), *[look(ALICE)] * 90)[1:], "nobody has looked"


def test_each_vanished_face_must_have_one_in_its_place():
    again = face_at(102, 101, 7)
    assert play(look(ALICE, BOB), look(again, BOB))[1] is GuardVerdict.frame
    assert play(look(ALICE, BOB), look(again))[1] is GuardVerdict.last_good
    assert play(look(ALICE, BOB), look(again, face_at(600, 100, 8)))[1] is GuardVerdict.last_good


def test_bystanders_may_come_and_go():
    one = {"wanted": frozenset({1}), "swapped": {1}, "covered": {2}}
    assert play(look(ALICE, BOB, **one), look(ALICE, **one)) == [GuardVerdict.frame] * 2


@pytest.mark.parametrize(
    ("looks", "verdict"), [(FORGET - 1, GuardVerdict.blur), (FORGET, GuardVerdict.frame)]
)
def test_an_id_that_returns_elsewhere_has_jumped_unless_it_was_long_ago(looks, verdict):
    """Long ago is counted in looks of the detector."""
    elsewhere = look(face_at(400, 100, 1), looks=50 + looks)
    assert play(look(ALICE, looks=50), look(looks=50 + looks), elsewhere, gap=HOLD)[2] is verdict


def test_the_same_place_under_a_new_id_is_the_same_face():
    assert play(look(ALICE), look(face_at(102, 101, 7))) == [GuardVerdict.frame] * 2


def test_a_poster_that_takes_over_at_once_is_held():
    assert play(look(ALICE), look(face_at(400, 90, 5)))[1] is GuardVerdict.last_good


def test_nonsense_landmarks_are_lost():
    for x, y in ((math.nan, 100), (100, math.nan), (math.inf, 100), (100, -math.inf)):
        assert play(look(face_at(x, y, 1)))[0] is GuardVerdict.blur
    assert play(look(face_at(100, 100, 1, size=0)))[0] is GuardVerdict.blur


def test_the_numbers_are_those_of_the_design():
    """Tests above take them as they are; a change of one is a change of what people are promised."""
    assert (HOLD, GIVE_UP, UNSEEN) == (0.5, 3.0, 0.2)
    assert (SETTLE_FRAMES, SETTLE_LOOKS, LEFT_LOOKS, FORGET) == (5, 5, 3, 20)


def test_being_late_excuses_nothing_of_a_frame_that_came():
    late = replace(ON, late=True)
    _, state = decide(GuardState(), late, look(ALICE), 10.0)
    assert decide(state, late, look(ALICE, BOB, swapped={1}), 12.0)[0] is GuardVerdict.blur


def test_a_portrait_goes_out_whatever_else_is_in_the_camera():
    """Nothing of the camera's picture is in it, so only the one driver counts."""
    moved = Facts(covers=True, animate=True)
    one = {"swapped": {1}, "wanted": frozenset({1})}
    assert set(play(look(ALICE, BOB, **one), look(face_at(400, 100, 1), BOB, **one), facts=moved)) == {
        GuardVerdict.frame
    }
    assert play(look(ALICE, swapped={1}, missing=[2]), facts=moved) == [GuardVerdict.frame]
    assert play(look(ALICE, swapped=()), facts=moved) == [GuardVerdict.card]
    assert play(look(ALICE, failed=True), facts=moved) == [GuardVerdict.card]


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
            assert seen.sighting.ids <= seen.swapped | seen.covered | seen.shown
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


def untracked(numbers):
    return tuple(UntrackedFace(number, (50.0 * number, 40.0), 30.0, 60.0) for number in numbers)


looks = st.none() | st.builds(
    FaceEvidence,
    st.builds(Sighting, some_faces.map(tuple), ids.map(tuple), st.integers(0, 40), ids.map(untracked)),
    st.none() | ids,
    ids,
    st.booleans(),
    ids,
    ids,
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
