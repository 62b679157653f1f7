"""A daemon without cameras or networks, to test its clients: ``VISARD_HOME=... python tests/fake_daemon.py``.

It says ``ready``, does what lines on its standard input say: ``problem no-camera``, ``clear``, ``sleep``,
``wake``, ``job 1 0.5``, ``quit``, and says ``done`` with the line.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from threading import Thread

from fake_service import FakeService

from visard.daemon.api import address
from visard.daemon.config import paths
from visard.daemon.config.file import ConfigFile
from visard.daemon.server.server import run


def obey(service: FakeService, line: str) -> None:
    """Do what one line says."""
    word, *rest = line.split()
    orders: dict[str, Callable[..., None]] = {
        "problem": service.problem,
        "clear": service.clear,
        "sleep": service.sleep,
        "wake": lambda: service.sleep(False),
        "job": lambda number, share: service.advance(int(number), float(share)),
        "prepare": service.prepare,
        "ill": lambda: setattr(service, "well", False),
        "quit": lambda: os.kill(os.getpid(), signal.SIGTERM),
    }
    orders[word](*rest)


def listen(service: FakeService) -> None:
    """Read orders until the input ends."""
    for line in sys.stdin:
        if line.strip():
            try:
                obey(service, line)
                print("done", line.strip(), flush=True)
            except (KeyError, TypeError, ValueError) as error:
                print(f"not understood: {line.strip()} ({error!r})", file=sys.stderr, flush=True)


def announce() -> None:
    """Say ``ready`` when the socket answers."""
    where = address.find()
    assert isinstance(where, address.Unix)
    with socket.socket(socket.AF_UNIX) as probe:
        while probe.connect_ex(str(where.path)):
            time.sleep(0.01)
    print("ready", flush=True)


def make() -> FakeService:
    """Make the service, and the threads around it."""
    service = FakeService(ConfigFile(paths.config() / "config.toml"))
    Thread(target=listen, args=(service,), daemon=True).start()
    Thread(target=announce, daemon=True).start()
    return service


if __name__ == "__main__":
    run(make)
    os._exit(0)  # the thread that reads the input would not end
