"""Learns what the driver looks like: several views of one face, from the camera, a clip or a photo."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from visard.daemon.config.enrolment import Enrolled
from visard.daemon.errors import EnrolmentError, SourceUnavailable
from visard.daemon.media.video import VideoReader
from visard.daemon.pipeline.identify import DRIVER, Flaw, find_flaw
from visard.models.face import Face, Image
from visard.models.geometry.pose import fit_pose
from visard.models.picture_file import SUFFIXES, read_picture
from visard.models.processor import Report
from visard.models.track.recogniser import Embedding, Recogniser, align_for_recognition
from visard.models.track.tracker import Tracker

STRAIGHT, ASIDE = 3, 2
"""Views from the front that are needed, and turned ones that are waited for."""
FRONT, TURN = 12.0, 6.0
"""Degrees of yaw up to which a view is from the front, and between that of two turned views."""
APART = 0.15
"""Seconds between two views."""
TURNING = 3.0
"""Seconds in which the driver may turn the head; without it the views from the front do."""
PATIENCE = 10.0
"""Seconds for which whatever is wrong before the camera may go on."""
LONGEST = 60.0
"""Seconds of a clip that are looked at."""
LOOK_STRAIGHT, TURN_A_LITTLE = "look straight ahead", "turn your head a little"
"""What the driver is told to do."""
NOBODY = "nobody is in view; sit in front of the camera"
_FLAWS = {
    Flaw.small: "the face is too small; come nearer",
    Flaw.turned: "the face is turned away; look straight ahead",
    Flaw.dark: "it is too dark; turn on a light",
    Flaw.blurred: "the picture is blurred; hold still, and clean the lens",
}


def enrol(pictures: Iterable[tuple[Image, float]], report: Report, patience: float = math.inf) -> Enrolled:
    """Return the one driver in ``pictures``, BGR, each with its time in seconds, rising.

    ``report`` is told how far it is and what the driver should do. Raises EnrolmentError with what was wrong
    when the pictures end without a view from the front, and when that lasts for ``patience`` seconds.
    """
    views, began = _Views(), None
    report(0.0, LOOK_STRAIGHT)
    for image, now in pictures:
        began = now if began is None else began
        views.look(image, now)
        report(views.progress, views.wish)
        if views.complete(now):
            break
        if now - max(views.taken, began) > patience:
            raise EnrolmentError(views.wish)
    if not views.front:
        raise EnrolmentError(views.wrong or "there is no picture; nobody was enrolled")
    return Enrolled(np.array([*views.front, *views.aside]))


class _Views:
    """What was seen of the driver so far."""

    def __init__(self) -> None:
        self.front: list[Embedding] = []
        self.aside: list[Embedding] = []
        self.taken = -math.inf
        """When the newest view was."""
        self.wrong = ""
        """What is wrong with the newest picture; empty: nothing."""
        self._yaws: list[float] = []
        self._tracker = Tracker(max_faces=2)
        self._recogniser = Recogniser()

    @property
    def progress(self) -> float:
        """How far it is, 0 to 1."""
        return (len(self.front) + len(self.aside)) / (STRAIGHT + ASIDE)

    @property
    def wish(self) -> str:
        """What the driver should do now."""
        return self.wrong or (LOOK_STRAIGHT if len(self.front) < STRAIGHT else TURN_A_LITTLE)

    def complete(self, now: float) -> bool:
        """Whether there is no more to wait for."""
        enough = len(self.front) >= STRAIGHT
        return enough and (len(self.aside) >= ASIDE or now - self.taken > TURNING)

    def look(self, image: Image, now: float) -> None:
        """Take a view from a picture where there is a new one in it."""
        faces = self._tracker.update(image, now).faces
        if len(faces) != 1:
            self.wrong = f"{len(faces)} faces are in view; only you may be seen" if faces else NOBODY
            return
        aligned = align_for_recognition(image, _points(faces[0]))
        flaw = find_flaw(aligned, _points(faces[0]))
        self.wrong = _FLAWS[flaw] if flaw else ""
        if not flaw and now - self.taken >= APART:
            self._take(aligned, fit_pose(_points(faces[0])).degrees[0], now)

    def _take(self, aligned: Image, yaw: float, now: float) -> None:
        front = abs(yaw) <= FRONT and len(self.front) < STRAIGHT
        new = len(self.front) >= STRAIGHT and all(abs(yaw - known) >= TURN for known in self._yaws)
        if not (front or new):
            if not self.front:
                self.wrong = _FLAWS[Flaw.turned]
            return
        embedding = self._recogniser.embed(aligned)
        if self.front and float((np.array(self.front) @ embedding).max()) < DRIVER:
            self.wrong = "another face than before is in view; only you may be seen"
            return
        (self.front if front else self.aside).append(embedding)
        self.taken = now
        if new or len(self.front) == STRAIGHT:
            self._yaws.append(yaw)


def _points(face: Face) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return face.landmarks if face.raw is None else face.raw


def pictures_of(path: Path) -> Iterator[tuple[Image, float]]:
    """Yield the pictures of a photo or of a clip's first minute, each with its time in seconds.

    Raises SourceUnavailable and PictureUnreadable.
    """
    if not path.is_file():
        raise SourceUnavailable(f"there is no photo and no clip at {path}")
    if path.suffix.lower() in SUFFIXES:
        yield read_picture(path), 0.0
        return
    with VideoReader(path) as reader:
        for image, now in reader:
            if now > LONGEST:
                return
            yield image, now
