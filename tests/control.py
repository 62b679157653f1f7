"""What tests of the control API share: an application around a service in memory, and a client inside it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fake_service import FakeService
from fastapi import FastAPI

from visard.daemon.config.file import ConfigFile
from visard.daemon.server.app import build
from visard.daemon.server.deps import Api


def fake(folder: Path, frames: float = 10) -> FakeService:
    """Make a service whose configuration lies in this folder."""
    return FakeService(ConfigFile(folder / "config.toml"), frames)


@asynccontextmanager
async def served(
    service: FakeService, token: str | None = None
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """Run the application around a service and end both; the client sees answers, never exceptions."""
    api = Api(service, lambda: service.calls.append("end"))
    app = build(api, token)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://visard") as client:
            yield app, client
    finally:
        await api.begin_stop()


def ask(service: FakeService, method: str, path: str, **more: Any) -> httpx.Response:
    """Send one request to an application of its own; the service still answers afterwards."""

    async def once() -> httpx.Response:
        async with served(service) as (_, client):
            return await client.request(method, path, **more)

    return asyncio.run(once())


def run(work: Callable[[], Coroutine[Any, Any, None]], seconds: float = 60) -> None:
    """Run a test's coroutine; one that waits for ever is an error."""
    asyncio.run(asyncio.wait_for(work(), seconds))
