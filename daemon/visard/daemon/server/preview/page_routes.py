"""What the preview page can ask for: files, pictures, the status, and the few things it can change."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, Response, StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.types import ASGIApp

from visard.daemon.api.requests import PersonaRequest, ProcessorRequest
from visard.daemon.api.schema import ProcessorInfo, Status
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.server import error_handlers
from visard.daemon.server.common_routes import library, models, trainings, trials, tunings
from visard.daemon.server.events import EventBroadcaster
from visard.daemon.server.middleware import BodyLimit
from visard.daemon.server.responses import MEDIA_TYPE, mjpeg_parts
from visard.daemon.service.service import Service

WEB = Path(__file__).parent / "web"
FILES = {
    "/": "index.html",
    "/page.css": "page.css",
    "/page.js": "page.js",
    "/chart.js": "chart.js",
    "/pictures.js": "pictures.js",
    "/processor.js": "processor.js",
    "/elements.js": "elements.js",
    "/library.js": "library.js",
    "/adding.js": "adding.js",
    "/models.js": "models.js",
    "/trainings.css": "trainings.css",
    "/trainings.js": "trainings.js",
    "/texts.js": "texts.js",
    "/tuning.js": "tuning.js",
    "/icon.svg": "icon.svg",
}


MAX_BODY = 4096
"""Bytes of a body; choosing a persona takes a hundred, all options of one less than a thousand."""


def application(service: Service, broadcaster: EventBroadcaster) -> ASGIApp:
    """Return the page's own small application; it trusts whoever comes through ``PreviewAuth`` before it."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(_files())
    app.include_router(_views(service, broadcaster))
    app.include_router(_commands(service))
    app.include_router(library.router)
    app.include_router(trials.router)
    app.include_router(tunings.router)
    app.include_router(models.router)
    app.include_router(trainings.router)
    app.state.service = service
    error_handlers.install(app)
    return BodyLimit(app, body=MAX_BODY, drain=MAX_BODY)


def _files() -> APIRouter:
    router = APIRouter()
    for path, name in FILES.items():
        router.add_api_route(path, _file(name), response_class=Response)
    return router


def _file(name: str) -> Callable[[], FileResponse]:
    return lambda: FileResponse(WEB / name)


def _views(service: Service, broadcaster: EventBroadcaster) -> APIRouter:
    router = APIRouter()

    @router.get("/status")
    def status() -> Status:
        return service.status()

    @router.get("/processors")
    def processors() -> list[ProcessorInfo]:
        return service.processors()

    @router.get("/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterator[ServerSentEvent]:
        async for event in broadcaster.events():
            yield ServerSentEvent(event=event.event, raw_data=json.dumps(event.data))

    @router.get("/driver")
    async def driver() -> Response:
        return _stream(service.driver)

    @router.get("/result")
    async def result() -> Response:
        return _stream(service.result)

    @router.get("/thumbnail/{name}")
    def thumbnail(name: str) -> Response:
        return Response(service.thumbnail(name), media_type="image/jpeg")

    return router


def _commands(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/persona")
    def persona(body: PersonaRequest) -> Status:
        service.switch_persona(body.name, body.mode)
        return service.status()

    @router.patch("/persona/{name}")
    def configure(name: str, body: ProcessorRequest) -> Status:
        service.configure_persona(name, body.processor, body.options)
        return service.status()

    @router.delete("/jobs/{job}")
    def cancel(job: int) -> Status:
        service.cancel(job)
        return service.status()

    @router.post("/pause")
    def pause() -> Status:
        service.pause()
        return service.status()

    @router.post("/resume")
    def resume() -> Status:
        service.resume()
        return service.status()

    @router.post("/hide")
    def hide() -> Status:
        service.reveal(False)
        return service.status()

    return router


def _stream(newest: JpegStream) -> Response:
    return StreamingResponse(mjpeg_parts(newest), media_type=MEDIA_TYPE)
