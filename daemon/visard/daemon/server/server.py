"""The daemon as a process: its event loop, its signals, and an end that waits for nobody."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from visard.daemon.api import address
from visard.daemon.server.app import build
from visard.daemon.server.deps import Api
from visard.daemon.server.protocol import LimitedProtocol
from visard.daemon.server.sd_notify import Notifier, report
from visard.daemon.server.socket import ListeningSocket, listening_socket
from visard.daemon.service.service import Service

GRACE = 0.3
"""Seconds that answers under way have at the end."""
_BACKLOG = 256
"""Connections that are accepted in one go."""
_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")

log = logging.getLogger(__name__)


def run(make: Callable[[], Service], folder: Path | None = None, *, tcp: bool = os.name != "posix") -> None:
    """Serve until a signal or a client asks for the end; raises DaemonRunning when another one does.

    ``make`` is called when it is certain that there is no other daemon.
    """
    with listening_socket(address.home() if folder is None else folder, tcp=tcp) as listening:
        asyncio.run(serve(make(), listening))


async def serve(service: Service, listening: ListeningSocket, notifier: Notifier | None = None) -> None:
    """Run the service behind the socket until the end is asked for."""
    notifier = notifier or Notifier()
    end = asyncio.Event()
    api = Api(service, end.set)
    server = _DaemonServer(_config(build(api, listening.token)), api, end, notifier)
    with _signals(end):
        await api.start()
        reporting = asyncio.create_task(report(service, notifier), name="visard systemd")
        try:
            await server.serve(sockets=[listening.socket])
        finally:
            notifier.stopping()
            reporting.cancel()
            await api.begin_stop()
            log.info("ended")


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=LimitedProtocol,
        backlog=_BACKLOG,
        ws="none",
        lifespan="off",  # what fails at the start must reach the person as one line
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )


class _DaemonServer(uvicorn.Server):
    """Uvicorn without a timer, so that a sleeping daemon sleeps, and with our signals and end."""

    def __init__(self, config: uvicorn.Config, api: Api, end: asyncio.Event, notifier: Notifier) -> None:
        super().__init__(config)
        self._api, self._end, self._notifier = api, end, notifier

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        log.info("ready")
        self._notifier.ready()

    async def main_loop(self) -> None:
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._notifier.stopping()
        self._api.begin_stop()
        asyncio.get_running_loop().call_later(GRACE, self._abort_connections)
        await super().shutdown(sockets)

    def _abort_connections(self) -> None:
        """Drop whoever does not read what was sent."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextmanager
def _signals(end: asyncio.Event) -> Iterator[None]:
    """Let the signals that end a program end this one cleanly; only on the main thread."""
    loop = asyncio.get_running_loop()

    def ask(_number: int, _frame: FrameType | None) -> None:
        with suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(end.set)

    before = {}
    for name in _SIGNALS:
        with suppress(AttributeError, ValueError):  # not on this system; not on this thread
            number = getattr(signal, name)
            if name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN:  # nohup's is kept
                before[number] = signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
