"""What a request may cost before anything looks at it: its body's size and time, and on a port its token."""

import asyncio
import re
import secrets
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visard.daemon.api.requests import MAX_UPLOAD
from visard.daemon.server.error_handlers import answer

MAX_BODY = 1 << 20
"""Bytes of the largest body that is read."""
MAX_DRAIN = 256 << 20
"""Bytes that are thrown away at most, so that the sender gets to read the answer."""
_UPLOADS = re.compile(r"/trials(/[^/]+/photos)?")
_STREAMED = re.compile(r"/models/[^/]+/file")
"""Takes its body by itself, a piece at a time, with limits of its own."""
TIMEOUT = 10.0
"""Seconds in which a body must have come."""


class _TooLarge(Exception):
    """The body is over the limit."""


class BodyLimit:
    """Reads a request's whole body before the application runs; too large is 413, too slow 408."""

    def __init__(
        self, app: ASGIApp, *, body: int = MAX_BODY, drain: int = MAX_DRAIN, timeout: float = TIMEOUT
    ) -> None:
        self._app, self._body, self._drain, self._timeout = app, body, drain, timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or (scope["method"] == "POST" and _STREAMED.fullmatch(scope["path"])):
            await self._app(scope, receive, send)
            return
        upload = scope["method"] == "POST" and _UPLOADS.fullmatch(scope["path"])
        limit = MAX_UPLOAD if upload else self._body
        try:
            async with asyncio.timeout(self._timeout):
                first = await self._read(receive, limit)
        except _TooLarge:
            await _reject(413, "too-large", f"a body may have {limit} bytes", scope, receive, send)
        except TimeoutError:
            await _reject(408, "too-slow", f"a body must come in {self._timeout:g} s", scope, receive, send)
        else:
            await self._app(scope, _first(first, receive), send)

    async def _read(self, receive: Receive, limit: int) -> Message:
        """Return the body as one message; raises _TooLarge after most of a larger one was thrown away."""
        pieces: list[bytes] = []
        size, more = 0, True
        while more and size <= max(self._drain, limit):
            message = await receive()
            if message["type"] != "http.request":
                return message
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if size <= limit:
                pieces.append(piece)
        if size > limit:
            raise _TooLarge
        return {"type": "http.request", "body": b"".join(pieces), "more_body": False}


class TokenAuth:
    """Lets only those in who bring the token; for a port, which every user of the computer can reach."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app, self._expected = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            given = Headers(scope=scope).get("authorization", "").encode()
            if not secrets.compare_digest(given, self._expected):
                await _reject(401, "unauthorized", "this needs the daemon's token", scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _reject(status: int, code: str, message: str, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Connection": "close"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    await answer(status, code, message, headers)(scope, receive, send)


def _first(message: Message, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the message and goes on with the other one."""
    waiting = [message]

    async def next_() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_
