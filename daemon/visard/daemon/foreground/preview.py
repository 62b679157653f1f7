"""The preview page of a service that has no event loop."""

import asyncio
import math
from concurrent.futures import Future
from threading import Thread

from visard.daemon.errors import DaemonError, SinkUnavailable
from visard.daemon.server.events import EventBroadcaster
from visard.daemon.server.preview import PreviewPage
from visard.daemon.service.service import Service


class PreviewThread:
    """Serves the page on a thread of its own, from the first link on until it is closed."""

    def __init__(self, service: Service, port: int = 0) -> None:
        self._service, self._port = service, port
        self._started: Future[tuple[asyncio.AbstractEventLoop, PreviewPage]] = Future()
        self._end = asyncio.Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="visard preview", daemon=True)
        self._thread.start()
        self._loop, self._page = self._started.result()

    def link(self) -> str:
        """Return a link that is good for one visit within a few minutes. Raises SinkUnavailable."""
        try:
            return asyncio.run_coroutine_threadsafe(self._page.link(), self._loop).result()
        except DaemonError as error:
            raise SinkUnavailable(str(error)) from error

    def close(self) -> None:
        """Close the page, whoever looks."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self) -> None:
        announcer = EventBroadcaster(self._service)
        page = PreviewPage(self._service, announcer, port=self._port, quiet=math.inf)
        self._started.set_result((asyncio.get_running_loop(), page))
        await self._end.wait()
        announcer.close()
        await page.close()
