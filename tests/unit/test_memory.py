"""Memory goes back to the system."""

import subprocess
import sys

import pytest

from visard.daemon.service.service import memory

HOLES = """
import psutil
from visard.daemon.service.service import memory
memory.few_heaps()
used = lambda: psutil.Process().memory_info().rss >> 20
blocks = [bytearray(100_000) for _ in range(2000)]
keep = blocks[::50]
del blocks
before = used()
memory.give_back()
print(before, used())
"""


@pytest.mark.skipif(memory._glibc() is None, reason="another C library than glibc")
def test_what_lies_free_between_what_is_used_goes_back() -> None:
    before, after = map(int, subprocess.check_output([sys.executable, "-c", HOLES]).split())
    assert before - after > 100


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    memory._glibc.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    memory.few_heaps()
    memory.give_back()
    memory._glibc.cache_clear()
