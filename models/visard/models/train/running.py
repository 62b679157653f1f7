"""Who trains: one process at a time, and whoever wants to know whether one does. Needs no PyTorch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from visard.models.train.errors import AlreadyRunning

_LOCK = ".lock"
_PATIENCE = 10.0
"""Seconds for one that was killed to be gone, and for one that only looks."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Train within this; raises AlreadyRunning where another process does."""
    lock = FileLock(folder / _LOCK, timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout as error:
        raise AlreadyRunning(
            f"another process trains in {folder}; wait for it, or stop it with Ctrl-C"
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_running(folder: Path) -> bool:
    """Whether a process trains there now."""
    if not (folder / _LOCK).exists():
        return False
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:  # another user's
        return False
    lock.release()
    return False
