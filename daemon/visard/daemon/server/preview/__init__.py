"""The preview page: driver and result side by side, for the person at this computer and nobody else."""

import asyncio

from starlette.types import ASGIApp

from visard.daemon.server.events import EventBroadcaster
from visard.daemon.server.preview.auth import PreviewAuth
from visard.daemon.server.preview.http_server import HOST, PreviewHttpServer, listen
from visard.daemon.server.preview.page_routes import application
from visard.daemon.server.preview.sessions import Sessions
from visard.daemon.service.service import Service

IDLE_TIMEOUT = 300.0
"""Seconds without anybody looking after which the page is closed."""


class PreviewPage:
    """Opens the page when somebody asks for a link, and closes it when nobody looks; one event loop."""

    def __init__(
        self, service: Service, broadcaster: EventBroadcaster, *, port: int = 0, idle: float = IDLE_TIMEOUT
    ) -> None:
        self._app = application(service, broadcaster)
        self._port = port
        self._idle = idle
        self._visit: _OpenPage | None = None

    async def link(self) -> str:
        """Return a link that is good for one visit within a few minutes. Raises DaemonError."""
        if self._visit is None or self._visit.over:
            self._visit = _OpenPage(self._app, self._port, self._idle)
        return self._visit.link()

    async def close(self) -> None:
        """Close the page, whoever looks."""
        if self._visit is not None:
            await self._visit.close()


class _OpenPage:
    """The page while it is open: a server on a port of its own, with its own links and sessions."""

    def __init__(self, app: ASGIApp, port: int, idle: float) -> None:
        self.over = False
        listening = listen(port)
        self._port: int = listening.getsockname()[1]
        self._sessions = Sessions()
        self._server = PreviewHttpServer(PreviewAuth(app, self._sessions, self._port), listening)
        self._watch = asyncio.create_task(self._until_idle(idle), name="visard preview page")

    def link(self) -> str:
        return f"http://{HOST}:{self._port}/?token={self._sessions.invite()}"

    async def close(self) -> None:
        self.over = True
        self._watch.cancel()
        await self._server.close()

    async def _until_idle(self, idle: float) -> None:
        while (left := idle - self._sessions.idle()) > 0:
            await asyncio.sleep(left)
        self.over = True
        await self._server.close()
