"""The web application between the daemon's socket and its service."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from visard.daemon.api.requests import NewPersona, PersonaChange, TrialPersona
from visard.daemon.api.schema import ErrorBody
from visard.daemon.personas.describe import describe
from visard.daemon.server import error_handlers
from visard.daemon.server.common_routes import library, models, trainings, trials, tunings
from visard.daemon.server.deps import Api
from visard.daemon.server.middleware import BodyLimit, TokenAuth
from visard.daemon.server.responses import ANY_ROUTE, REFERENCE
from visard.daemon.server.routes import control, enrolment, model_import, personas, streams, system
from visard.daemon.server.routes.system import some_of

_ROUTERS = (
    control.router,
    enrolment.router,
    personas.router,
    library.router,
    trials.router,
    tunings.router,
    model_import.router,
    models.router,
    trainings.router,
    system.router,
    streams.router,
)


def build(api: Api, token: str | None = None) -> FastAPI:
    """Return the application; with a token it answers only those who bring it."""
    app = _DescribedApp(
        title="Visard",
        summary="Another face in any video call: what a running daemon is asked and told.",
        version=version("visard"),
        docs_url=None,  # its pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        responses=ANY_ROUTE,
    )
    app.state.api, app.state.service = api, api.service
    for router in _ROUTERS:
        app.include_router(router)
    error_handlers.install(app, _methods)
    app.add_middleware(BodyLimit)
    if token is not None:
        app.add_middleware(TokenAuth, token=token)
    return app


def _methods(path: str) -> set[str]:
    """Return what a path takes; the framework itself would name the methods of its first route alone."""
    routes = [route for router in _ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    exact = [route for route in routes if route.path == path]
    fitting = exact or [route for route in routes if route.path_regex.match(path)]
    return {method for route in fitting for method in route.methods or ()}


class _DescribedApp(FastAPI):
    """An application whose description knows the form of its errors and the options of every processor."""

    def openapi(self) -> dict[str, Any]:
        """Return the description."""
        described = super().openapi()
        _, errors = models_json_schema([(ErrorBody, "serialization")], ref_template=REFERENCE)
        schemas = described["components"]["schemas"]
        schemas.update(errors["$defs"])
        options = {f"{one.name}.options": some_of(one.options) for one in describe() if one.broken is None}
        schemas.update(options)
        for body in (NewPersona, PersonaChange, TrialPersona):
            schemas[body.__name__]["properties"]["options"] = {
                "description": "options of the processor; null: all defaults again",
                "anyOf": [*({"$ref": REFERENCE.format(model=name)} for name in options), {"type": "null"}],
            }
        return described
