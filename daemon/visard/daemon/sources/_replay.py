"""Sources that wait for whoever reads them: every picture of a file, or pictures held in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Event

from visard.daemon.errors import SourceEnded
from visard.daemon.media.frame import Format
from visard.models.face import Image


class FileReplay:
    """Every picture of a film, once; before them those of a warm-up, whose results nobody needs.

    Between the two it waits for the last result of the warm-up, and tells that it is ``warm``.
    """

    def __init__(
        self,
        pictures: Iterable[tuple[Image, float]],
        format: Format,  # noqa: A002
        warm_up: Iterable[Image] = (),
        warm: Callable[[], None] = lambda: None,
    ) -> None:
        self.format = format
        self._pictures: Iterator[tuple[Image, float]] = iter(pictures)
        self._warm_up = iter(warm_up)
        self._warm: Callable[[], None] | None = warm
        self._times: deque[float | None] = deque()
        self._taken = Event()
        """Set when a result was taken and no other is awaited."""

    def read(self) -> Image:
        """Return the next picture; raises SourceEnded after the last."""
        for image in self._warm_up:
            self._times.append(None)
            return image
        if self._warm:
            self._taken.clear()
            if self._times:
                self._taken.wait()
            self._warm()
            self._warm = None
        for image, seconds in self._pictures:
            self._times.append(seconds)
            return image
        raise SourceEnded("the file has ended")

    def time(self) -> float | None:
        """Return when the next result is shown, seconds, and None for those of the warm-up."""
        seconds = self._times.popleft()
        if not self._times:
            self._taken.set()
        return seconds

    def close(self) -> None:
        """End a read that waits; the pictures belong to whoever opened them."""
        self._taken.set()


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
