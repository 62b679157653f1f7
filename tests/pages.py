"""A preview page that runs beside a test, on an event loop of its own."""

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, TypeVar

import httpx
from fake_service import FakeService

from visard.daemon.server.events import EventBroadcaster
from visard.daemon.server.preview import IDLE_TIMEOUT, PreviewPage

T = TypeVar("T")


class Running:
    """A page and its broadcaster on a thread of their own."""

    def __init__(self, service: FakeService, idle: float = IDLE_TIMEOUT) -> None:
        self._loop = asyncio.new_event_loop()
        self._released = Event()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.broadcaster, self.page = self.do(self._make(service, idle))

    async def _make(self, service: FakeService, idle: float) -> tuple[EventBroadcaster, PreviewPage]:
        broadcaster = EventBroadcaster(service)
        return broadcaster, PreviewPage(service, broadcaster, idle=idle)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine where the page runs."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def link(self) -> str:
        return self.do(self.page.link())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the page look at nothing until ``release``, or the end of the block."""
        self._released.clear()
        self._loop.call_soon_threadsafe(self._released.wait)
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        self._released.set()

    def close(self) -> None:
        self.do(self.page.close())

    def dismiss(self) -> None:
        """End the events of whoever reads them."""

        async def end() -> None:
            self.broadcaster.close()

        self.do(end())

    def end(self) -> None:
        self.close()
        self.dismiss()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@contextmanager
def running(service: FakeService, idle: float = IDLE_TIMEOUT) -> Iterator[Running]:
    """Start the service, and a page for it."""
    service.start()
    page = Running(service, idle)
    try:
        yield page
    finally:
        page.end()
        service.stop()


@contextmanager
def visitor(link: str) -> Iterator[httpx.Client]:
    """Come in by the link, as a browser would, and stay."""
    base = link.partition("/?")[0]
    with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:
        assert client.get(link).status_code == 303
        yield client


def cookie(client: httpx.Client) -> str:
    """Return what a visitor's browser would send."""
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def raw(client: httpx.Client, *lines: str) -> bytes:
    """Send these lines as they are, with the visitor's cookie, and return the whole answer."""
    text = "\r\n".join([*lines, f"Cookie: {cookie(client)}", "", ""])
    with socket.create_connection(("127.0.0.1", int(client.base_url.port or 0)), 30) as there:
        there.sendall(text.encode())
        with there.makefile("rb") as answer:
            return answer.read()
