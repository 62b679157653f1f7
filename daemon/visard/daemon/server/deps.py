"""What the routes work with: service, broadcaster and preview page, started and stopped as one."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from visard.daemon.server.events import EventBroadcaster
from visard.daemon.service.service import Service

if TYPE_CHECKING:
    from visard.daemon.server.preview import PreviewPage


class Api:
    """One running daemon, for its routes; ``end`` is called when a client asks for the end."""

    def __init__(self, service: Service, end: Callable[[], None]) -> None:
        self.service = service
        self.broadcaster = EventBroadcaster(service)
        self.end = end
        self._page: PreviewPage | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the service."""
        await asyncio.to_thread(self.service.start)

    def begin_stop(self) -> "asyncio.Task[None]":
        """Begin to stop: every stream ends, whoever reads it; return what finishes with the rest."""
        if self._stopping is None:
            self.broadcaster.close()
            self._stopping = asyncio.create_task(self._stop(), name="visard stop")
        return self._stopping

    async def _stop(self) -> None:
        try:
            if self._page is not None:
                await self._page.close()
        finally:
            await asyncio.to_thread(self.service.stop)

    def page(self) -> "PreviewPage":
        """Return the preview page, which exists from the first call on."""
        if self._page is None:
            from visard.daemon.server.preview import PreviewPage

            self._page = PreviewPage(self.service, self.broadcaster)
        return self._page


async def _api(request: Request) -> Api:
    api = request.app.state.api
    assert isinstance(api, Api)
    return api


ApiDep = Annotated[Api, Depends(_api)]
