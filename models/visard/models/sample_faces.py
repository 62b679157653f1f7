"""Faces that networks which take crops are tried with before they serve."""

from functools import cache

from visard.models.check_inputs import pictures
from visard.models.face import Face, Image
from visard.models.track.tracker import Tracker


@cache
def sample_faces() -> tuple[tuple[Image, Face], ...]:
    """Return the generated people we ship, each with the face in the picture."""
    tracker = Tracker(max_faces=1)
    found = []
    for picture in pictures():
        tracker.forget()
        found += [(picture, face) for face in tracker.update(picture, 0.0).faces]
    return tuple(found)
