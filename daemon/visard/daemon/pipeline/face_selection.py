"""Which faces are swapped: all, or one that is kept for as long as it can be seen."""

import math
from dataclasses import dataclass

from visard.daemon.config.settings import Settings, Who
from visard.daemon.guard.rules import FollowedFace, continues
from visard.models.face import Face, Sighting

PATIENCE = 5
"""Looks of the detector for which a chosen face that left is waited for before another may be chosen."""


CHOICE = 4
"""Faces among which one is chosen at least, so that a limit of one does not choose the first that came."""


def followed(settings: Settings) -> int:
    """Return how many faces must be followed."""
    return settings.max_faces if settings.who is Who.all else max(settings.max_faces, CHOICE)


@dataclass(frozen=True, slots=True)
class Choice:
    """The face chosen, and where it was last."""

    who: Who
    track: FollowedFace


def choose(
    held: Choice | None, who: Who, sighting: Sighting, width: int, height: int, now: float
) -> tuple[frozenset[int] | None, Choice | None]:
    """Return the ids that must be swapped (None: every face) and the choice to pass in next time.

    A chosen face that cannot be found stays chosen, so that the guard calls the frame lost and no
    other face takes its place. Where a face was says more than its id, which may land on a poster.
    """
    if who is Who.all:
        return None, None
    if held is not None and held.who is who:
        track = _again(held.track, sighting, now)
        if track is not None:
            return frozenset({track.id}), Choice(who, track)
        if held.track.id in sighting.missing or sighting.looks - held.track.look < PATIENCE:
            return frozenset({held.track.id}), held
    if not sighting.faces:
        return frozenset(), None
    track = _track(_best(who, sighting.faces, width, height), sighting, now)
    return frozenset({track.id}), Choice(who, track)


def _track(face: Face, sighting: Sighting, now: float) -> FollowedFace:
    return FollowedFace(face.id, face.centre, face.size, now, sighting.looks)


def _again(held: FollowedFace, sighting: Sighting, now: float) -> FollowedFace | None:
    """Find the held face under its id where it can have gone, or under another id in its old place."""
    tracks = [_track(face, sighting, now) for face in sighting.faces]
    for track in tracks:
        if track.id == held.id and continues(held, track):
            return track
    for track in tracks:
        if continues(held, track) and math.dist(track.centre, held.centre) < held.size / 2:
            return track
    return None


def _best(who: Who, faces: tuple[Face, ...], width: int, height: int) -> Face:
    if who is Who.largest:
        return max(faces, key=lambda face: face.size)
    return min(faces, key=lambda face: math.dist(face.centre, (width / 2, height / 2)))
