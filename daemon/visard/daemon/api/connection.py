"""A connection to the daemon: sends requests, and raises what the daemon raised."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from visard.daemon.api import address
from visard.daemon.api.address import Address, Unix
from visard.daemon.api.schema import ErrorBody
from visard.daemon.errors import DaemonAbsent, DaemonError, VisardError

TIMEOUT = 10.0
"""Seconds to wait for an answer."""
LONG_TIMEOUT = 60.0
"""Seconds to wait for an answer that needs work."""

T = TypeVar("T")


class Connection:
    """Any thread. It may outlive its daemon and speak to the next, but not over a port, which changes."""

    def __init__(self, where: Address | None = None) -> None:
        self._where = address.find() if where is None else where
        self.http = _connect(self._where)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection."""
        self.http.close()

    def ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: BaseModel | Mapping[str, Any] | None = None,
        timeout: float = TIMEOUT,
    ) -> T:
        """Send a request and return its answer as what it is."""
        return self.understood(self.send(method, path, body, timeout), kind)

    @staticmethod
    def understood(answer: httpx.Response, kind: type[T]) -> T:
        """Return an answer as what it is; raises DaemonError for one that is something else."""
        try:
            return TypeAdapter(kind).validate_json(answer.content)
        except ValidationError as error:
            raise DaemonError(
                "the daemon is of another version than this program; end it and start it again"
            ) from error

    def send(
        self,
        method: str,
        path: str,
        body: BaseModel | Mapping[str, Any] | None = None,
        timeout: float = TIMEOUT,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Send a request and return its answer, which is a success."""
        data = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        self.probe()
        try:
            answer = self.http.request(method, path, json=data, content=content, timeout=timeout)
        except httpx.TimeoutException as error:
            raise DaemonAbsent(f"the daemon does not answer within {timeout:g} s; start it again") from error
        except httpx.TransportError as error:
            raise DaemonAbsent.here() from error
        if answer.is_success:
            return answer
        raise failure(answer)

    def probe(self) -> None:
        """Raise for a socket that nobody serves, which the library below would leave open."""
        if isinstance(self._where, Unix):
            try:
                self._where.probe()
            except PermissionError as error:
                raise DaemonError(f"{self._where} belongs to another user") from error
            except OSError as error:
                raise DaemonAbsent.here() from error


def failure(answer: httpx.Response) -> VisardError:
    """Return the exception that an answer stands for, of the class that the daemon raised."""
    try:
        detail = ErrorBody.model_validate_json(answer.content).error
    except ValidationError:
        return DaemonError(f"the daemon gave an answer that is not Visard's (HTTP {answer.status_code})")
    return _classes().get(detail.code, DaemonError)(detail.message)


def _classes() -> dict[str, type[VisardError]]:
    """Return every class of the exception tree by its code."""
    found: dict[str, type[VisardError]] = {}
    todo: list[type[VisardError]] = [VisardError]
    while todo:
        kind = todo.pop()
        found.setdefault(kind.code, kind)
        todo.extend(kind.__subclasses__())
    return found


def _connect(where: Address) -> httpx.Client:
    # Connections are not kept: making one costs nothing here, and a daemon that ends would break them.
    limits = httpx.Limits(max_keepalive_connections=0)
    if isinstance(where, Unix):
        # Nothing is encrypted here, and reading the certificates for it would take longer than the request.
        transport = httpx.HTTPTransport(uds=str(where.path), limits=limits, verify=False)
        return httpx.Client(transport=transport, base_url="http://visard", trust_env=False)
    return httpx.Client(
        base_url=f"http://127.0.0.1:{where.port}",
        headers={"Authorization": f"Bearer {where.token}"},
        limits=limits,
        trust_env=False,
        verify=False,
    )
