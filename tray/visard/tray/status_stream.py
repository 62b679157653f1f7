"""The daemon's status as it changes, and None while there is no daemon.

A new connection is tried now and then, and at once when something happens in the daemon's folder.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from visard.daemon.api.client import Client
from visard.daemon.api.schema import Event, Job, Status
from visard.daemon.errors import DaemonAbsent, DaemonError

log = logging.getLogger(__name__)

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


def follow(connect: Callable[[], Client], reconnect: ReconnectTimer) -> Iterator[Status | None]:
    """Give every new status for ever; blocks in between."""
    while True:
        try:
            for status in _statuses(connect()):
                reconnect.answered()
                yield status
        except DaemonAbsent:
            pass
        except DaemonError as error:
            log.warning("%s", error)
        yield None
        reconnect.wait()


def _statuses(client: Client) -> Iterator[Status]:
    status: Status | None = None
    for event in client.events():
        status = update(status, event)
        if status is not None:
            yield status


def update(status: Status | None, event: Event) -> Status | None:
    """Return the status after an event; raises DaemonError for what this tray does not understand."""
    try:
        return _updated(status, event)
    except ValidationError as error:
        raise DaemonError("the daemon is of another version than this tray; end both, start both") from error


def _updated(status: Status | None, event: Event) -> Status | None:
    if event.event == "status":
        return Status.model_validate(event.data)
    if event.event == "progress" and status is not None:
        job = Job.model_validate(event.data)
        others = tuple(known for known in status.jobs if known.id != job.id)
        return status.model_copy(update={"jobs": (*others, job)})
    return status


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
