"""Pictures with times, played: read ahead in a thread, each given when it is due."""

import time
from collections.abc import Callable, Iterator
from threading import Event, Thread

from visard.daemon.errors import SourceEnded, SourceLost, VisardError
from visard.daemon.media.frame import Format
from visard.daemon.media.slot import Closed, Slot
from visard.models.face import Image

_MAX_LAG = 1.0
"""Seconds late after which the clock is set anew instead of hurrying to catch up."""

Pictures = Iterator[tuple[Image, float]]


class Playback:
    """A source made of an iterator of pictures and their times in seconds.

    ``start`` is called at the beginning of every round. The next picture is made while the current one is
    used, so making it costs no latency.
    """

    def __init__(
        self,
        start: Callable[[], Pictures],
        format: Format,  # noqa: A002
        *,
        loop: bool,
        paced: bool,
    ) -> None:
        self.format = Format(format.width, format.height, format.fps, live=paced)
        self.position = 0.0
        """Time of the picture read last, in seconds since the first round began."""
        self._start = start
        self._loop = loop
        self._ahead: Slot[tuple[Image, float]] = Slot()
        self._error: VisardError = SourceEnded("that was the last picture")
        self._closed = Event()
        self._zero: float | None = None
        self._thread = Thread(target=self._run, name="playback", daemon=True)
        self._thread.start()

    def read(self) -> Image:
        """Return the next picture when it is due; see Source."""
        try:
            item = self._ahead.take()
        except Closed:
            raise self._error from None
        if item is None or self._closed.is_set():
            raise SourceEnded("the source was closed")
        image, self.position = item
        if self.format.live:
            self._wait(self.position)
        return image

    def close(self) -> None:
        """Stop; a read that waits ends with SourceEnded."""
        self._closed.set()
        self._ahead.close()
        self._thread.join()

    def _wait(self, seconds: float) -> None:
        now = time.perf_counter()
        if self._zero is None or now - self._zero - seconds > _MAX_LAG:
            self._zero = now - seconds
        if self._closed.wait(max(0.0, self._zero + seconds - now)):
            raise SourceEnded("the source was closed")

    def _run(self) -> None:
        try:
            for item in self._rounds():
                self._ahead.hand(item)
        except Closed:
            pass
        except VisardError as error:
            self._error = SourceLost(str(error))
        except Exception as error:  # a reader's thread must not die without a word
            self._error = SourceLost(f"reading failed: {type(error).__name__}: {error}")
        self._ahead.close()

    def _rounds(self) -> Pictures:
        offset = last = 0.0
        while True:
            for image, seconds in self._start():
                last = offset + seconds
                yield image, last
            if not self._loop:
                return
            offset = last + 1 / self.format.fps
