"""Every face of a frame counts: what was done about each, for every way in which it may be known."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from fakes import face_at

from visard.daemon.guard.rules import (
    FaceCounts,
    FaceEvidence,
    Facts,
    GuardState,
    GuardVerdict,
    count_faces,
    decide,
)
from visard.models.face import Face, Sighting, UntrackedFace

ON, ANIMATE = Facts(covers=True), Facts(covers=True, animate=True)
FATES = ("swapped", "covered", "shown", "nothing")
KNOWN_AS = ("tracked", "missing", "untracked")
Fate = tuple[str, str]
"""What was done about a face, and how it is known."""


@cache
def face(number: int) -> Face:
    return face_at(200 * number, 100, number)


def evidence(
    fates: Sequence[Fate], wanted: frozenset[int] | None = None, failed: bool = False
) -> FaceEvidence:
    """Return the evidence of faces 1, 2 ... with these fates."""
    known = {word: [n for n, (_, how) in enumerate(fates, 1) if how == word] for word in KNOWN_AS}
    done = {word: frozenset(n for n, (what, _) in enumerate(fates, 1) if what == word) for word in FATES}
    places = (UntrackedFace(n, (200.0 * n, 100.0), 96, 91) for n in known["missing"] + known["untracked"])
    sighting = Sighting(tuple(map(face, known["tracked"])), tuple(known["missing"]), 1, tuple(places))
    return FaceEvidence(sighting, wanted, done["swapped"], failed, done["covered"], done["shown"])


def verdict(look: FaceEvidence, facts: Facts = ON) -> GuardVerdict:
    return decide(GuardState(), facts, look, 1.0)[0]


@cache
def everything() -> list[tuple[tuple[Fate, ...], frozenset[int] | None]]:
    """Return faces with every fate each, and what may be wanted: of two all, of three the first or all."""
    kinds = list(itertools.product(FATES, KNOWN_AS))
    few = [fates for count in range(3) for fates in itertools.product(kinds, repeat=count)]
    wishes = [None, *(frozenset(ids) for n in range(3) for ids in itertools.combinations((1, 2, 9), n))]
    three = itertools.combinations_with_replacement(kinds, 3)
    return [*itertools.product(few, wishes), *itertools.product(three, (None, frozenset({1})))]


def may_go_out(fates: Sequence[Fate], wanted: frozenset[int] | None) -> bool:
    """Say so as a person would."""
    tracked = {n for n, (_, how) in enumerate(fates, 1) if how == "tracked"}
    nobody_forgotten = all(what != "nothing" for what, _ in fates)
    must = tracked if wanted is None else wanted
    return (
        nobody_forgotten and bool(must) and all(n in tracked and fates[n - 1][0] == "swapped" for n in must)
    )


def test_a_frame_goes_out_only_if_something_was_done_about_every_face() -> None:
    went = 0
    for fates, wanted in everything():
        out = verdict(evidence(fates, wanted)) is GuardVerdict.frame
        assert out == may_go_out(fates, wanted), (fates, wanted)
        went += out
    assert went > 30


def test_after_a_failure_nothing_goes_out() -> None:
    assert all(
        verdict(evidence(fates, wanted, failed=True), facts) is not GuardVerdict.frame
        for fates, wanted in everything()
        for facts in (ON, ANIMATE)
    )


def test_a_portrait_goes_out_if_one_face_moved_it_whatever_becomes_of_others() -> None:
    for fates, wanted in everything():
        moved = [how for what, how in fates if what == "swapped"]
        out = verdict(evidence(fates, wanted), ANIMATE) is GuardVerdict.frame
        assert out == (bool(moved) and set(moved) == {"tracked"}), (fates, wanted)


@pytest.mark.parametrize("how", KNOWN_AS)
def test_one_more_face_about_which_nothing_was_done_holds_any_frame(how: str) -> None:
    for fates, wanted in everything():
        if len(fates) < 3 and may_go_out(fates, wanted):
            assert verdict(evidence((*fates, ("nothing", how)), wanted)) is not GuardVerdict.frame


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("missing", "a face is missing"),
        ("untracked", "a face is not covered"),
        ("tracked", "a face is not covered"),
    ],
)
def test_the_reason_says_what_is_wrong_with_it(how: str, why: str) -> None:
    look = evidence([("swapped", "tracked"), ("nothing", how)], wanted=frozenset({1}))
    assert decide(GuardState(), ON, look, 1.0)[1].why == why


def test_of_a_missing_face_somebody_must_have_said_where_it_was() -> None:
    """A tracker that says only that it misses a face lets nothing be covered."""
    look = replace(evidence([("swapped", "tracked")]), sighting=Sighting((face_at(200, 100, 1),), (2,), 1))
    state = decide(GuardState(), ON, look, 1.0)[1]
    assert (state.verdict, state.why) == (GuardVerdict.blur, "a face is missing")
    assert verdict(replace(look, covered=frozenset({2}))) is GuardVerdict.frame


def test_a_face_that_vanished_and_is_neither_missed_nor_covered_holds_the_frame() -> None:
    both = evidence([("swapped", "tracked"), ("swapped", "tracked")])
    _, state = decide(GuardState(), ON, both, 1.0)
    assert decide(state, ON, evidence([("swapped", "tracked")]), 1.03)[0] is GuardVerdict.last_good
    for how in ("missing", "untracked"):
        covered = evidence([("swapped", "tracked"), ("covered", how)])
        assert decide(state, ON, covered, 1.03)[0] is GuardVerdict.frame


def test_counts_say_what_became_of_every_face() -> None:
    for fates, wanted in everything():
        look = evidence(fates, wanted)
        everybody = len(fates)
        for kind in GuardVerdict:
            counts = count_faces(kind, look)
            if kind is GuardVerdict.raw:
                assert counts == FaceCounts(shown=everybody)
            elif kind is not GuardVerdict.frame:
                assert counts == FaceCounts(covered=everybody)
            elif may_go_out(fates, wanted):
                names = [what for what, _ in fates]
                assert counts == FaceCounts(*(names.count(word) for word in ("swapped", "covered", "shown")))
    assert all(count_faces(kind, None) == FaceCounts() for kind in GuardVerdict)


def test_a_swapped_face_that_can_be_recognised_counts_as_shown() -> None:
    look = evidence([("swapped", "tracked"), ("swapped", "tracked"), ("covered", "untracked")])
    look = replace(look, shown=frozenset({2}))
    assert verdict(look) is GuardVerdict.frame
    assert count_faces(GuardVerdict.frame, look) == FaceCounts(1, 1, 1)
