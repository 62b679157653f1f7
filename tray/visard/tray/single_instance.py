"""One tray for each user."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from visard.daemon.api import address
from visard.daemon.errors import VisardError


class TrayRunning(VisardError):
    """Another tray of this user is at work."""

    code = "tray-running"


@contextmanager
def only_one() -> Iterator[None]:
    """Keep other trays of this user away while the block runs; raises TrayRunning."""
    lock = FileLock(address.home() / "tray.lock", mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise TrayRunning("the tray is running already; look for its icon in the panel") from error
    try:
        yield
    finally:
        lock.release()
