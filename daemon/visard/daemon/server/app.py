"""The web application between the daemon's socket and its service."""

from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute

from visard.daemon.server import error_handlers
from visard.daemon.server.deps import Api
from visard.daemon.server.middleware import BodyLimit, Guarded
from visard.daemon.server.openapi import ANYWHERE, Documented
from visard.daemon.server.routes import control, personas, streams, system

_ROUTERS = control.router, personas.router, system.router, streams.router


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
    for router in _ROUTERS:
        app.include_router(router)
    error_handlers.install(app, _methods)
    app.add_middleware(BodyLimit)
    if token is not None:
        app.add_middleware(Guarded, token=token)
    return app


def _methods(path: str) -> set[str]:
    """Return what a path takes; the framework itself would name the methods of its first route alone."""
    routes = [route for router in _ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    exact = [route for route in routes if route.path == path]
    fitting = exact or [route for route in routes if route.path_regex.match(path)]
    return {method for route in fitting for method in route.methods or ()}
