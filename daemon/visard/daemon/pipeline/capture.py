"""Reads a source, frame after frame; opens a lost one again, changes to another, and rests when told to."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from threading import Condition

import cv2
import numpy as np

from visard.daemon.errors import SourceEnded, SourceError, SourceLost
from visard.daemon.media.frame import Format, Frame
from visard.daemon.media.letterbox import letterbox
from visard.daemon.media.ports import Source
from visard.models.face import Image

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}

Opening = Callable[[], Source]


class Presence(StrEnum):
    """Whether there is a source."""

    here = "here"
    opening = "opening"
    resting = "resting"
    """Nobody needs it, so it was let go of."""
    lost = "lost"


class Capture:
    """Frames of one format from a source that may come and go, turned clockwise by ``rotate`` degrees.

    ``frames`` runs on one thread, everything else on any. Without ``reopen`` a lost source ends it.
    """

    def __init__(
        self,
        source: Source | None,
        reopen: Opening | None = None,
        format: Format | None = None,  # noqa: A002
        rotate: int = 0,
    ) -> None:
        if format is None and source is None:
            raise ValueError("without a source a format is needed")
        self.format: Format = format or source.format.turned(rotate)  # type: ignore[union-attr]
        self.presence = Presence.resting if source is None else Presence.here
        self.why = ""
        """Why there is no source just now; empty when there is one."""
        self.openings = int(source is not None)
        """How often a source was opened: a change means that the scene may have changed."""
        self._rotate = rotate
        self._source = source
        self._reopen = reopen
        self._turn = 0
        self._wait = FIRST_WAIT
        self._due = math.inf
        """When to open next, by ``time.monotonic``."""
        self._over = False
        self._changed = Condition()

    @property
    def gone(self) -> bool:
        """Whether there is no source just now."""
        return self.presence is not Presence.here

    def use(self, opening: Opening | None, why: str) -> None:
        """Read from what ``opening`` gives from now on; None: let go of the source and rest, for ``why``."""
        with self._changed:
            old, self._source = self._source, None
            self._reopen, self._turn, self.why = opening, self._turn + 1, why
            self.presence = Presence.opening if opening else Presence.resting
            self._due, self._wait = (0.0 if opening else math.inf), FIRST_WAIT
            self._changed.notify_all()
        if old is not None:
            old.close()

    def rotate(self, degrees: int) -> None:
        """Turn pictures clockwise by a multiple of 90 degrees from now on; the format stays."""
        with self._changed:
            if degrees != self._rotate:
                self._rotate, self.openings = degrees, self.openings + 1

    @property
    def wanted(self) -> Format:
        """What to ask a camera for, so that its pictures fit when they are turned."""
        return self.format.turned(self._rotate)

    def hurry(self) -> None:
        """Try a lost source again now."""
        with self._changed:
            if self._reopen is not None:
                self._due, self._wait = 0.0, FIRST_WAIT
                self._changed.notify_all()

    def stop(self) -> None:
        """End ``frames``, also when the source blocks."""
        with self._changed:
            self._over = True
            source = self._source
            self._changed.notify_all()
        if source is not None:
            source.close()

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the source ends or ``stop`` is called; raises SourceError."""
        index = 0
        try:
            while (source := self._ready()) is not None:
                start = time.perf_counter()
                image = self._read(source)
                if image is None:
                    continue
                frame = Frame(index, time.perf_counter(), self._fit(image))
                if not self.format.live:  # a live source waits for its camera, which is not work
                    frame.trace["read"] = frame.captured - start
                yield frame
                index += 1
        finally:
            self.stop()

    def _ready(self) -> Source | None:
        """Wait until there is a source, and open it when it is time to; None when it is over."""
        while True:
            with self._changed:
                while not (self._over or self._source or time.monotonic() >= self._due):
                    left = self._due - time.monotonic()
                    self._changed.wait(None if math.isinf(left) else max(left, 0))
                if self._over or self._source:
                    return None if self._over else self._source
                opening, turn = self._reopen, self._turn
            if opening is not None:
                self._open(opening, turn)

    def _open(self, opening: Opening, turn: int) -> None:
        try:
            source = opening()
        except SourceError as error:
            with self._changed:
                if turn == self._turn:
                    self._lose(str(error))
            return
        with self._changed:
            if turn == self._turn and not self._over:
                self._source, self.presence, self.why = source, Presence.here, ""
                self._wait, self.openings = FIRST_WAIT, self.openings + 1
                return
        source.close()  # another was chosen meanwhile, or it is over

    def _read(self, source: Source) -> Image | None:
        """Return the next picture, or None when this source has none any more."""
        try:
            return source.read()
        except Exception as error:
            with self._changed:
                if self._over or self._source is not source:
                    return None
                if isinstance(error, SourceEnded):
                    self._over = True
                elif isinstance(error, SourceLost) and self._reopen is not None:
                    self._source = None
                    self._lose(str(error))
                else:
                    raise
            source.close()
            return None

    def _lose(self, why: str) -> None:
        """Note that there is no source, and when to try again: later after every failure."""
        if why != self.why:
            log.warning("there is no source, waiting for it: %s", why)
        self.presence, self.why = Presence.lost, why
        self._due = time.monotonic() + self._wait
        self._wait = min(self._wait * 2, LONGEST_WAIT)

    def _fit(self, image: Image) -> Image:
        """Turn a picture, and bring one of another size, as after a reconnect, to the format's."""
        if (degrees := self._rotate) in _TURNS:
            image = np.asarray(cv2.rotate(image, _TURNS[degrees]), np.uint8)
        width, height = self.format.width, self.format.height
        return image if image.shape[:2] == (height, width) else letterbox(image, width, height)
