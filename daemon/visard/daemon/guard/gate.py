"""The only way out: turns the guard's verdicts into pictures that sinks accept."""

from dataclasses import dataclass
from typing import final

from visard.daemon.guard.blur import blurred
from visard.daemon.guard.card import card
from visard.daemon.guard.rules import (
    FaceCounts,
    FaceEvidence,
    Facts,
    GuardState,
    GuardVerdict,
    count_faces,
    decide,
)
from visard.daemon.media.frame import Frame
from visard.daemon.media.letterbox import letterbox
from visard.models.face import Image

_SEAL = object()


@final
class Cleared:
    """A picture that passed the guard. Only a Gate can make one, and sink threads accept nothing else."""

    __slots__ = ("faces", "frame", "image", "verdict")

    def __init__(
        self, image: Image, verdict: GuardVerdict, frame: Frame | None, faces: FaceCounts, *, seal: object
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("only a Gate clears pictures")
        self.image = image
        self.verdict = verdict
        self.frame = frame
        """The camera frame that this answers; None when a picture is repeated because nothing new came."""
        self.faces = faces
        """What became of the faces in that frame."""


@dataclass(slots=True)
class Composed:
    """A frame after swapping or animating: ``picture`` may still show the driver."""

    frame: Frame
    picture: Image
    look: FaceEvidence | None
    animated: bool = False
    """Made from the portrait alone, so that no camera pixel can be in it."""
    cut: bool = False
    """The first frame of another scene of a film: where faces were says nothing any more."""


@dataclass(frozen=True, slots=True)
class Words:
    """The card's text, and the portrait that replaces it in animate mode while there is no driver."""

    text: str
    still: Image | None = None


class Gate:
    """Holds the guard's state and the last good picture; one thread."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._state = GuardState()
        self._good: Image | None = None
        self._raw: Image | None = None

    @property
    def why(self) -> str:
        """The reason for the last verdict."""
        return self._state.why

    def clear(self, facts: Facts, made: Composed | None, now: float, words: Words) -> Cleared:
        """Ask the guard about ``made`` (None: nothing new came) and return what may go out."""
        look = made.look if made else None
        if made and made.cut:
            self._state = GuardState()
        verdict, self._state = decide(self._state, facts, look, now)
        if made and verdict is GuardVerdict.frame:
            self._good = made.picture
        self._raw = (made.picture if made else self._raw) if verdict is GuardVerdict.raw else None
        image = self._picture(verdict, facts, made, words)
        faces = count_faces(verdict, look)
        return Cleared(image, verdict, made.frame if made else None, faces, seal=_SEAL)

    def _picture(self, verdict: GuardVerdict, facts: Facts, made: Composed | None, words: Words) -> Image:
        image: Image | None = None
        if verdict in (GuardVerdict.frame, GuardVerdict.last_good):
            image = self._good
        elif verdict is GuardVerdict.raw:
            image = self._raw
        elif verdict is GuardVerdict.blur:
            base = made.picture if made else self._good
            image = None if base is None else blurred(base)
        elif facts.animate and facts.covers and not facts.camera_gone and words.still is not None:
            image = letterbox(words.still, *self._size)
        return card(*self._size, words.text) if image is None else image
