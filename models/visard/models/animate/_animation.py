"""What animations by networks share: one driver's frame after the other, counted from a reference."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel

from visard.models.face import Face, Image, Landmarks
from visard.models.geometry.mismatch import mismatch
from visard.models.processor import FrameWorker, Patch, Pending, ProcessorFailed


class MotionKind(StrEnum):
    """What moves the portrait: the driver's motion since the reference, or where the driver is."""

    relative = "relative"
    absolute = "absolute"


class Closing(ABC):
    """Networks on engines."""

    @abstractmethod
    def close(self) -> None:
        """Stop looking for better engines."""


O = TypeVar("O", bound=BaseModel)  # noqa: E741 - options
N = TypeVar("N", bound=Closing)
R = TypeVar("R")


class NetworkAnimation(ABC, Generic[O, N, R]):
    """One portrait, ready to move; frames are made on a thread of their own."""

    PREPARED_ANEW: ClassVar[frozenset[str]]
    """Options that the state depends on."""
    settles = 1

    def __init__(self, network: N, points: Landmarks, size: tuple[int, int], memory: int, options: O) -> None:
        """``points``: of the portrait; ``size``: width and height of what is shown; ``memory``: bytes."""
        self.size, self.bytes = size, memory
        self._network: N | None = network
        self._points, self._options = points, options
        self._reference: R | None = None
        """What motion is counted from; None: the next frame's driver."""
        self._worker = FrameWorker(type(self).__name__)

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Pending:  # noqa: ARG002
        """Begin to move the portrait by the one driver; only the network sees the driver's pixels."""
        (driver,) = faces
        options = self._options
        return self._worker.submit(lambda: (Patch.whole(self._frame(picture, driver, options)),))

    def _frame(self, picture: Image, driver: Face, options: O) -> Image:
        if self._network is None:
            raise ProcessorFailed("this persona was closed")
        return self._moved(self._network, picture, driver, options)

    @abstractmethod
    def _moved(self, network: N, picture: Image, driver: Face, options: O) -> Image:
        """Return the portrait moved by a driver."""

    def adjust(self, options: O) -> bool:
        """Go on with other options; what the reference depends on is taken from the next frame."""
        old = self._options
        if any(getattr(old, name) != getattr(options, name) for name in self.PREPARED_ANEW):
            return False
        if old != options:
            self._options, self._reference = options, None
        return True

    def forget(self) -> None:
        """Nothing is learned but the reference, which ``calibrate`` replaces."""

    def close(self) -> None:
        """Move no more; the memory goes when the frame that is being made is done."""
        self._worker.close(self._release)

    def _release(self) -> None:
        if self._network is not None:
            self._network.close()
        self._network = None

    def calibrate(self, *, chosen: bool = True) -> None:  # noqa: ARG002
        """Take the next frame's driver as the reference."""
        self._reference = None

    def mismatch(self, driver: Face) -> float:
        """How far the driver's shape is from the portrait's: 0 is equal, about 0.1 is good."""
        return mismatch(driver.landmarks, self._points)
