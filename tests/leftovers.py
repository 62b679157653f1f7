"""Whether a test leaves threads or open files behind."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from weakref import WeakSet

EARLIER: "WeakSet[threading.Thread]" = WeakSet()
"""Threads that were there when the test began: another one's engines may still be compiling."""


def remember_threads() -> None:
    """Begin a test."""
    EARLIER.clear()
    for thread in threading.enumerate():
        EARLIER.add(thread)


def no_thread_left(seconds: float = 30.0) -> bool:
    """Whether every thread of the product that this test started ends by itself within ``seconds``."""
    deadline = time.monotonic() + seconds
    for thread in _ours():
        thread.join(max(deadline - time.monotonic(), 0))
    return not _ours()


def _ours() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("visard") and one not in EARLIER]


def files_left_by(act: Callable[[], object], times: int = 20) -> int:
    """How many files each call of ``act`` leaves open.

    It is called ``times`` times, as threads of earlier tests may open or close a few files meanwhile.
    """
    before = _open_files()
    for _ in range(times):
        act()
    return round((_open_files() - before) / times)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
