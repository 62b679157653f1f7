"""A body costs no memory before it was found small, and no time before it came."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from control import run
from starlette.types import Message, Receive, Scope, Send

from visard.daemon.server.middleware import BodyLimit

Sent = list[Message]


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body, in as many pieces as it came."""
    pieces = []
    while True:
        message = await receive()
        pieces.append(message["body"].decode())
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(pieces).encode()})


class Sender:
    """A client that sends pieces, and counts those that were taken."""

    def __init__(self, pieces: Iterable[bytes], *, stall: bool = False) -> None:
        self._pieces = iter(pieces)
        self._stall = stall
        self.taken = 0

    async def receive(self) -> Message:
        piece = next(self._pieces, None)
        if piece is None:
            if self._stall:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": b"", "more_body": False}
        self.taken += len(piece)
        return {"type": "http.request", "body": piece, "more_body": True}


def send(sender: Sender, **limits: Any) -> tuple[int, Any]:
    """Send a body through the limits to ``echo``; gives the status and the answer."""
    sent: Sent = []

    async def keep(message: Message) -> None:
        sent.append(message)

    async def work() -> None:
        scope = {"type": "http", "method": "POST", "path": "/x"}
        await BodyLimit(echo, **limits)(scope, sender.receive, keep)

    run(work)
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize("pieces", [[], [b"abc"], [b"ab", b"", b"c"], [b"x"] * 100])
def test_a_small_body_arrives_whole_and_at_once(pieces: list[bytes]) -> None:
    assert send(Sender(pieces), body=100) == (200, [b"".join(pieces).decode()])


@pytest.mark.parametrize("pieces", [[b"x" * 101], [b"x"] * 101, [b"x" * 60] * 2])
def test_a_body_over_the_limit_is_413_after_all_of_it_was_read(pieces: list[bytes]) -> None:
    sender = Sender(pieces)
    status, answer = send(sender, body=100)
    assert (status, answer["error"]["code"]) == (413, "too-large")
    assert sender.taken == sum(map(len, pieces))


def test_a_body_without_end_is_not_read_for_ever() -> None:
    sender = Sender(iter(lambda: b"x" * 1000, None))
    assert send(sender, body=100, drain=50_000)[0] == 413
    assert sender.taken <= 52_000


def test_a_body_that_does_not_come_is_408() -> None:
    assert send(Sender([b"ab"], stall=True), timeout=0.05)[0] == 408


def test_who_leaves_amid_a_body_is_seen_by_the_application() -> None:
    async def leave() -> Message:
        return {"type": "http.disconnect"}

    seen: Sent = []

    async def application(_: Scope, receive: Receive, __: Send) -> None:
        seen.append(await receive())

    async def work() -> None:
        async def unheard(message: Message) -> None:
            raise AssertionError(message)

        await BodyLimit(application)({"type": "http", "method": "POST", "path": "/x"}, leave, unheard)

    run(work)
    assert seen == [{"type": "http.disconnect"}]
