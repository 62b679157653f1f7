"""The two ends of a pipeline: what frames are read from, and what they are written to."""

from typing import Protocol

from visard.daemon.media.frame import Format
from visard.models.face import Image


class Source(Protocol):
    """An opened source, used by one thread; ``close`` may come from another and ends a waiting ``read``."""

    format: Format

    def read(self) -> Image:
        """Wait for the next picture, BGR, ``format``'s size; the caller owns it.

        Raises SourceEnded after the last frame of a finite source, SourceLost when the device went away.
        """
        ...

    def close(self) -> None:
        """Release the device or file; calling it twice is fine."""
        ...


class Sink(Protocol):
    """An opened sink. Used by one thread."""

    where: str
    """What to tell the person: a device, an address, a file."""

    def write(self, image: Image) -> None:
        """Send one BGR picture of the format's size; must not keep or change it. Raises SinkError."""
        ...

    def close(self) -> None:
        """Finish; a file is playable afterwards. Calling it twice is fine."""
        ...
