"""What every request for the preview page must pass before anything else sees it.

====================  ==================================================================================
who is kept out       how
====================  ==================================================================================
other computers       the server listens on the loopback address only
names made to lead    Host must be exactly ours
here
other web pages       Origin and Sec-Fetch-Site must not tell of another page; to change anything Origin
                      must be ours; the cookie is strict; nothing may be framed, embedded or read
other users           the link is good for one visit, the session is a secret, and on Linux nothing is
                      read from whom the kernel does not call this user's: a browser sends the cookie to
                      every port of this computer, also to another user's server
====================  ==================================================================================
"""

from collections.abc import Callable

from starlette.requests import Request

from visard.daemon.server.error_handlers import Rejection
from visard.daemon.server.preview.http_server import HOST

_SAFE = {"GET", "HEAD"}

_HOST = Rejection(403, "host", f"open this page by {HOST} or localhost")
_FOREIGN = Rejection(403, "origin", "only the preview page itself may ask that")


def find_rejection(request: Request, port: int) -> Rejection | None:
    """Return the first thing wrong with a request to our server on ``port``; None when all is well."""
    checks: tuple[tuple[Callable[[], bool], Rejection], ...] = (
        (lambda: _named(request, port), _HOST),
        (lambda: _from_our_origin(request), _FOREIGN),
        (lambda: _fetched_by_us(request), _FOREIGN),
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
