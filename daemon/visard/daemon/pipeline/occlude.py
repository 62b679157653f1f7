"""What is in front of faces, frame by frame, by the occluder that was chosen."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from visard.daemon.config.settings import NO_OCCLUDER
from visard.daemon.pipeline.stats import Stats
from visard.models.face import Face, Image
from visard.models.occluder import OcclusionFinder, occluders
from visard.models.occlusion import Occlusion

log = logging.getLogger(__name__)

_HIDDEN = 0.7
"""Share of a face's landmarks behind something beyond which too little is left to swap."""


class OcclusionStep:
    """Tells faces what is in front of them; opens the occluder when it is first needed. One thread."""

    def __init__(self, stats: Stats, *, wait: bool) -> None:
        """``wait``: for the best engine, as where nobody watches the clock."""
        self._stats = stats
        self._wait = wait
        self._opened: tuple[str, OcclusionFinder] | None = None

    def forget(self) -> None:
        """Drop what was learned about the drivers."""
        if self._opened is not None:
            self._opened[1].forget()

    def __call__(self, image: Image, faces: Sequence[Face], occluder: str) -> tuple[Face, ...]:
        """Return the faces with what is in front of them, without those that are hidden by it.

        Where the occluder fails the swap covers all of a face, as without one.
        """
        if occluder == NO_OCCLUDER or not faces:
            return tuple(faces)
        try:
            found = self._finder(occluder)(image, faces)
        except Exception as error:  # one bad frame must not end the call
            if self._stats.failed("occlude", error):
                log.error("nothing is kept in front of faces: %s: %s", type(error).__name__, error)
            return tuple(faces)
        seen = (replace(face, occlusion=front) for face, front in zip(faces, found, strict=True))
        return tuple(face for face in seen if not _is_hidden(face, face.occlusion))

    def _finder(self, name: str) -> OcclusionFinder:
        if self._opened is None or self._opened[0] != name:
            self._opened = name, occluders.get(name).open(wait=self._wait)
        return self._opened[1]


def _is_hidden(face: Face, front: Occlusion | None) -> bool:
    return front is not None and float(front.at(face.landmarks[:468, :2]).mean()) > _HIDDEN
