"""A web server inside a running event loop, on this computer only."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from visard.daemon.errors import DaemonError
from visard.daemon.server.error_handlers import Rejection
from visard.daemon.server.preview.peer import is_this_user
from visard.daemon.server.protocol import LimitedProtocol

HOST = "127.0.0.1"
_BACKLOG = 64
"""Connections that are accepted in one go, before any of them is looked at."""
_STRANGER = Rejection(403, "user", "this page belongs to another user of this computer")
_SETTLE = 0.02
"""Seconds in which the event loop ends what was begun: a connection takes some of its turns."""


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on a port, 0 being any free one. Raises DaemonError."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        advice = "choose another port" if port else "look at what blocks it"
        raise DaemonError(
            f"the preview page cannot be opened on {HOST}:{port} ({os.strerror(error.errno or 0)}); {advice}"
        ) from error


class _PageProtocol(LimitedProtocol):
    """A connection of this user's; nothing is read from anybody else."""

    most = 64

    def rejection(self) -> Rejection | None:
        """Return why nothing is read from whoever has connected; None lets them in."""
        connection = self.transport.get_extra_info("socket")
        return super().rejection() or (None if is_this_user(connection) else _STRANGER)


class PreviewHttpServer(uvicorn.Server):
    """Serves ``app`` on a listening socket, without touching the signals and logs of the program."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_PageProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # nobody may choose what address we take theirs for
                server_header=False,
                date_header=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=1,
            )
        )
        self._end = asyncio.Event()
        self._task = asyncio.create_task(self.serve([listening]), name="visard preview page")

    async def main_loop(self) -> None:
        """Wait for the end without a timer."""
        await self._end.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield

    async def close(self) -> None:
        """Hang up on everybody and end; open streams do not delay it."""
        self._end.set()
        self._abort_connections()
        await asyncio.wait([self._task])
        await asyncio.sleep(_SETTLE)
        self._abort_connections()  # on those who came in while it was closing
        await asyncio.sleep(0)

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
