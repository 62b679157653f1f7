"""The web application between the daemon's socket and its service."""

from importlib.metadata import version

from fastapi import FastAPI

from visard.daemon.control import errors, library, streams, wearing, working
from visard.daemon.control.api import Api
from visard.daemon.control.documented import ANYWHERE, Documented
from visard.daemon.control.limits import BodyLimit, Guarded


def build(api: Api, token: str | None = None) -> FastAPI:
    """Return the application; with a token it answers only those who bring it."""
    app = Documented(
        title="Visard",
        summary="Another face in any video call: what a running daemon is asked and told.",
        version=version("visard"),
        docs_url=None,  # its pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        responses=ANYWHERE,
    )
    app.state.api = api
    for routes in (wearing, library, working, streams):
        app.include_router(routes.router)
    errors.install(app)
    app.add_middleware(BodyLimit)
    if token is not None:
        app.add_middleware(Guarded, token=token)
    return app
