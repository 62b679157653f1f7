"""One daemon for a user, and the socket it listens on."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from visard.daemon.api import address
from visard.daemon.api.address import Address, Tcp, Unix
from visard.daemon.errors import DaemonRunning


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A bound socket that does not listen yet, and its address."""

    socket: socket.socket
    address: Address

    @property
    def token(self) -> str | None:
        """The word that requests must bring along, where the socket does not keep others out."""
        return self.address.token if isinstance(self.address, Tcp) else None


@contextmanager
def listening_socket(folder: Path, *, tcp: bool = os.name != "posix") -> Iterator[ListeningSocket]:
    """Bind the socket of this folder for as long as the block runs.

    Raises DaemonRunning, having touched nothing, when another daemon has it.
    """
    lock = FileLock(address.lock(folder), timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise _running() from None
    try:
        with _port(folder) if tcp else _socket(address.unix(folder)) as listening:
            yield listening
    finally:
        lock.release()


@contextmanager
def _socket(where: Unix) -> Iterator[ListeningSocket]:
    if _answers(where):
        raise _running()
    where.path.unlink(missing_ok=True)  # left behind by a daemon that was killed
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        bound.bind(str(where.path))
        where.path.chmod(0o600)
        try:
            yield ListeningSocket(bound, where)
        finally:
            where.path.unlink(missing_ok=True)


@contextmanager
def _port(folder: Path) -> Iterator[ListeningSocket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.bind(("127.0.0.1", 0))
        where = Tcp(bound.getsockname()[1])
        address.publish(folder, where)
        try:
            yield ListeningSocket(bound, where)
        finally:
            address.withdraw(folder)


def _answers(where: Unix) -> bool:
    try:
        where.probe()
    except OSError:
        return False
    return True


def _running() -> DaemonRunning:
    return DaemonRunning("a Visard daemon of yours is at work already; 'visard status' tells about it")
