"""The preview page of a service that runs without an event loop."""

import asyncio
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

from visard.daemon.errors import DaemonError, SinkUnavailable
from visard.daemon.server.events import EventBroadcaster
from visard.daemon.server.preview import PreviewPage
from visard.daemon.service.service import Service


@contextmanager
def serving(service: Service, port: int = 0) -> Iterator[Callable[[], str]]:
    """Serve the page from a thread of its own until the end of the block.

    Gives what returns a link that is good for one visit within a few minutes; it raises SinkUnavailable.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, PreviewPage]] = Future()
    end = asyncio.Event()

    async def serve() -> None:
        broadcaster = EventBroadcaster(service)
        page = PreviewPage(service, broadcaster, port=port, idle=math.inf)
        started.set_result((asyncio.get_running_loop(), page))
        await end.wait()
        broadcaster.close()
        await page.close()

    def link() -> str:
        try:
            return asyncio.run_coroutine_threadsafe(page.link(), loop).result()
        except DaemonError as error:
            raise SinkUnavailable(str(error)) from error

    thread = Thread(target=lambda: asyncio.run(serve()), name="visard preview", daemon=True)
    thread.start()
    loop, page = started.result()
    try:
        yield link
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
