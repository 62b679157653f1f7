"""Faces without landmarks: those that only a detector sees, and those that were not seen to leave."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from visard.models.face import Image, UntrackedFace
from visard.models.track.changes import Circle
from visard.models.track.detector import Detection
from visard.models.track.person import PersonSegmenter
from visard.models.track.search import SEEN

GONE_AFTER = 20
"""Looks in a row that see nothing where a face was after which it may have left: two seconds or more."""
DOUBTFUL = 3
"""Frames in which a detector must have seen a face for it to take another one's place."""
SETTLED = 10
"""Frames in which a detector must have seen a face for it to be waited for as long."""
SURE, SHRINK = 0.5, 0.98
"""Score from which a detector's smaller size is believed at once, and the share that is kept otherwise."""
HARDLY_SEEN = 0.08
"""Share of the picture's width below which a face is too small to be seen in the whole of it."""
DROPPED_AFTER = 6
"""Looks after which a doubtful one is nothing any more."""
_HEAD, _LOST_HEAD, _FARTHEST = 0.95, 1.2, 2.5
"""Face sizes from the centre within which all of a head is: seen now, just lost, and lost for long."""
_FAINTLY = 0.8
"""Face sizes from where a lost face was within which a faint detection is of it."""
AT_ONCE, _JUMP = 0.4, 2.0
"""Seconds for which a face that moved too fast to be followed is taken for the same one, and face sizes."""
_SPEED = 2.0
"""Face sizes a second that a head may go while nothing sees it."""
_SOMEBODY = 0.25
"""Share of person where a face was below which nobody is there."""
_HIDDEN = 0.8
"""Share of a place that other faces hide from which nothing can be said of who is behind them."""


@dataclass(slots=True)
class Place:
    """Where one such face is or was."""

    id: int
    x: float
    y: float
    size: float
    seen: float
    """When it was seen last, seconds."""
    look: int
    """The number of the look then."""
    sightings: int = 1
    """In how many frames it was seen."""
    followed: bool = False
    """Whether it had landmarks before."""
    hidden: bool = False
    """Whether it went behind another face, so that it comes out beside that one."""
    empty: int = 0
    """How often in a row nobody was there."""
    try_again: int = 0
    """The look from which landmarks are worth another try."""

    @property
    def circle(self) -> Circle:
        """Its centre and size."""
        return self.x, self.y, self.size

    def apart(self, x: float, y: float) -> float:
        """How far it is from a point, pixels."""
        return float(np.hypot(x - self.x, y - self.y))

    def reach(self, now: float) -> float:
        """Radius in which the head is by now, pixels."""
        if self.seen >= now:
            return _HEAD * self.size
        gone = _SPEED * (now - self.seen) if self.followed else 0.0
        return min(_LOST_HEAD + gone, _FARTHEST) * self.size

    def public(self, now: float) -> UntrackedFace:
        """Return what others may know of it."""
        return UntrackedFace(self.id, (self.x, self.y), self.size, self.reach(now))

    def take(self, detection: Detection, now: float, look: int) -> None:
        """It is where ``detection`` says."""
        shrunk = detection.size if detection.score >= SURE else max(detection.size, SHRINK * self.size)
        (self.x, self.y), self.size = detection.centre, shrunk
        self.seen, self.look, self.empty = now, look, 0
        self.sightings += 1


