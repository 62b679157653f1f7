"""Sources that wait for whoever reads them: every picture of a file, or pictures held in memory."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from visard.daemon.errors import SourceEnded
from visard.daemon.media.frame import Format
from visard.daemon.media.video import Film
from visard.models.face import Image


class FileReplay:
    """Every picture of a video file, once."""

    def __init__(self, reader: Film) -> None:
        self.format = reader.format
        self.times: deque[float] = deque()
        """When each picture read is shown, seconds; whoever writes the result takes them from the left."""
        self._pictures: Iterator[tuple[Image, float]] = iter(reader)

    def read(self) -> Image:
        """Return the next picture; raises SourceEnded after the last."""
        for image, seconds in self._pictures:
            self.times.append(seconds)
            return image
        raise SourceEnded("the file has ended")

    def close(self) -> None:
        """Nothing to do: the reader belongs to whoever opened it, and no read takes long."""


class PictureReplay:
    """Pictures held in memory, once."""

    def __init__(self, pictures: Sequence[Image], format: Format) -> None:  # noqa: A002
        self.format = replace(format, live=False)
        self._left = deque(pictures)

    def read(self) -> Image:
        """Return the next picture; raises SourceEnded after the last."""
        if not self._left:
            raise SourceEnded("that was the last picture")
        return self._left.popleft()

    def close(self) -> None:
        """Make the next read end."""
        self._left.clear()
