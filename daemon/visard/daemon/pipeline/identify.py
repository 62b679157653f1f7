"""Which of the faces in view is the enrolled driver's.

True is quick to reach and slow to lose, False the other way round: to take the driver for somebody else may
show a real face, and the reverse covers one face too many.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from threading import Thread

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import IRIS_LEFT, IRIS_RIGHT, Face, Image, Landmarks
from visard.models.geometry.pose import fit_pose
from visard.models.track.recogniser import Embedding, Recogniser, align_for_recognition

log = logging.getLogger(__name__)

DRIVER, OTHER, DOUBTFUL = 0.40, 0.25, 0.33
"""Cosines: from the first on it is the driver; up to the second somebody else; above the third, no longer
surely somebody else. SFace's authors take two pictures above 0.363 for one person."""
AGREEING = 4
"""Looks in a row that must say *somebody else*."""
SOON, AGAIN = 0.15, 1.0
"""Seconds between two looks at a face that is not known yet, and at one that is."""
HURRIED = 12
"""Looks at a face that stays unknown after which it is looked at as seldom as others."""
TURNED, TILTED = 30.0, 25.0
"""Degrees of yaw and pitch beyond which a face says nothing of who it is not."""
EYES_APART = 16.0
"""Pixels between the eyes below which it says nothing either."""
SHARP, BRIGHT = 40.0, 20.0
"""Variance of the aligned face's Laplacian and mean grey level below which it is too blurred or dark.

Measured on three people, the driver stays above a cosine of 0.5 down to these limits.
"""
ABSENT = 0.5
"""Seconds after which a face that comes back is a new one."""


class Flaw(StrEnum):
    """Why a face says little about who it is."""

    small = "small"
    turned = "turned"
    dark = "dark"
    blurred = "blurred"


@dataclass(slots=True)
class _Known:
    """What is known of one face of the tracker."""

    centre: tuple[float, float]
    size: float
    seen: float
    verdict: bool | None = None
    against: int = 0
    """Looks in a row that said *somebody else*."""
    looks: int = 0
    """Looks at it since it was last in doubt."""
    looked: float = -math.inf

    def due(self, now: float) -> float:
        """Return for how many seconds a look has been due; negative: not yet."""
        unsettled = self.verdict is None or self.looks < AGREEING
        return now - self.looked - (SOON if unsettled and self.looks < HURRIED else AGAIN)

    def learn(self, cosine: float, clear: bool) -> None:
        """Take one look into account; ``clear``: it may say who the face is not."""
        self.looks += 1
        if cosine >= DRIVER:
            self.verdict, self.against = True, 0
        elif clear and cosine <= OTHER:
            self.against += 1
            if self.against >= AGREEING:  # the driver may have hidden half the face, so first unknown
                self.verdict, self.against = (None if self.verdict else False), 0
        else:
            self.against = 0
            if cosine > DOUBTFUL and self.verdict is False:
                self.verdict = None

    def doubt(self) -> None:
        """Let nobody be *somebody else* any more, and look anew soon."""
        self.verdict, self.against, self.looks = self.verdict or None, 0, 0


@dataclass(frozen=True, slots=True)
class _Look:
    """One recognition: of whom, and what came out."""

    id: int
    known: _Known
    cosine: float
    clear: bool


