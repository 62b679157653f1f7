"""Routes that go on for as long as somebody reads, and the link to the preview page."""

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import StreamingResponse

from visard.daemon.api.schema import Link
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.deps import ApiDep
from visard.daemon.server.responses import MjpegResponse, mjpeg_parts

router = APIRouter(tags=["streams"])


@router.get("/events", response_class=EventSourceResponse)
async def events(api: ApiDep) -> AsyncIterator[ServerSentEvent]:
    """Tell what happens: ``status`` at once and when it changes, ``progress`` of a job, ``alert``."""
    async for event in api.broadcaster.events():
        yield ServerSentEvent(event=event.event, raw_data=json.dumps(event.data))


@router.get("/preview", response_class=MjpegResponse)
async def preview(service: ServiceDep) -> StreamingResponse:
    """Show what goes out, as JPEGs one after the other; the newest picture wins."""
    return MjpegResponse(mjpeg_parts(service.result))


@router.post("/preview")
async def link(api: ApiDep) -> Link:
    """Return where the preview page is; the link is good for one visit."""
    return Link(url=await api.page().link())
