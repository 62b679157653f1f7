"""Decides what may leave the machine. Pure: the same facts, state and time always give the same verdict.

=====================================================  ==========================================
situation                                              verdict
=====================================================  ==========================================
camera gone                                            card
the person chose *Show my real face*                   raw
paused, no persona, nothing seen yet                   card
every face in view is swapped, blurred where it is, or
shown by choice, and one at least is swapped           frame
no frame, because a slow step is still at work         what went out last
else, for less than HOLD seconds                       last_good
else                                                   blur or card, as configured
=====================================================  ==========================================
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from visard.daemon.config.settings import WhenLost
from visard.models.face import Face, Sighting

HOLD = 0.5
"""Seconds for which the last good frame stands in."""
GIVE_UP = 3.0
"""Seconds after which a step that is still at work on a frame has failed; until then it is late."""
SETTLE_FRAMES = SETTLE_LOOKS = 5
"""Frames and looks of the detector for which a face that jumped must stay steady to be believed."""
LEFT_LOOKS = 3
"""Looks of the detector after which a face that vanished without being missed has left."""
FORGET = 20
"""Looks of the detector after which a place where a face was says nothing any more."""
UNSEEN = 0.2
"""Seconds of movement at most that are believed of a face while no detector has looked."""


class GuardVerdict(StrEnum):
    """What goes out."""

    frame = "frame"
    last_good = "last-good"
    blur = "blur"
    card = "card"
    raw = "raw"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the person wants and whether the camera works, as far as the guard is concerned."""

    covers: bool = False
    reveal: bool = False
    animate: bool = False
    """The output is made from the portrait alone, so no camera pixel can be in it."""
    when_lost: WhenLost = WhenLost.blur
    camera_gone: bool = False
    late: bool = False
    """No frame came because a slow step is still at work on one."""


@dataclass(frozen=True, slots=True)
class FaceEvidence:
    """What was seen in one frame and what was done about it."""

    sighting: Sighting
    wanted: frozenset[int] | None
    """Ids of the faces that must be swapped; None is every face."""
    swapped: frozenset[int]
    failed: bool = False
    covered: frozenset[int] = frozenset()
    """Ids of the faces that were blurred where they are."""
    shown: frozenset[int] = frozenset()
    """Ids of the faces that may be seen by the person's choice."""


@dataclass(frozen=True, slots=True)
class FaceCounts:
    """What became of the faces in a frame."""

    swapped: int = 0
    covered: int = 0
    """Blurred where they are, or not in the picture that went out instead."""
    shown: int = 0
    """Shown by choice."""


def count_faces(verdict: GuardVerdict, look: FaceEvidence | None) -> FaceCounts:
    """Return what became of the faces that ``look`` is about."""
    if look is None:
        return FaceCounts()
    everybody = len(look.sighting.ids)
    if verdict is GuardVerdict.raw:
        return FaceCounts(shown=everybody)
    if verdict is not GuardVerdict.frame:
        return FaceCounts(covered=everybody)
    return FaceCounts(len(look.swapped - look.shown), len(look.covered), len(look.shown))


@dataclass(frozen=True, slots=True)
class FollowedFace:
    """Where one face was last, and whether it is believed."""

    id: int
    centre: tuple[float, float]
    size: float
    seen: float
    look: int
    """The look of the detector, by number, that came last when it was seen."""
    jumped: int | None = None
    """The look after which it jumped, until it has settled again."""
    steady: int = 0


def continues(old: FollowedFace, new: FollowedFace) -> bool:
    """Whether a head could have gone from one to the other: its own size in a frame, twice that in a gap."""
    small, large = sorted((old.size, new.size))
    gap = min(max(new.seen - old.seen, 0.0), UNSEEN if new.look == old.look else math.inf)
    return math.dist(old.centre, new.centre) <= small * min(2.0, 0.7 + 4 * gap) and large <= 1.7 * small


@dataclass(frozen=True, slots=True)
class GuardState:
    """What the guard remembers between frames."""

    good_at: float | None = None
    tracks: tuple[FollowedFace, ...] = ()
    verdict: GuardVerdict = GuardVerdict.card
    why: str = "starting"
    """The reason for the last verdict, for status and summaries."""


