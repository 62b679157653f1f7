"""The newest picture as a stream that a browser shows as video; a reader costs no thread and one picture."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from visard.daemon.media.jpeg_stream import JpegStream

BOUNDARY = "visard-frame"
MEDIA_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


async def parts(newest: JpegStream) -> AsyncIterator[bytes]:
    """Yield the pieces of a multipart body, each ending in a boundary; ends when ``newest`` is closed.

    A reader who takes a piece late gets the newest picture of that moment.
    """
    latest = _Latest()
    with newest.look(latest.put):
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
