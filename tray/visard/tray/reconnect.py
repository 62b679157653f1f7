"""Waiting for the daemon: an attempt now and then, and at once when something happens in its folder."""

import sys
import time
from pathlib import Path

_FIRST, _LAST = 0.05, 2.0
"""Seconds between attempts while nothing tells that the daemon is back."""
_PATIENT = 60.0
"""The same where the folder tells."""
_OPENING = 0.05
"""Seconds from a socket being there to somebody listening to it."""


class ReconnectTimer:
    """Knows how long to wait before the next attempt; one thread."""

    def __init__(self, folder: Path) -> None:
        self._delay = _FIRST
        self._watch = _watch(folder)

    def answered(self) -> None:
        """Begin anew: the daemon was there."""
        self._delay = _FIRST

    def wait(self) -> None:
        """Return when another attempt is due."""
        if self._watch is None:
            time.sleep(self._delay)
        elif self._watch.read(timeout=int(self._delay * 1000)):
            self._delay = _FIRST
            time.sleep(_OPENING)
            return
        most = _LAST if self._watch is None or self._delay < _LAST else _PATIENT
        self._delay = min(self._delay * 2, most)

    def close(self) -> None:
        """Look at the folder no more."""
        if self._watch is not None:
            self._watch.close()


if sys.platform == "linux":
    from inotify_simple import INotify, flags  # type: ignore[import-untyped]

    def _watch(folder: Path) -> INotify | None:
        try:
            watch = INotify()
        except OSError:  # the system has none left to give; looking often does it as well
            return None
        try:
            watch.add_watch(folder, flags.CREATE | flags.MOVED_TO)
        except OSError:
            watch.close()
            return None
        return watch
else:

    def _watch(folder: Path) -> None:  # noqa: ARG001
        return None
