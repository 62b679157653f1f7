"""Whether a test leaves threads behind."""

import threading
import time
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
