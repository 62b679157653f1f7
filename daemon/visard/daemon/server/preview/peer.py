"""Whose program is at the other end of a connection; only the kernel of Linux tells."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

_TABLES = (("", Path("/proc/net/tcp")), ("0000000000000000FFFF0000", Path("/proc/net/tcp6")))
"""Where a connection's user stands; before an IPv4 address stands how IPv6 writes it."""
_ESTABLISHED = 1

Endpoint = tuple[str, int]


def is_this_user(connection: socket.socket) -> bool:
    """Whether it is a program of this user: also no where Linux does not say, always yes elsewhere.

    An end that was closed, if only half, has no user any more, or root for one; and its port may be another
    program's by now. So both ends must stand, and ours still when the other's user was read.
    """
    if sys.platform != "linux":
        return True
    try:
        users = list(owners(connection.getpeername(), connection.getsockname()))
        state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return False
    return users == [os.geteuid()] and state == _ESTABLISHED


def owners(here: Endpoint, there: Endpoint, tables: tuple[tuple[str, Path], ...] = _TABLES) -> Iterator[int]:
    """Give the user of every established connection from ``here`` to ``there``: one, or none.

    Both are IPv4 addresses and ports.
    """
    for prefix, table in tables:
        ends = " ".join(prefix + _hex(address) for address in (here, there))
        try:
            rows = table.read_text("ascii")
        except OSError:
            continue
        yield from (int(uid) for uid in re.findall(rf" {ends} 01 \S+ \S+ \S+ +(\d+) ", rows))


def _hex(address: Endpoint) -> str:
    """Write an address as the kernel does: the number in this machine's order of bytes."""
    numbers = [int(part) for part in address[0].split(".")]
    order = 1 if sys.byteorder == "big" else -1
    return "".join(f"{number:02X}" for number in numbers[::order]) + f":{address[1]:04X}"
