"""Answers that are not plain JSON, errors among them, and how the API's own description tells of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.responses import Response, StreamingResponse

from visard.daemon.api.schema import ErrorBody
from visard.daemon.media.jpeg_stream import JpegStream

Answers = dict[int | str, dict[str, Any]]

REFERENCE = "#/components/schemas/{model}"


def _error(description: str) -> dict[str, Any]:
    # Said in full, for a route whose success is a picture would have its errors described as pictures too.
    schema = {"$ref": REFERENCE.format(model=ErrorBody.__name__)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


UNKNOWN: Answers = {404: _error("There is no such persona.")}
UNKNOWN_MODEL: Answers = {404: _error("There is no such model.")}
UNKNOWN_TRAINING: Answers = {404: _error("There is no such training, or no preview yet.")}
CONFLICT: Answers = {409: _error("Refused as things are; the message says why.")}
ANY_ROUTE: Answers = {
    422: _error("The request is not what this takes."),
    "default": _error("Any other answer that is not a success."),
}

BOUNDARY = "visard-frame"
MEDIA_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


class JpegResponse(Response):
    """A picture."""

    media_type = "image/jpeg"


class PngResponse(Response):
    """A picture without loss."""

    media_type = "image/png"


class MjpegResponse(StreamingResponse):
    """Pictures that replace each other."""

    media_type = MEDIA_TYPE


async def mjpeg_parts(newest: JpegStream) -> AsyncIterator[bytes]:
    """Yield the pieces of a multipart body, each ending in a boundary; ends when ``newest`` is closed.

    A reader who takes a piece late gets the newest picture of that moment.
    """
    latest = _Latest()
    with newest.subscribe(latest.put):
        # The next boundary goes along with a part: browsers show a part when they have seen its end.
        yield f"--{BOUNDARY}\r\n".encode()
        while jpeg := await latest.take():
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()


class _Latest:
    """Hands the newest picture from the encoder's thread to the event loop; an empty one is the end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()
        self._jpeg = b""
        self._over = False

    def put(self, jpeg: bytes) -> None:
        self._over = self._over or not jpeg  # a picture that was being encoded may come after the end
        self._jpeg = jpeg
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._filled.set)

    async def take(self) -> bytes:
        await self._filled.wait()
        self._filled.clear()
        return b"" if self._over else self._jpeg
