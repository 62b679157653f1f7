"""Which faces are swapped: all, the enrolled driver's, or one that is kept for as long as it can be seen."""

import math
from dataclasses import dataclass

from visard.daemon.config.enrolment import Enrolled
from visard.daemon.config.settings import Who
from visard.daemon.guard.rules import FollowedFace, continues
from visard.daemon.media.frame import Format
from visard.daemon.pipeline.identify import Identifier
from visard.daemon.pipeline.recipe import Switches
from visard.models.face import Face, Image, Sighting

PATIENCE = 5
"""Looks of the detector for which a chosen face that left is waited for before another may be chosen."""


CHOICE = 4
"""Faces among which one is chosen at least, so that a limit of one does not choose the first that came."""


def followed(switches: Switches) -> int:
    """Return how many faces must be followed."""
    chosen = switches.enrolled is not None or switches.settings.who is not Who.all
    return max(switches.settings.max_faces, CHOICE) if chosen else switches.settings.max_faces


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to become of the faces in one frame; whoever is not mentioned is covered."""

    wanted: frozenset[int] | None
    """Ids of the faces that must be swapped; None is every face."""
    faces: tuple[Face, ...]
    """Those of them that can be."""
    shown: frozenset[int] = frozenset()
    """Ids of the faces that may be seen."""


class FaceSelector:
    """Keeps who was chosen and who was recognised. One thread."""

    def __init__(self, format: Format, *, wait: bool) -> None:  # noqa: A002
        """``wait``: faces are recognised before the frame goes on, as where nobody watches the clock."""
        self._format = format
        self._wait = wait
        self._choice: Choice | None = None
        self._identifier: tuple[Enrolled, Identifier] | None = None

    def cut(self) -> None:
        """Choose anew: another scene of a film begins."""
        self._choice = None

    def __call__(
        self, image: Image, sighting: Sighting, switches: Switches, now: float, *, animate: bool
    ) -> Selection:
        """Return what becomes of the faces in a BGR picture; ``animate``: one face moves the portrait."""
        settings = switches.settings
        who = Who.largest if animate and settings.who is Who.all else settings.who
        if switches.enrolled is not None:
            known = self._identities(switches.enrolled)(image, sighting.faces, now)
            wanted: frozenset[int] | None = frozenset(face for face, driver in known.items() if driver)
            strangers = frozenset(face for face, driver in known.items() if driver is False)
        else:
            wanted, self._choice = choose(
                self._choice, who, sighting, self._format.width, self._format.height, now
            )
            strangers = sighting.ids - (sighting.ids if wanted is None else wanted) - set(sighting.missing)
        faces = tuple(face for face in sighting.faces if wanted is None or face.id in wanted)
        return Selection(wanted, faces, strangers if settings.bystanders else frozenset())

    def _identities(self, enrolled: Enrolled) -> Identifier:
        if self._identifier is None or self._identifier[0] is not enrolled:
            self._identifier = enrolled, Identifier(enrolled.embeddings, wait=self._wait)
        return self._identifier[1]


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
