"""The daemon's status as it changes, and None while there is no daemon."""

import logging
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from visard.daemon.api.client import Client
from visard.daemon.api.schema import Event, Job, Status
from visard.daemon.errors import DaemonAbsent, DaemonError
from visard.tray.reconnect import ReconnectTimer

log = logging.getLogger(__name__)


def follow(connect: Callable[[], Client], bell: ReconnectTimer) -> Iterator[Status | None]:
    """Give every new status for ever; blocks in between."""
    while True:
        try:
            for status in _statuses(connect()):
                bell.answered()
                yield status
        except DaemonAbsent:
            pass
        except DaemonError as error:
            log.warning("%s", error)
        yield None
        bell.wait()


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
