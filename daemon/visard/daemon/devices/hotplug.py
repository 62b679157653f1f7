"""Cameras that are plugged in and out."""

import logging
import re
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from visard.daemon.devices.poll_thread import PollThread

log = logging.getLogger(__name__)

_NODE = re.compile(r"video\d+")
_SETTLE, _MAX_DELAY = 0.3, 1.0
"""Seconds of quiet to wait for, and at the most: udev makes the links and lets the user in after the kernel
made the node."""


class Hotplug:
    """Calls ``changed``, on a thread of its own, after a video device came, went or changed its permissions.

    Does nothing elsewhere than on Linux.
    """

    def __init__(self, changed: Callable[[], None], folder: Path = Path("/dev")) -> None:
        self._changed = changed
        self._first: float | None = None
        self._due = 0.0
        self._thread = self._watch(folder) if sys.platform == "linux" else None

    def close(self) -> None:
        """Stop telling, at once."""
        if self._thread is not None:
            self._thread.close()

    def _watch(self, folder: Path) -> PollThread | None:
        from inotify_simple import INotify, flags, masks  # type: ignore[import-untyped]

        with ExitStack() as unless_it_works:
            try:
                self._inotify = unless_it_works.enter_context(INotify())
                self._inotify.add_watch(folder, flags.CREATE | flags.DELETE | flags.ATTRIB | masks.MOVE)
            except OSError as error:  # a system allows few of them
                log.warning("cameras that are plugged in are not noticed at once: %s", error)
                return None
            unless_it_works.pop_all()
        return PollThread("hotplug", self._inotify.fileno(), self._step, self._inotify.close)

    def _step(self) -> float | None:
        now = time.monotonic()
        if any(_NODE.fullmatch(event.name) for event in self._inotify.read(timeout=0)):
            self._first = now if self._first is None else self._first
            self._due = min(now + _SETTLE, self._first + _MAX_DELAY)
        if self._first is None:
            return None
        if now < self._due:
            return self._due - now
        self._first = None
        self._changed()
        return None
