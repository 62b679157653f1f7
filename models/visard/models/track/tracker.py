"""Follows faces from frame to frame by their own landmarks, while detectors look over the whole picture."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations, count

import numpy as np

from visard.models.face import Face, Image, Landmarks, Sighting
from visard.models.track.changes import Circle
from visard.models.track.crop import Region
from visard.models.track.detector import Detection
from visard.models.track.landmarker import Blendshapes, Landmarker
from visard.models.track.search import FaceSearch
from visard.models.track.smooth import OneEuro
from visard.models.track.untracked import DOUBTFUL, GONE_AFTER, Place, UntrackedFaces

__all__ = ["GONE_AFTER", "Tracker"]

PRESENT = 0.5
LOOK_APART = 0.09
"""Seconds within which two looks count as one, since they see the same: three frames at 30 a second."""
MAX_JUMP = 0.6
"""Face sizes that a face may move between two frames."""
TRY_AGAIN = 3
"""Looks after which landmarks are tried again on what only a detector takes for a face."""
HIDDEN = 0.7
"""Sizes of another face from its centre within which a face is lost because it went behind that one."""
LARGER = 1.3
"""Times the size of another face that a face must have to be followed in its place."""
CLEARER = 0.15
"""Score by which a face must be clearer upside down to be taken so."""


@dataclass(eq=False)
class _Track:
    """One face being followed."""

    id: int
    landmarks: Landmarks
    region: Region
    before: Region
    """Where it was in the frame before."""
    seen: float
    """When it was last found, seconds."""
    seen_before: float
    """When it was found the time before."""
    look: int
    """The number of the look before that."""
    presence: float = 1.0
    smooth: OneEuro = field(default_factory=OneEuro)

    @property
    def size(self) -> float:
        return self.region.size / 1.5

    @property
    def circle(self) -> Circle:
        return self.region.x, self.region.y, self.size

    @property
    def moved(self) -> float:
        """Pixels since the frame before."""
        return float(np.hypot(self.region.x - self.before.x, self.region.y - self.before.y))

    def near(self, region: Region, reach: float) -> bool:
        """Whether ``region`` is within ``reach`` face sizes and of a like size."""
        apart = float(np.hypot(region.x - self.region.x, region.y - self.region.y))
        return apart < reach * self.size and 0.5 < region.size / self.region.size < 2

    def accept(self, landmarks: Landmarks, presence: float, now: float, look: int) -> None:
        self.before, self.region = self.region, Region.around(landmarks)
        self.landmarks, self.presence, self.look = landmarks, presence, look
        self.seen_before, self.seen = self.seen, now

    def behind(self, other: "_Track") -> bool:
        """Whether another face covers most of this one."""
        apart = float(np.hypot(other.region.x - self.region.x, other.region.y - self.region.y))
        return apart < HIDDEN * other.size and self.size < 1.3 * other.size

    def go_back(self) -> None:
        """Forget the last frame, in which another face was taken for this one."""
        self.region, self.seen = self.before, self.seen_before


class Tracker:
    """Landmarks, expression and a stable id for every face, frame after frame. Not thread-safe.

    Up to ``max_faces`` get landmarks; where every other one is, is told too. Without ``wait`` it starts with
    whatever engines are ready; better ones take over once they are compiled.
    """

    def __init__(self, max_faces: int = 4, *, threads: int = 1, wait: bool = True) -> None:
        self.max_faces = max_faces
        self._search = FaceSearch(wait=wait)
        self._landmarker = Landmarker(threads=threads, wait=wait)
        self._blendshapes = Blendshapes(wait=wait)
        self._searching = ThreadPoolExecutor(1, "visard search")
        self._numbers = count(1)
        self._tracks: list[_Track] = []
        self._lost: dict[int, _Track] = {}
        self._untracked = UntrackedFaces(self._numbers.__next__, wait=wait)
        self._looks = 0
        self._counted = float("-inf")

    def update(self, image: Image, now: float) -> Sighting:
        """Find every face of one BGR picture; ``now`` is its capture time in seconds, rising."""
        known = [track.circle for track in (*self._tracks, *self._lost.values())]
        unseen = self._untracked.unseen(image.shape[1])
        closely = bool(self._untracked.places or not self._tracks)
        searching = self._searching.submit(self._search, image, known, unseen, closely=closely)
        self._follow(image, now)
        detections = searching.result()
        if now - self._counted >= LOOK_APART:
            self._counted, self._looks = now, self._looks + 1
        self._right_up(detections, image, now)
        self._untracked.note(self._unclaimed(detections), now, self._looks)
        self._adopt(detections, image, now)
        self._untracked.clear_up(image, [track.circle for track in self._tracks], now, self._looks)
        kept = set(self._untracked.missing)
        self._lost = {face: track for face, track in self._lost.items() if face in kept}
        faces = tuple(self._face(track, now) for track in self._tracks)
        untracked = tuple(place.public(now) for place in self._untracked.places)
        return Sighting(faces, self._untracked.missing, self._looks, untracked)

    def forget(self) -> None:
        """Start anew, as with a new source."""
        self._tracks.clear()
        self._lost.clear()
        self._untracked.places.clear()
        self._search.forget()

    def _follow(self, image: Image, now: float) -> None:
        """Move every track to where its face is now; those that lost it, or share one, are lost."""
        found = [track for track in self._tracks if self._found(track, image, now)]
        for one, other in combinations(tuple(found), 2):
            if one in found and other in found and one.near(other.region, 0.35):
                slid = max(one, other, key=lambda track: track.moved / track.size)
                slid.go_back()
                found.remove(slid)
        lost = [track for track in self._tracks if track not in found]
        self._tracks = found
        self._keep_within_limit()
        for track in lost:
            self._lose(track)
        for track in list(self._lost.values()):  # it may only have looked away
            if track not in lost and len(self._tracks) < self.max_faces:
                self._find_again(track, image, now)

    def _found(self, track: _Track, image: Image, now: float) -> bool:
        landmarks, presence = self._landmarker(image, track.region)
        if presence < PRESENT or not track.near(Region.around(landmarks), MAX_JUMP):
            return False
        track.accept(landmarks, presence, now, self._looks)
        return True

    def _lose(self, track: _Track) -> None:
        """Keep the place of a face without landmarks."""
        self._lost[track.id] = track
        hidden = any(track.behind(other) for other in self._tracks)
        self._untracked.lost(track.id, track.circle, track.seen, track.look, hidden=hidden)

    def _keep_within_limit(self) -> None:
        while len(self._tracks) > self.max_faces:
            smallest = min(self._tracks, key=lambda track: track.size)
            self._tracks.remove(smallest)
            self._lose(smallest)

    def _find_again(self, track: _Track, image: Image, now: float) -> None:
        """Look for a lost face where it was."""
        landmarks, presence = self._landmarker(image, track.region)
        region = Region.around(landmarks)
        if presence >= PRESENT and track.near(region, MAX_JUMP) and not self._taken(region):
            self._take(track, landmarks, presence, now)

    def _taken(self, region: Region) -> bool:
        return any(track.near(region, 0.5) for track in self._tracks)

    def _take(self, track: _Track, landmarks: Landmarks, presence: float, now: float) -> None:
        track.accept(landmarks, presence, now, self._looks)
        self._lost.pop(track.id, None)
        self._untracked.places = [place for place in self._untracked.places if place.id != track.id]
        self._tracks.append(track)

    def _right_up(self, detections: Sequence[Detection], image: Image, now: float) -> None:
        """Turn a face that landmarks were put on upside down."""
        for track in self._tracks:
            claims = [d for d in detections if track.near(d.region, 0.5)]
            upright = max((d.score for d in claims if not _opposed(d, track)), default=0.0)
            turned = next((d for d in claims if _opposed(d, track) and d.score > upright + CLEARER), None)
            if turned is not None:
                landmarks, presence = self._placed(turned.region, image)
                if presence >= track.presence and track.near(Region.around(landmarks), MAX_JUMP):
                    track.accept(landmarks, presence, now, self._looks)

    def _unclaimed(self, detections: Iterable[Detection]) -> list[Detection]:
        """Return the detections of faces that have no landmarks; a face has one detection for its own."""
        return [d for d in detections if not any(_claims(track, d) for track in self._tracks)]

    def _adopt(self, detections: Sequence[Detection], image: Image, now: float) -> None:
        """Put landmarks on faces that only a detector sees, largest first."""
        for place in sorted(self._untracked.places, key=lambda place: -place.size):
            if not detections or place.seen < now:
                continue
            if place.try_again > self._looks and not place.followed:
                continue
            at = min(detections, key=lambda d: place.apart(*d.centre))
            if len(self._tracks) >= self.max_faces and not self._outgrown(place):
                return
            if not self._adopted(place, at.region, image, now):
                place.try_again = self._looks + TRY_AGAIN
            self._keep_within_limit()

    def _outgrown(self, place: Place) -> bool:
        """Whether a face is so much larger than the smallest one with landmarks that it should have them."""
        smallest = min(track.size for track in self._tracks)
        return place.sightings >= DOUBTFUL and place.size > LARGER * smallest

    def _adopted(self, place: Place, region: Region, image: Image, now: float) -> bool:
        landmarks, presence = self._placed(region, image)
        region = Region.around(landmarks)
        if not presence >= PRESENT or self._taken(region):  # not a number neither
            return False
        circle = region.x, region.y, region.size / 1.5
        back = place.id if place.followed else self._untracked.returned(circle, now, new=place.sightings == 1)
        track = self._lost.get(back) if back is not None else None
        if track is None:
            track = _Track(place.id, landmarks, region, region, now, now, self._looks)
        self._untracked.places.remove(place)
        self._take(track, landmarks, presence, now)
        return True

    def _placed(self, region: Region, image: Image) -> tuple[Landmarks, float]:
        """Place landmarks in a region that a detector found, either way up, then once more, well centred."""
        both = [self._landmarker(image, region)]
        if both[0][1] < 0.9:
            both.append(self._landmarker(image, region.turned))
        landmarks, presence = max(both, key=lambda placed: placed[1])
        return (
            (landmarks, presence) if presence < PRESENT else self._landmarker(image, Region.around(landmarks))
        )

    def _face(self, track: _Track, now: float) -> Face:
        smooth = track.smooth(track.landmarks, now, track.size)
        return Face(track.id, smooth, self._blendshapes(smooth), raw=track.landmarks)


def _claims(track: _Track, detection: Detection) -> bool:
    """Whether a detection is of a followed face; its box is looser where the head is turned."""
    x, y = detection.centre
    apart = float(np.hypot(x - track.region.x, y - track.region.y))
    return apart < 0.6 * track.size and 0.4 < detection.size / track.size < 2.2


def _opposed(detection: Detection, track: _Track) -> bool:
    """Whether a detection says that a face is the other way up."""
    return bool(np.cos(detection.region.angle - track.region.angle) < 0)
