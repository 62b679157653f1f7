"""The API keeps what its own description promises, whatever it is sent."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from control import fake
from fake_service import FakeService
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import one_of
from schemathesis.generation import GenerationMode
from starlette.types import Message, Receive, Scope, Send

from visard.daemon.server.app import build
from visard.daemon.server.deps import Api

ENOUGH = {b"text/event-stream": 1, b"multipart/x-mixed-replace": 2}
"""Pieces of an endless answer after which its reader hangs up."""


class HangingUp:
    """A server whose readers leave endless answers after a few pieces, as ``curl | head`` does."""

    def __init__(self, app: FastAPI, service: FakeService) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Every request comes on an event loop of its own here.
        self._app.state.api = Api(self._service, lambda: None)
        pieces, enough, gone = 0, 0, asyncio.Event()

        async def forward(message: Message) -> None:
            nonlocal pieces, enough
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"").partition(b";")[0]
                enough = ENOUGH.get(kind, 0)
            pieces += message["type"] == "http.response.body"
            if gone.is_set():
                return
            if enough and pieces == enough:
                gone.set()
                message = {**message, "more_body": False}
            await send(message)

        async def listen() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not enough:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        await self._app(scope, listen, forward)


def description() -> dict[str, Any]:
    """Return the API's own description, which needs no running service."""
    return build(Api(object.__new__(FakeService), lambda: None)).openapi()


OPERATIONS = [(path, method) for path, item in description()["paths"].items() for method in item]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    service = fake(tmp_path_factory.mktemp("config"), frames=200)
    app = build(Api(service, lambda: None))
    service.start()
    yield schemathesis.openapi.from_asgi("/openapi.json", HangingUp(app, service))
    service.stop()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_keeps_its_description(schema: Any, path: str, method: str) -> None:
    operation = schema[path][method.upper()]
    requests = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=one_of(requests))
    def check(case: Any) -> None:
        case.call_and_validate()

    check()
