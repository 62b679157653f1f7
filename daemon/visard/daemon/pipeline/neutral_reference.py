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

    def calibrate(self) -> None:
        """Take the next frame's driver as the reference."""
        self._animation = None

    def update(self, animation: Animation, driver: Face) -> None:
        """Look at one frame's driver and calibrate if this is the frame to do it with."""
        new = animation is not self._animation
        if not new and not self.seeking:
            return
        mismatch = int(100 * animation.mismatch(driver))
        if new or self.score is None or mismatch < self.score:
            animation.calibrate()
            self._animation, self.score = animation, mismatch