class UntrackedFaces:
    """Keeps their places until looks say that they are gone. Not thread-safe."""

    def __init__(self, number: Callable[[], int], *, wait: bool = True) -> None:
        """``number`` gives a new face its id."""
        self.places: list[Place] = []
        self._number = number
        self._wait = wait
        self._turn = 0
        self._now = 0.0

    @cached_property
    def _segmenter(self) -> PersonSegmenter:
        return PersonSegmenter(wait=self._wait)

    @property
    def missing(self) -> tuple[int, ...]:
        """The ids of those that had landmarks."""
        return tuple(place.id for place in self.places if place.followed)

    def unseen(self, width: int) -> list[Circle]:
        """Return those that the last look did not see or, of a picture ``width`` wide, hardly can."""
        smallest = HARDLY_SEEN * width
        return [p.circle for p in self.places if p.seen < self._now or p.size < smallest]

    def lost(self, face: int, circle: Circle, seen: float, look: int, *, hidden: bool = False) -> None:
        """Keep the place of a face whose landmarks were lost; ``seen`` is when it last had them."""
        self.places.append(Place(face, *circle, seen, look, SETTLED, followed=True, hidden=hidden))

    def returned(self, circle: Circle, now: float, *, new: bool) -> int | None:
        """Return the id of the lost face that one with landmarks must be; ``new``: it was not seen before.

        It is where that was, went off too fast this very moment, or comes out from behind another one. Who
        else comes near does not take its place, since the lost one may only have turned away.
        """
        x, y, size = circle
        for place in sorted(self.places, key=lambda place: place.apart(x, y)):
            within = place.size
            if new and place.hidden:
                within = place.reach(now)
            elif new and now - place.seen <= AT_ONCE:
                within = _JUMP * place.size
            if place.followed and place.apart(x, y) < within and 0.5 < size / place.size < 2:
                return place.id
        return None

    def note(self, detections: Iterable[Detection], now: float, look: int) -> None:
        """Take what detectors see where no face has landmarks, best first."""
        self._now = now
        free = list(self.places)
        for detection in detections:
            match = min(
                (place for place in free if _matches(place, detection, now)),
                key=lambda place: place.apart(*detection.centre),
                default=None,
            )
            if match is not None:
                match.take(detection, now, look)
                free.remove(match)
            elif detection.score >= SEEN and not self._within(detection, now):
                self._absorb(detection)
                place = Place(self._number(), *detection.centre, detection.size, now, look)
                self.places.append(place)

    def clear_up(self, image: Image, faces: Sequence[Circle], now: float, look: int) -> None:
        """Drop those that are gone; ``faces`` are the ones with landmarks."""
        unseen = [place for place in self.places if place.seen < now]
        for place in unseen:
            waited = look - place.look
            doubtful = place.sightings < SETTLED and waited >= DROPPED_AFTER
            if doubtful or (not place.followed and _claimed(place, faces)):
                self.places.remove(place)
        ripe = [p for p in unseen if p in self.places and look - p.look >= GONE_AFTER - DOUBTFUL]
        if not ripe:
            return
        self._turn += 1
        place = ripe[self._turn % len(ripe)]
        place.empty = place.empty + 1 if self._nobody(image, place, faces) else 0
        if look - place.look >= GONE_AFTER and place.empty >= DOUBTFUL:
            self.places.remove(place)

    def _within(self, detection: Detection, now: float) -> bool:
        """Whether a detection is of a face whose place was already taken from a better one."""
        seen = (place for place in self.places if place.seen == now)
        return any(
            place.apart(*detection.centre) < 0.5 * max(place.size, detection.size)
            and place.size > 0.5 * detection.size
            for place in seen
        )

    def _absorb(self, detection: Detection) -> None:
        """Drop the smaller places that a face covers which is seen whole by now."""
        self.places = [
            place
            for place in self.places
            if place.followed
            or place.size > 0.5 * detection.size
            or place.apart(*detection.centre) > 0.5 * detection.size
        ]

    def _nobody(self, image: Image, place: Place, faces: Sequence[Circle]) -> bool:
        """Whether nobody is at a place, beside those whose faces are known; or they hide it."""
        shares, points = self._segmenter(image, place.x, place.y, place.size)
        if not len(points):
            return True
        hidden = np.zeros(len(points), bool)
        for x, y, size in faces:
            hidden |= np.hypot(points[:, 0] - x, points[:, 1] - y) < 0.8 * size
        if hidden.mean() > _HIDDEN:
            return True
        return float(shares[~hidden].mean()) < _SOMEBODY


def _matches(place: Place, detection: Detection, now: float) -> bool:
    """Whether a detection is of the face at a place: where it was, or in its reach if it was just seen."""
    if detection.score < SEEN:
        within = _FAINTLY * place.size if place.followed else 0.0
    else:
        within = place.size if place.followed else place.reach(now)
    return place.apart(*detection.centre) < within and 0.5 < detection.size / place.size < 2


def _claimed(place: Place, faces: Sequence[Circle]) -> bool:
    """Whether a face that has landmarks by now is the one that was there."""
    return any(place.apart(x, y) < 0.5 * size and 0.4 < place.size / size < 2.5 for x, y, size in faces)
