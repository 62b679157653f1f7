"""Limits of this process, lowered for a while."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def soft_limit(kind: int, most: int) -> Iterator[None]:
    """Lower (or raise) one of ``resource.RLIMIT_*``; a small RLIMIT_FSIZE is like a full disk."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))
