"""A sink that outlives its device: opened when it can be, and again after it was lost."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from visard.daemon.errors import SinkError
from visard.daemon.media.ports import Sink
from visard.models.face import Image

log = logging.getLogger(__name__)

RETRY = 3.0
"""Seconds between two tries."""


class ReconnectingSink:
    """Passes pictures on while there is a device, and never fails; ``write`` runs on one thread.

    ``changed`` is told of the sink when it was opened, and of None when it was lost.
    """

    def __init__(
        self, where: str, opening: Callable[[], Sink], changed: Callable[[Sink | None], None]
    ) -> None:
        self.where = where
        self.trouble = ""
        """Why there is no device; empty when there is one or nobody has looked."""
        self._opening = opening
        self._changed = changed
        self._sink: Sink | None = None
        self._due = 0.0

    @property
    def ok(self) -> bool:
        """Whether pictures go out."""
        return self._sink is not None

    def retry_now(self) -> None:
        """Try again at the next picture."""
        self._due = 0.0

    def write(self, image: Image) -> None:
        """Send a picture if there is a device for it."""
        if self._sink is None and time.monotonic() >= self._due:
            self._open()
        if self._sink is not None:
            try:
                self._sink.write(image)
            except Exception as error:  # drivers and their libraries raise what they like
                self._lose(error)

    def close(self) -> None:
        """Let go of the device."""
        if self._sink is not None:
            sink, self._sink = self._sink, None
            sink.close()

    def _open(self) -> None:
        try:
            self._sink = self._opening()
            self._changed(self._sink)
        except Exception as error:  # drivers and their libraries raise what they like
            self._lose(error)
            return
        self.where, self.trouble = self._sink.where, ""

    def _lose(self, error: Exception) -> None:
        known = isinstance(error, SinkError)
        why = str(error) if known else f"{self.where} failed ({type(error).__name__}: {error})"
        if why != self.trouble:
            log.warning("no pictures go out: %s", why, exc_info=None if known else error)
        self.trouble, self._due = why, time.monotonic() + RETRY
        with suppress(Exception):  # it is lost already
            self.close()
        self._changed(None)