def decide(
    state: GuardState, facts: Facts, look: FaceEvidence | None, now: float
) -> tuple[GuardVerdict, GuardState]:
    """Return the verdict for the frame that ``look`` describes (None: no frame came) at ``now`` seconds."""
    if facts.camera_gone:
        return GuardVerdict.card, GuardState(why="camera gone")
    if facts.reveal:
        return GuardVerdict.raw, GuardState(why="shown on request")
    if not facts.covers:
        return GuardVerdict.card, GuardState(why="paused or no persona")
    tracks = state.tracks if look is None else _follow(state.tracks, look.sighting, now)
    why = _objection(facts, look, tracks)
    if not why:
        return GuardVerdict.frame, GuardState(now, tracks, GuardVerdict.frame, why="")
    if look is None and facts.late:
        verdict, why = _repeated(state), "late"
    else:
        verdict = _stand_in(state, facts, look, now)
    return verdict, replace(state, tracks=tracks, verdict=verdict, why=why)


def _repeated(state: GuardState) -> GuardVerdict:
    """Return what shows again what went out last."""
    return GuardVerdict.last_good if state.verdict is GuardVerdict.frame else state.verdict


def _stand_in(state: GuardState, facts: Facts, look: FaceEvidence | None, now: float) -> GuardVerdict:
    """Return what goes out instead of a frame that must not."""
    if state.good_at is not None and 0 <= now - state.good_at < HOLD:
        return GuardVerdict.last_good
    if facts.animate or (state.good_at is None and look is None):
        return GuardVerdict.card
    return GuardVerdict(facts.when_lost.value)


def _objection(facts: Facts, look: FaceEvidence | None, tracks: tuple[FollowedFace, ...]) -> str:
    """Say why this frame must not go out; empty when it may."""
    if look is None:
        return "no frame"
    found = {face.id for face in look.sighting.faces}
    wanted = found if look.wanted is None else look.wanted
    if facts.animate:
        wanted, tracks = look.swapped, ()
    left = look.sighting.ids - look.swapped - look.covered - look.shown
    if facts.animate:
        left = frozenset()
    objections = (
        (look.failed, "swap failed"),
        (not found or not wanted, "no face"),
        (wanted & set(look.sighting.missing), "a face is missing"),
        (not wanted <= look.swapped & found, "a face was not swapped"),
        (left & set(look.sighting.missing), "a face is missing"),
        (left, "a face is not covered"),
        (any(t.jumped is not None for t in tracks if t.id in wanted), "a face jumped"),
        (look.wanted is None and _left_behind(tracks, found, look.sighting), "a face has just gone"),
    )
    return next((why for objects, why in objections if objects), "")


def _follow(old: tuple[FollowedFace, ...], sighting: Sighting, now: float) -> tuple[FollowedFace, ...]:
    before = {track.id: track for track in old}
    here = {face.id: _advance(before.get(face.id), face, now, sighting.looks) for face in sighting.faces}
    absent = [t for t in old if t.id not in here and sighting.looks - t.look < FORGET]
    return (*here.values(), *absent)


def _advance(old: FollowedFace | None, face: Face, now: float, looks: int) -> FollowedFace:
    new = FollowedFace(face.id, face.centre, face.size, now, looks)
    if not (math.isfinite(sum(new.centre)) and 0 < new.size < math.inf):
        return FollowedFace(face.id, (0.0, 0.0), 1.0, now, looks, jumped=looks)
    if old is None:
        return new
    if not continues(old, new):
        return replace(new, jumped=looks)
    if old.jumped is None or (old.steady + 1 >= SETTLE_FRAMES and looks - old.jumped >= SETTLE_LOOKS):
        return new
    return replace(new, jumped=old.jumped, steady=old.steady + 1)


def _left_behind(tracks: tuple[FollowedFace, ...], found: set[int], sighting: Sighting) -> bool:
    """Whether a face vanished moments ago, without being missed, from a place where no face is now."""
    here = [t for t in tracks if t.id in found]
    recent = (t for t in tracks if t.id not in sighting.ids and sighting.looks - t.look < LEFT_LOOKS)
    return any(not any(continues(gone, replace(t, seen=gone.seen)) for t in here) for gone in recent)
