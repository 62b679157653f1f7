"""Follows faces from frame to frame: detect when needed, otherwise follow the landmarks' own region."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from visard.models.face import Face, Image, Landmarks, Sighting
from visard.models.track.crop import Region
from visard.models.track.detector import Detection, Detector
from visard.models.track.landmarker import Blendshapes, Landmarker
from visard.models.track.smooth import OneEuro

PRESENT = 0.5
NEWCOMERS_EVERY = 0.2
"""Seconds between looks of the detector while every face is followed."""
LOOK_APART = 0.09
"""Seconds within which two looks count as one, since they see the same: three frames at 30 a second."""
GONE_AFTER = 20
"""Looks in a row that miss a face after which it has left: two seconds or more."""
MAX_JUMP = 0.6
"""Face sizes that a face may move between two frames."""


@dataclass
class _Track:
    """One face being followed."""

    id: int
    landmarks: Landmarks
    region: Region
    seen: int
    """The number of the look before this face was last found."""
    smooth: OneEuro = field(default_factory=OneEuro)

    @property
    def centre(self) -> Landmarks:
        return np.array([self.region.x, self.region.y], np.float32)

    @property
    def size(self) -> float:
        return self.region.size / 1.5

    def near(self, region: Region, reach: float) -> bool:
        """Whether ``region`` is within ``reach`` face sizes and of a like size."""
        apart = float(np.hypot(region.x - self.region.x, region.y - self.region.y))
        return apart < reach * self.size and 0.5 < region.size / self.region.size < 2

    def accept(self, landmarks: Landmarks, looks: int) -> None:
        self.landmarks, self.region, self.seen = landmarks, Region.around(landmarks), looks


class Tracker:
    """Landmarks, expression and a stable id for every face, frame after frame. Not thread-safe.

    Without ``wait`` it starts with whatever engines are ready; better ones take over once they are compiled.
    """

    def __init__(self, max_faces: int = 4, *, threads: int = 1, wait: bool = True) -> None:
        self.max_faces = max_faces
        self._wait = wait
        self._short = Detector.short_range(wait=wait)
        self._landmarker = Landmarker(threads=threads, wait=wait)
        self._blendshapes = Blendshapes(wait=wait)
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._looks = 0
        self._looked = self._counted = float("-inf")

    @cached_property
    def _full(self) -> Detector:
        return Detector.full_range(wait=self._wait)

    def update(self, image: Image, now: float) -> Sighting:
        """Find every face of one BGR picture; ``now`` is its capture time in seconds, rising."""
        found = [track for track in self._tracks if self._follow(track, image)]
        missing = [track for track in self._tracks if track not in found]
        if missing or not found or now - self._looked >= NEWCOMERS_EVERY:
            self._look(image, now, found, missing)
        missing = [track for track in missing if self._looks - track.seen < GONE_AFTER]
        self._tracks = found + missing
        faces = tuple(self._face(track, now) for track in found)
        return Sighting(faces, tuple(track.id for track in missing), self._looks)

    def forget(self) -> None:
        """Start anew, as with a new source."""
        self._tracks.clear()

    def _follow(self, track: _Track, image: Image) -> bool:
        landmarks, presence = self._landmarker(image, track.region)
        if presence < PRESENT or not track.near(Region.around(landmarks), MAX_JUMP):
            return False
        track.accept(landmarks, self._looks)
        return True

    def _look(self, image: Image, now: float, found: list[_Track], missing: list[_Track]) -> None:
        """Run a detector; faces it finds are matched with missing ones or become new ones."""
        self._looked = now
        detections = self._short(image)
        nobody = (missing or not found) and not self._unclaimed(detections, found)
        if now - self._counted >= LOOK_APART:
            self._counted, self._looks = now, self._looks + 1
            if nobody:  # dearer, so not on every frame of an empty room
                detections = self._full(image)
        for detection in self._unclaimed(detections, found):
            if len(found) >= self.max_faces:
                return
            self._adopt(detection.region, image, found, missing)

    @staticmethod
    def _unclaimed(detections: list[Detection], found: list[_Track]) -> list[Detection]:
        return [d for d in detections if not any(track.near(d.region, 0.5) for track in found)]

    def _adopt(self, region: Region, image: Image, found: list[_Track], missing: list[_Track]) -> None:
        landmarks, presence = self._landmarker(image, region)
        if presence < PRESENT:
            return
        landmarks, presence = self._landmarker(image, Region.around(landmarks))  # once more, well centred
        region = Region.around(landmarks)
        if presence < PRESENT or any(track.near(region, 0.5) for track in found):
            return
        returned = [track for track in missing if track.near(region, 1.0)]
        if returned:
            track = min(returned, key=lambda t: float(np.hypot(region.x - t.region.x, region.y - t.region.y)))
            missing.remove(track)
        else:
            track = _Track(self._next_id, landmarks, region, self._looks)
            self._next_id += 1
        track.accept(landmarks, self._looks)
        found.append(track)

    def _face(self, track: _Track, now: float) -> Face:
        smooth = track.smooth(track.landmarks, now, track.size)
        return Face(track.id, smooth, self._blendshapes(smooth), raw=track.landmarks)
