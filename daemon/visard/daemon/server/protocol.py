"""What a connection may cost that asks for nothing: neither for long nor many at once."""

import asyncio
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from visard.daemon.server.error_handlers import Rejection, answer
from visard.daemon.service import descriptors

TIMEOUT = 10.0
"""Seconds in which a request's headers must have come, counted from the last answer."""
_FULL = Rejection(503, "too-many", "too many programs are connected; try again later")


class LimitedProtocol(H11Protocol):
    """One connection, which is there only while it is answered, and a short time besides.

    Uvicorn's own limits do not cover this: ``limit_concurrency`` is looked at when a request has come, and
    ``timeout_keep_alive`` begins with an answer and ends with the first byte of another request.
    """

    most: ClassVar[int] = 400
    """Connections at once, where a third of the process's descriptors is not less."""
    timeout: ClassVar[float] = TIMEOUT
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or send away at once, having read nothing."""
        super().connection_made(transport)
        rejection = self.rejection()
        if rejection is None:
            self._watch()
        else:
            self.connections.discard(self)  # who is sent away takes nobody's place
            self._reject(rejection)

    def rejection(self) -> Rejection | None:
        """Return why nothing is read from whoever has connected; None lets them in."""
        return _FULL if len(self.connections) > min(self.most, descriptors.limit() // 3) else None

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request, for a while."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._unwatch()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not even HTTP in the form of every other error."""
        self._reject(Rejection(400, "bad-request", msg))

    def _watch(self) -> None:
        """Give up the connection in a while, whatever is sent bit by bit, unless an answer is under way."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.timeout, self.transport.abort)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _reject(self, rejection: Rejection) -> None:
        status = HTTPStatus(rejection.status)
        body = bytes(answer(rejection.status, rejection.code, rejection.message).body)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        for event in (
            h11.Response(status_code=status, headers=headers, reason=status.phrase),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
