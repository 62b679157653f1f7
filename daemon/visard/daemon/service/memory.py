"""Gives memory back to the system: a daemon runs all day, and its pictures leave holes of every size.

Only where the C library is glibc. By itself it makes a heap for every few threads, and keeps what is freed in
the middle of one: over minutes of switching personas a fifth more, and growing, than with two heaps.
"""

import ctypes
import gc
import sys
from functools import cache

_ARENA_MAX = -8
_HEAPS = 2


@cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def few_heaps() -> None:
    """Let all threads share two heaps; call it before they start."""
    if (library := _glibc()) is not None:
        library.mallopt(_ARENA_MAX, _HEAPS)


def give_back() -> None:
    """Return what is free to the system; takes some hundredths of a second, in which all threads may wait.

    A pipeline that was replaced is a ring of references, and Python does not see how heavy its pictures are.
    """
    gc.collect()
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
