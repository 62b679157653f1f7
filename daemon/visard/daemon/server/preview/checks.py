"""What every request for the preview page must pass before anything else sees it.

====================  ==================================================================================
who is kept out       how
====================  ==================================================================================
other computers       the server listens on the loopback address only
names made to lead    Host must be exactly ours
here
other web pages       Origin and Sec-Fetch-Site must not tell of another page; to change anything Origin
                      must be ours; the cookie is strict; nothing may be framed, embedded or read
other users           the link is good for one visit, the session is a secret, and on Linux the kernel
                      tells whose the connection is: a browser sends the cookie to every port of this
                      computer, also to another user's server
====================  ==================================================================================
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from visard.daemon.server.preview.http_server import HOST

_SAFE = {"GET", "HEAD"}
_ROOT = 0
_TABLES = (("", Path("/proc/net/tcp")), ("0000000000000000FFFF0000", Path("/proc/net/tcp6")))
"""Where Linux tells whose a connection is; before an IPv4 address stands how IPv6 writes it."""

Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not answered: HTTP status, a code for machines, a sentence for people."""

    status: int
    code: str
    message: str


_HOST = Rejection(403, "host", f"open this page by {HOST} or localhost")
_FOREIGN = Rejection(403, "origin", "only the preview page itself may ask that")
_USER = Rejection(403, "user", "this page belongs to another user of this computer")


def find_rejection(request: Request, port: int) -> Rejection | None:
    """Return the first thing wrong with a request to our server on ``port``; None when all is well."""
    checks: tuple[tuple[Callable[[], bool], Rejection], ...] = (
        (lambda: _named(request, port), _HOST),
        (lambda: _from_our_origin(request), _FOREIGN),
        (lambda: _fetched_by_us(request), _FOREIGN),
        (lambda: _same_user(request), _USER),
    )
    return next((rejection for passes, rejection in checks if not passes()), None)


def _named(request: Request, port: int) -> bool:
    """Whether the request calls us by our own name: any other may be a foreign one that leads here."""
    return request.headers.getlist("host") in ([f"{HOST}:{port}"], [f"localhost:{port}"])


def _from_our_origin(request: Request) -> bool:
    """Whether the page that asks is ours; only for reading it may be left unsaid."""
    origins = request.headers.getlist("origin")
    return origins == [f"http://{request.headers['host']}"] or (not origins and request.method in _SAFE)


def _fetched_by_us(request: Request) -> bool:
    """Whether the browser, if it tells at all, says that our page asks, or a person who follows a link."""
    sites = request.headers.getlist("sec-fetch-site")
    if not sites or sites == ["same-origin"]:
        return True
    visit = request.headers.get("sec-fetch-mode") == "navigate" and request.scope["path"] == "/"
    return request.method in _SAFE and (visit or sites == ["none"])


def _same_user(request: Request) -> bool:
    client, server = request.scope.get("client"), request.scope.get("server")
    return not (client and server and is_another_user(tuple(client), tuple(server)))


def is_another_user(
    client: Endpoint, server: Endpoint, tables: tuple[tuple[str, Path], ...] = _TABLES
) -> bool:
    """Whether ``client`` is known to be neither this user's nor root's; False where nobody can tell.

    Both are IPv4 addresses and ports. An end that its program has let go already counts as another user's.
    """
    ours = list(_owners(server, client, tables))
    theirs = list(_owners(client, server, tables))
    return bool(ours) and not any(uid in (_ROOT, os.geteuid()) for uid in theirs)


def _owners(here: Endpoint, there: Endpoint, tables: tuple[tuple[str, Path], ...]) -> Iterator[int]:
    """Give the user of every established connection from ``here`` to ``there``: one, or none."""
    for prefix, table in tables:
        ends = " ".join(prefix + _hex(address) for address in (here, there))
        try:
            rows = table.read_text("ascii")
        except OSError:
            continue
        yield from (int(uid) for uid in re.findall(rf" {ends} 01 \S+ \S+ \S+ +(\d+) ", rows))


def _hex(address: Endpoint) -> str:
    """Write an address as the kernel does: the number in this machine's order of bytes."""
    numbers = [int(part) for part in address[0].split(".")]
    order = 1 if sys.byteorder == "big" else -1
    return "".join(f"{number:02X}" for number in numbers[::order]) + f":{address[1]:04X}"
