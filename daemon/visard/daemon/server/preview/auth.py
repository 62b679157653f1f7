"""Who may use the preview page: nobody without a link that is good for one visit."""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visard.daemon.server.error_handlers import Rejection, answer
from visard.daemon.server.preview.checks import find_rejection
from visard.daemon.server.preview.sessions import Sessions

OPEN_TO_ALL = {"/page.css", "/icon.svg"}
"""What the page of refusal needs; no secrets in it."""
_REFUSED = Path(__file__).parent / "web" / "refused.html"
_OVER = Rejection(403, "session", "this session is over; `visard preview --open` makes a new link")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PreviewAuth:
    """Lets requests through to ``app`` that come from a page of ours with a session of ours."""

    def __init__(self, app: ASGIApp, sessions: Sessions, port: int) -> None:
        self._app = app
        self._sessions = sessions
        self._port = port
        self._cookie = f"visard-{port}"  # a browser sends cookies to every port of a computer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, by ``app`` or by a rejection."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        own = self._answer(Request(scope))
        if own is not None:
            await own(scope, receive, guarded)
        elif scope["path"] in OPEN_TO_ALL:
            await self._app(scope, receive, guarded)
        else:
            with self._sessions.visit():
                await self._app(scope, receive, guarded)

    def _answer(self, request: Request) -> Response | None:
        """Return the answer that is given before ``app`` is asked; None lets the request through."""
        rejection = find_rejection(request, self._port)
        if rejection is not None:
            return _rejected(rejection)
        path, token = request.scope["path"], request.query_params.get("token")
        if request.method == "GET" and path == "/" and token is not None:
            return self._admit(token)
        if path in OPEN_TO_ALL or self._sessions.known(request.cookies.get(self._cookie, "")):
            return None
        return _rejected_page() if path == "/" else _rejected(_OVER)

    def _admit(self, token: str) -> Response:
        """Exchange a token for a session, and lead to where the token is no longer in the address."""
        session = self._sessions.admit(token)
        if session is None:
            return _rejected_page()
        redirect = RedirectResponse("/", 303)
        redirect.set_cookie(self._cookie, session, httponly=True, samesite="strict")
        return redirect


def _rejected(rejection: Rejection) -> Response:
    return answer(rejection.status, rejection.code, rejection.message)


def _rejected_page() -> Response:
    return HTMLResponse(_REFUSED.read_bytes(), 403)
