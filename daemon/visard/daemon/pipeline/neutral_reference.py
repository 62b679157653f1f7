"""The driver's neutral frame for an animator: the first, one asked for, or a better one when found."""

from visard.models.face import Face
from visard.models.processor import Animation


class NeutralReference:
    """Calibrates an animation; one thread."""

    def __init__(self) -> None:
        self.seeking = False
        """Whether every frame that fits the portrait better becomes the reference."""
        self.score: int | None = None
        """Hundred times the mismatch of the reference now used; about 10 is good."""
        self._animation: Animation | None = None
        self._chosen = False
        self._drivers = 0

    def calibrate(self, *, chosen: bool = True) -> None:
        """Take the next frame's driver as the reference; not ``chosen``: as when an animation begins."""
        self._animation, self._chosen = None, chosen

    @property
    def learned(self) -> bool:
        """Whether further drivers do not change the reference, unless it is looked for."""
        if self._animation is None:
            return False
        return self._drivers >= (1 if self._chosen else self._animation.settles)

    def update(self, animation: Animation, driver: Face) -> None:
        """Look at one frame's driver and calibrate if this is the frame to do it with."""
        new = animation is not self._animation
        self._drivers = 1 if new else self._drivers + 1
        if not new and not self.seeking:
            return
        mismatch = int(100 * animation.mismatch(driver))
        if new or self.score is None or mismatch < self.score:
            self._chosen = self._animation is None and self._chosen if new else True
            animation.calibrate(chosen=self._chosen)
            self._animation, self.score = animation, mismatch
