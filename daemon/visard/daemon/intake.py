"""Reads a source, frame after frame, and opens a lost one again."""

import logging
import time
from collections.abc import Callable, Iterator
from threading import Event

from visard.daemon.errors import SourceEnded, SourceError, SourceLost
from visard.daemon.frame import Format, Frame
from visard.daemon.sources import Source
from visard.daemon.view import letterbox
from visard.models.face import Image

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0


class Intake:
    """Frames of one format from a source that may come and go; ``frames`` runs on one thread."""

    def __init__(self, source: Source, reopen: Callable[[], Source] | None = None) -> None:
        self.format: Format = source.format
        self.lost: str = ""
        """Why there is no camera just now; empty when there is one."""
        self.openings = 1
        """How often the source was opened: a change means that the scene may have changed."""
        self._source = source
        self._reopen = reopen
        self._stopping = Event()

    def stop(self) -> None:
        """End ``frames``, also when the source blocks; from any thread."""
        self._stopping.set()
        self._source.close()

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the source ends or ``stop`` is called; raises SourceError."""
        index = 0
        try:
            while not self._stopping.is_set():
                start = time.perf_counter()
                image = self._read()
                if image is None:
                    return
                frame = Frame(index, time.perf_counter(), self._fit(image))
                if not self.format.live:  # a live source waits for its camera, which is not work
                    frame.trace["read"] = frame.captured - start
                yield frame
                index += 1
        finally:
            self._source.close()

    def _read(self) -> Image | None:
        while True:
            try:
                return self._source.read()
            except SourceEnded:
                return None
            except Exception as error:
                if self._stopping.is_set():
                    return None
                if not isinstance(error, SourceLost) or self._reopen is None:
                    raise
                if not self._again(error):
                    return None

    def _again(self, error: SourceLost) -> bool:
        """Open the source again, waiting longer after every try; false when stopped meanwhile."""
        self.lost = str(error)
        log.warning("the source is gone, waiting for it to come back: %s", error)
        self._source.close()
        wait = FIRST_WAIT
        while not self._stopping.wait(wait):
            wait = min(wait * 2, LONGEST_WAIT)
            try:
                self._source = self._reopen() if self._reopen else self._source
            except SourceError as again:
                self.lost = str(again)
                continue
            if self._stopping.is_set():  # stopped while it was opening
                self._source.close()
                return False
            self.lost, self.openings = "", self.openings + 1
            return True
        return False

    def _fit(self, image: Image) -> Image:
        """Bring a picture of another size, as after a reconnect, to the format's."""
        width, height = self.format.width, self.format.height
        return image if image.shape[:2] == (height, width) else letterbox(image, width, height)
