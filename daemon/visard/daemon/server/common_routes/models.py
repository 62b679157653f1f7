"""Routes for the models that can be fetched; the preview page has them too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, status
from starlette.requests import ClientDisconnect

from visard.daemon.api.models import ModelInfo
from visard.daemon.api.requests import FetchModel
from visard.daemon.api.schema import Job
from visard.daemon.errors import VisardError
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.middleware import TIMEOUT
from visard.daemon.server.responses import CONFLICT, UNKNOWN_MODEL

router = APIRouter(prefix="/models", tags=["models"])

FileName = Annotated[str, Query(max_length=255, description="what the file is called, for messages")]
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_FILE = {"requestBody": {"required": True, "content": _BYTES}}
_PIECE = 1 << 20
"""Bytes that are written in one go."""


@router.get("", responses=CONFLICT)
def list_(service: ServiceDep) -> list[ModelInfo]:
    """List every model that can be fetched or imported."""
    return service.models.all()


@router.get("/{name}", responses={**UNKNOWN_MODEL, **CONFLICT})
def show(service: ServiceDep, name: str) -> ModelInfo:
    """Tell about one model."""
    return service.models.get(name)


@router.post("/{name}/fetch", status_code=status.HTTP_202_ACCEPTED, responses={**UNKNOWN_MODEL, **CONFLICT})
def fetch(service: ServiceDep, name: str, body: FetchModel | None = None) -> Job:
    """Fetch a model in the background; 409 holds the licence that has to be accepted first."""
    return service.models.fetch(name, body is not None and body.accept_licence)


@router.post(
    "/{name}/file", status_code=status.HTTP_202_ACCEPTED, responses={**UNKNOWN_MODEL, **CONFLICT},
    openapi_extra=_FILE,
)  # fmt: skip
async def upload(
    service: ServiceDep,
    name: str,
    request: Request,
    file_name: FileName = "model",
    accept_licence: bool = False,
) -> Job:
    """Import a file of a model, sent as the body; 409 holds the licence that has to be accepted first."""
    pieces = _pieces(request)
    try:
        incoming = await asyncio.to_thread(service.models.upload, name, file_name, accept_licence)
        with closing(incoming):
            async for piece in pieces:
                await asyncio.to_thread(incoming.write, piece)
            return await asyncio.to_thread(incoming.finish)
    except VisardError:
        async for _ in pieces:  # so that the sender comes to read why
            pass
        raise


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    waiting, stream = bytearray(), request.stream()
    try:
        while True:
            async with asyncio.timeout(TIMEOUT):
                piece = await anext(stream, None)
            waiting += piece or b""
            if piece is None or len(waiting) >= _PIECE:
                yield bytes(waiting)
                waiting.clear()
            if piece is None:
                return
    except ClientDisconnect:
        raise HTTPException(400, "the file did not come to its end") from None
    except TimeoutError:
        raise HTTPException(408, f"nothing came for {TIMEOUT:g} s") from None


@router.post("/{name}/verify", status_code=status.HTTP_202_ACCEPTED, responses={**UNKNOWN_MODEL, **CONFLICT})
def verify(service: ServiceDep, name: str) -> Job:
    """Read a model's files again in the background; the job fails when they are not as they were."""
    return service.models.verify(name)


@router.delete("/{name}", responses={**UNKNOWN_MODEL, **CONFLICT})
def remove(service: ServiceDep, name: str, forget: bool = False) -> ModelInfo:
    """Delete a model's files; ``forget``: the pinned hash and the accepted licence too."""
    return service.models.remove(name, forget=forget)
