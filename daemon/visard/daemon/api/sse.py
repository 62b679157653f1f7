"""The daemon's events as a client reads them."""

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

import httpx
from pydantic import ValidationError

from visard.daemon.api.schema import Event


class EventStream(Iterator[Event]):
    """What happens, one event after the other; ends when the daemon ends or any thread calls ``close``.

    ``end`` holds what is to be closed after the last one.
    """

    def __init__(self, answer: httpx.Response, end: ExitStack) -> None:
        self._answer, self._end = answer, end
        self._events = parse(answer.iter_lines())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._end.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        try:
            return next(self._events)
        except (httpx.TransportError, httpx.StreamError):
            self._end.close()
            raise StopIteration from None
        except StopIteration:
            self._end.close()
            raise

    def close(self) -> None:
        """Let a reader that waits come to the end."""
        connection = self._answer.extensions["network_stream"].get_extra_info("socket")
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a stream of server-sent events; what is none of ours is left out."""
    name, data = "", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        if field == "event":
            name = value.removeprefix(" ")
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif not line:
            with suppress(ValueError, ValidationError):
                yield Event(event=name, data=json.loads("\n".join(data)))
            name, data = "", []
