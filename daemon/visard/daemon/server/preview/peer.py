"""Whose program is at the other end of a connection; only the kernel of Linux tells."""

import errno
import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_TABLES = (("", Path("/proc/net/tcp")), ("0000000000000000FFFF0000", Path("/proc/net/tcp6")))
"""Where a connection's user stands; before an IPv4 address stands how IPv6 writes it."""
_ESTABLISHED = 1
_SOCK_DIAG, _BY_FAMILY = 4, 20
"""The protocol and the one message of Linux's netlink that tells of sockets."""

Endpoint = tuple[str, int]


def is_this_user(connection: socket.socket) -> bool:
    """Whether it is a program of this user: also no where Linux does not say, always yes elsewhere.

    An end that was closed, if only half, has no user any more, or root for one; and its port may be another
    program's by now. So both ends must stand, and ours still when the other's user was read.
    """
    if sys.platform != "linux":
        return True
    try:
        ends = connection.getpeername(), connection.getsockname()
        return _stands(connection) and owner(*ends) == os.geteuid() and _stands(connection)
    except OSError:
        return False


def _stands(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED


def owner(here: Endpoint, there: Endpoint) -> int | None:
    """Return the user of the established connection from ``here`` to ``there``, IPv4 addresses and ports.

    The kernel is asked for this one, since its tables take it 9 ms to write, which anybody could have it do.
    """
    try:
        answer = _diagnose(here, there)
        return int.from_bytes(answer[64:68], sys.byteorder) if answer[1] == _ESTABLISHED else None
    except OSError:
        users = list(owners(here, there))  # a kernel without sock_diag
        return users[0] if len(users) == 1 else None


def _diagnose(here: Endpoint, there: Endpoint) -> bytes:
    """Return what Linux's sock_diag tells of a connection, a ``struct inet_diag_msg``; raises OSError."""
    ports = struct.pack("!HH", here[1], there[1])
    addresses = b"".join(socket.inet_aton(address).ljust(16, b"\0") for address, _ in (here, there))
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 1 << _ESTABLISHED)
    body += ports + addresses + struct.pack("=I", 0) + b"\xff" * 8
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.sendto(struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, 1, 0, 0) + body, (0, 0))
        answer = kernel.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] != _BY_FAMILY or answer[20:24] != ports:
        raise OSError(errno.ENOENT, "the kernel tells nothing of this connection")
    return answer[16:]


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
