"""Whose program is at the other end of a connection on this computer.

A cookie is sent to every port of a computer, so another user's web server could be shown ours. The kernel
knows better: on Linux it tells which user owns each end.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

Address = tuple[str, int]
_TABLES = (("", Path("/proc/net/tcp")), ("0000000000000000FFFF0000", Path("/proc/net/tcp6")))
_ROOT = 0


def stranger(client: Address, server: Address, tables: tuple[tuple[str, Path], ...] = _TABLES) -> bool:
    """Whether ``client`` is known to be neither this user's nor root's; False where nobody can tell.

    Both are IPv4 addresses and ports. An end that its program has let go already counts as a stranger.
    """
    ours = list(_owners(server, client, tables))
    theirs = list(_owners(client, server, tables))
    return bool(ours) and not any(uid in (_ROOT, os.geteuid()) for uid in theirs)


def _owners(here: Address, there: Address, tables: tuple[tuple[str, Path], ...]) -> Iterator[int]:
    """Give the user of every established connection from ``here`` to ``there``: one, or none."""
    for prefix, table in tables:
        ends = " ".join(prefix + _hex(address) for address in (here, there))
        try:
            rows = table.read_text("ascii")
        except OSError:
            continue
        yield from (int(uid) for uid in re.findall(rf" {ends} 01 \S+ \S+ \S+ +(\d+) ", rows))


def _hex(address: Address) -> str:
    """Write an address as the kernel does: the number in this machine's order of bytes."""
    numbers = [int(part) for part in address[0].split(".")]
    order = 1 if sys.byteorder == "big" else -1
    return "".join(f"{number:02X}" for number in numbers[::order]) + f":{address[1]:04X}"
