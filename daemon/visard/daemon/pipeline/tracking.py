"""Trackers for a pipeline, and where an edited film cuts to another scene.

Networks are loaded where a tracker is made, on the thread that uses it.
"""

from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image, Sighting


class Tracking(Protocol):
    """What the pipeline needs of a tracker; made and used on one thread."""

    max_faces: int

    def update(self, image: Image, now: float) -> Sighting:
        """Find the faces of the next picture."""
        ...

    def forget(self) -> None:
        """Start anew, as with a new source."""
        ...


def live(max_faces: int) -> Tracking:
    """Make a tracker for a camera: it starts at once, and better engines take over while it runs.

    Two threads, since between frames the processor has nothing else to do.
    """
    from visard.models.track.tracker import Tracker

    return Tracker(max_faces, threads=2, wait=False)


def every_frame(max_faces: int) -> Tracking:
    """Make a tracker for files: one thread, since all steps are at work at the same time."""
    from visard.models.track.tracker import Tracker

    return Tracker(max_faces)


DIFFERENT = 20.0
"""Mean difference of tiny pictures, in grey levels, that no motion reaches: people at a desk stay below 4."""


class SceneCuts:
    """Compares each picture with the one before."""

    def __init__(self) -> None:
        self._before: npt.NDArray[np.int16] | None = None

    def __call__(self, image: Image) -> bool:
        """Whether ``image``, BGR, is the first of another scene; 0.1 ms."""
        tiny = cv2.resize(np.ascontiguousarray(image[::8, ::8]), (16, 9), interpolation=cv2.INTER_AREA)
        before, self._before = self._before, tiny.astype(np.int16)
        return before is not None and float(np.abs(self._before - before).mean()) > DIFFERENT
