"""Trackers for a pipeline. Their networks are loaded where they are made, on the thread that uses them."""

from typing import Protocol

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
