"""File descriptors: enough of them for cameras, personas and sinks, however many clients there are."""

import errno
import os
import sys
from collections.abc import Iterator

import psutil

WANTED = 4096
"""Descriptors that the process asks for; far more than it needs, and few enough for any system."""
SPARE = 64
"""Descriptors that must be left for what opens many files at once, such as preparing a persona."""
_TEXTS = tuple(os.strerror(number) for number in (errno.EMFILE, errno.ENFILE))


def provide() -> None:
    """Raise the limit of this process as far as ``WANTED`` where the system allows."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def limit() -> int:
    """Return how many this process may have; ``WANTED`` where there is no limit."""
    if sys.platform == "win32":
        return WANTED
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft


def scarce() -> bool:
    """Whether fewer than ``SPARE`` are left."""
    if sys.platform == "win32":
        return False
    try:
        return limit() - psutil.Process().num_fds() < SPARE  # type: ignore[no-any-return]
    except OSError:
        return True  # not even one, to look with


def caused(error: BaseException) -> bool:
    """Whether an error came for want of descriptors, so that the same may succeed later.

    Libraries tell of it in words of their own or not at all: hence the last look at how many are left.
    """
    return any(text in str(one) for one in _chain(error) for text in _TEXTS) or scarce()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
