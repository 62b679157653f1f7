"""Whether the picture is upside down, by the faces in it."""

from visard.models.face import EYE_LEFT, EYE_RIGHT, MOUTH_LEFT, MOUTH_RIGHT, Face, Sighting

AFTER = 2.0
"""Seconds that the largest face stands on its head before it is said."""
_GAP = 1.0
"""Seconds without a face after which it is looked at anew."""


class UprightCheck:
    """Looks at every sighting of a pipeline."""

    def __init__(self) -> None:
        self.upside_down = False
        """Whether it is now."""
        self.ever = False
        self._since: float | None = None
        self._last = 0.0

    def __call__(self, sighting: Sighting, now: float) -> None:
        """Look; ``now`` is in seconds."""
        face = max(sighting.faces, key=lambda face: face.size, default=None)
        if face is None:
            return
        if not _on_its_head(face):
            self.forget()
            return
        if self._since is None or now - self._last > _GAP:
            self._since = now
        self._last = now
        self.upside_down = now - self._since >= AFTER
        self.ever |= self.upside_down

    def forget(self) -> None:
        """Begin anew, as with another camera."""
        self.upside_down, self._since = False, None


def _on_its_head(face: Face) -> bool:
    points = face.landmarks[:, :2]
    down = points[[MOUTH_LEFT, MOUTH_RIGHT]].mean(0) - points[[EYE_LEFT, EYE_RIGHT]].mean(0)
    return bool(-down[1] > abs(down[0]))