class Identifier:
    """Says of each face whether it is the driver's; one thread calls it.

    ``embeddings`` are the driver's, float32 [views, 128]; without any nobody is ever known. One face at a
    time is recognised, on a thread of its own; with ``wait`` every one that is due, before it answers.
    """

    def __init__(
        self,
        embeddings: npt.NDArray[np.float32],
        *,
        wait: bool = False,
        open_recogniser: Callable[[], Callable[[Image], Embedding]] | None = None,
    ) -> None:
        self._views = embeddings
        self._wait = wait
        self._open = open_recogniser or (lambda: Recogniser(wait=wait).embed)
        self._faces: dict[int, _Known] = {}
        self._before: frozenset[int] = frozenset()
        self._worker: Thread | None = None
        self._answer: _Look | None = None

    @cached_property
    def _embed(self) -> Callable[[Image], Embedding]:
        return self._open()

    def __call__(self, image: Image, faces: Sequence[Face], now: float) -> dict[int, bool | None]:
        """Return of each face: True, the driver; False, surely somebody else; None, not known yet.

        ``now`` is the picture's time in seconds, rising. The picture is not kept.
        """
        self._follow(faces, now)
        if len(self._views):
            self._take()
            self._start(image, faces, now)
        return {face.id: self._faces[face.id].verdict for face in faces}

    def _follow(self, faces: Sequence[Face], now: float) -> None:
        """Begin anew with faces that are new or jumped; those that meet others are in doubt."""
        for face in faces:
            known = self._faces.get(face.id)
            if known is None or not _continues(known, face, now):
                known = self._faces[face.id] = _Known(face.centre, face.size, now)
            elif face.id not in self._before:
                known.doubt()
            known.centre, known.size, known.seen = face.centre, face.size, now
        self._faces = {id_: known for id_, known in self._faces.items() if now - known.seen <= AGAIN}
        self._before = frozenset(face.id for face in faces)
        everybody = list(self._faces.values())
        for known in everybody:
            if any(other is not known and _meet(known, other) for other in everybody):
                known.doubt()

    def _start(self, image: Image, faces: Sequence[Face], now: float) -> None:
        """Look at the face that has waited longest, newcomers first."""
        due = [face for face in faces if self._faces[face.id].due(now) >= 0]
        for face in sorted(due, key=lambda face: self._faces[face.id].looked):
            if self._worker is not None:
                return
            known, landmarks = self._faces[face.id], face.landmarks if face.raw is None else face.raw
            known.looked = now
            job = face.id, known, align_for_recognition(image, landmarks), landmarks
            if self._wait:
                self._look(*job)
                self._take()
            else:
                self._worker = Thread(target=self._look, args=job, name="visard identify", daemon=True)
                self._worker.start()

    def _look(self, id_: int, known: _Known, aligned: Image, landmarks: Landmarks) -> None:
        try:
            cosine = float((self._views @ self._embed(aligned)).max())
            self._answer = _Look(id_, known, cosine, find_flaw(aligned, landmarks) is None)
        except Exception as error:  # nobody is known then, and the call goes on
            log.error("a face could not be recognised: %s: %s", type(error).__name__, error)

    def _take(self) -> None:
        """Learn from the look that has ended."""
        if self._worker is not None and self._worker.is_alive():
            return
        self._worker, look, self._answer = None, self._answer, None
        if look is not None and self._faces.get(look.id) is look.known:
            look.known.learn(look.cosine, look.clear)


def _continues(known: _Known, face: Face, now: float) -> bool:
    """Whether a head could have gone there since it was last seen."""
    small, large = sorted((known.size, face.size))
    gap = max(now - known.seen, 0.0)
    near = math.dist(known.centre, face.centre) <= small * min(1.0, 0.4 + 4 * gap)
    return gap <= ABSENT and near and large <= 1.5 * small


def _meet(one: _Known, other: _Known) -> bool:
    """Whether two faces are so near that one's landmarks may end on the other."""
    return math.dist(one.centre, other.centre) < 0.6 * (one.size + other.size)


def find_flaw(aligned: Image, landmarks: Landmarks) -> Flaw | None:
    """Return why a face is not seen well enough to say who it is not; None: it is."""
    yaw, pitch, _ = fit_pose(landmarks).degrees
    grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
    flaws = (
        (
            float(np.linalg.norm(landmarks[IRIS_LEFT, :2] - landmarks[IRIS_RIGHT, :2])) < EYES_APART,
            Flaw.small,
        ),
        (abs(yaw) > TURNED or abs(pitch) > TILTED, Flaw.turned),
        (float(grey.mean()) < BRIGHT, Flaw.dark),
        (float(cv2.Laplacian(grey, cv2.CV_32F).var()) < SHARP, Flaw.blurred),
    )
    return next((flaw for true, flaw in flaws if true), None)
