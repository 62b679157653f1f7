"""The one table from an exception to the answer a client gets, and nothing of the program's inside in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from visard.daemon.api.schema import ErrorBody, ErrorDetail
from visard.daemon.errors import (
    ConfigError,
    DaemonError,
    DaemonRunning,
    EngineError,
    EnrolmentError,
    ModelError,
    ModelRefused,
    ModelUnknown,
    NetworkUnavailable,
    PersonaError,
    PersonaUnknown,
    PortraitError,
    ProcessorUnknown,
    SinkError,
    SourceError,
    TuningError,
    VisardError,
    WouldReveal,
)
from visard.models.train.errors import TrainingError, TrainingUnknown

STATUS: Mapping[type[VisardError], int] = {
    PersonaUnknown: 404,
    PersonaError: 409,
    PortraitError: 409,
    TuningError: 409,
    EnrolmentError: 409,
    DaemonRunning: 409,
    ConfigError: 422,
    WouldReveal: 409,
    ProcessorUnknown: 409,
    ModelRefused: 409,
    ModelUnknown: 404,
    ModelError: 409,
    TrainingUnknown: 404,
    TrainingError: 409,
    SourceError: 503,
    SinkError: 503,
    NetworkUnavailable: 503,
    DaemonError: 503,
    EngineError: 500,
    VisardError: 500,
}
"""A class stands for its subclasses that have no line of their own."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not answered: HTTP status, a code for machines, a sentence for people."""

    status: int
    code: str
    message: str


def status_of(error: VisardError) -> int:
    """Return the HTTP status of an exception."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the one form of answer that is not a success."""
    body = ErrorBody(error=ErrorDetail(code=code, message=message))
    return JSONResponse(body.model_dump(), status, headers)


def install(app: FastAPI, methods: Callable[[str], set[str]] = lambda _: set()) -> None:
    """Have every exception of this application answered by ``answer``.

    ``methods`` tells what a path takes, where that is not for the framework to say.
    """

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return _http(request, error, methods(request.url.path))

    app.add_exception_handler(VisardError, _visard)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _internal)


async def _visard(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VisardError)
    return answer(status_of(error), error.code, str(error))


def _http(request: Request, error: HTTPException, methods: set[str]) -> JSONResponse:
    path, headers = request.url.path, dict(error.headers or {})
    message = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        message = f"there is no {path}; /openapi.json lists what there is"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and methods:
        headers["Allow"] = ", ".join(sorted(methods))
        message = f"{path} does not take {request.method} but {headers['Allow']}"
    return answer(
        error.status_code, HTTPStatus(error.status_code).phrase.lower().replace(" ", "-"), message, headers
    )


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return answer(422, "invalid", "; ".join(problems))


async def _internal(_: Request, error: Exception) -> JSONResponse:
    """Answer for a bug; the server writes the traceback to the log."""
    return answer(500, "internal", f"unexpected {type(error).__name__}; the daemon's log says where")
