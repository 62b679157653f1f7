"""The preview page: driver and result side by side, for the person at this computer and nobody else."""

import asyncio

from starlette.types import ASGIApp

from visard.daemon.server.events import EventBroadcaster
from visard.daemon.server.preview.auth import PreviewAuth
from visard.daemon.server.preview.routes import application
from visard.daemon.server.preview.server import HOST, PreviewHttpServer, listen
from visard.daemon.server.preview.sessions import Sessions
from visard.daemon.service.service import Service

QUIET = 300.0
"""Seconds without anybody looking after which the page is closed."""


class PreviewPage:
    """Opens the page when somebody asks for a link, and closes it when nobody looks; one event loop."""

    def __init__(
        self, service: Service, announcer: EventBroadcaster, *, port: int = 0, quiet: float = QUIET
    ) -> None:
        self._app = application(service, announcer)
        self._port = port
        self._quiet = quiet
        self._visit: _Open | None = None

    async def link(self) -> str:
        """Return a link that is good for one visit within a few minutes. Raises DaemonError."""
        if self._visit is None or self._visit.over:
            self._visit = _Open(self._app, self._port, self._quiet)
        return self._visit.link()

    async def close(self) -> None:
        """Close the page, whoever looks."""
        if self._visit is not None:
            await self._visit.close()


class _Open:
    """The page while it is open: a server on a port of its own, with its own links and sessions."""

    def __init__(self, app: ASGIApp, port: int, quiet: float) -> None:
        self.over = False
        listening = listen(port)
        self._port: int = listening.getsockname()[1]
        self._sessions = Sessions()
        self._server = PreviewHttpServer(PreviewAuth(app, self._sessions, self._port), listening)
        self._watch = asyncio.create_task(self._until_quiet(quiet), name="visard preview page")

    def link(self) -> str:
        return f"http://{HOST}:{self._port}/?token={self._sessions.invite()}"

    async def close(self) -> None:
        self.over = True
        self._watch.cancel()
        await self._server.close()

    async def _until_quiet(self, quiet: float) -> None:
        while (left := quiet - self._sessions.quiet()) > 0:
            await asyncio.sleep(left)
        self.over = True
        await self._server.close()
