"""Which faces are swapped: all, or one that is kept for as long as it can be seen."""

import math
from dataclasses import dataclass

from visard.daemon.settings import Who
from visard.models.face import Face, Sighting

PATIENCE = 1.0
"""Seconds for which a chosen face that left is waited for before another may be chosen."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The face chosen, and where and when it was last seen."""

    who: Who
    id: int
    centre: tuple[float, float]
    size: float
    seen: float


def choose(
    held: Choice | None, who: Who, sighting: Sighting, width: int, height: int, now: float
) -> tuple[frozenset[int] | None, Choice | None]:
    """Return the ids that must be swapped (None: every face) and the choice to pass in next time.

    A chosen face that cannot be found stays chosen, so that the guard calls the frame lost and no
    other face takes its place.
    """
    if who is Who.all:
        return None, None
    if held is not None and held.who is who:
        face = _again(held, sighting)
        if face is not None:
            return frozenset({face.id}), _hold(who, face, now)
        if held.id in sighting.missing or now - held.seen < PATIENCE:
            return frozenset({held.id}), held
    if not sighting.faces:
        return frozenset(), None
    face = _best(who, sighting.faces, width, height)
    return frozenset({face.id}), _hold(who, face, now)


def _hold(who: Who, face: Face, now: float) -> Choice:
    return Choice(who, face.id, face.centre, face.size, now)


def _again(held: Choice, sighting: Sighting) -> Face | None:
    """Find the held face by its id, or under a new id in its old place."""
    for face in sighting.faces:
        if face.id == held.id:
            return face
    for face in sighting.faces:
        if math.dist(face.centre, held.centre) < held.size / 2 and 0.6 < face.size / held.size < 1.7:
            return face
    return None


def _best(who: Who, faces: tuple[Face, ...], width: int, height: int) -> Face:
    if who is Who.largest:
        return max(faces, key=lambda face: face.size)
    return min(faces, key=lambda face: math.dist(face.centre, (width / 2, height / 2)))
