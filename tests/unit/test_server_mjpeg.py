"""A stream of pictures: the newest wins, and it ends."""

import asyncio
import threading
import time
from contextlib import aclosing

import cv2
import numpy as np
from control import run

from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.server import responses
from visard.models.face import Image


def grey(level: int) -> Image:
    return np.full((64, 64, 3), level, np.uint8)


def level_of(part: bytes) -> int:
    """Check the form of one part and return the grey of its picture."""
    head, _, rest = part.partition(b"\r\n\r\n")
    jpeg, _, end = rest.rpartition(f"\r\n--{responses.BOUNDARY}\r\n".encode())
    assert head == f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}".encode()
    assert end == b""
    return int(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).mean())


def wait_for(newest: JpegStream, number: int) -> None:
    """Wait until the picture of this number was encoded and given to who looks."""
    deadline = time.monotonic() + 20
    while newest.number() < number and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(0.02)


def test_a_late_reader_gets_the_newest_picture() -> None:
    async def work() -> None:
        newest = JpegStream()
        async with aclosing(responses.mjpeg_parts(newest)) as parts:
            assert await anext(parts) == f"--{responses.BOUNDARY}\r\n".encode()
            for number, level in enumerate((10, 90, 200), 1):
                newest.offer(grey(level))
                await asyncio.to_thread(wait_for, newest, number)
            assert abs(level_of(await anext(parts)) - 200) < 3
            newest.offer(grey(50))
            assert abs(level_of(await anext(parts)) - 50) < 3
        newest.close()

    run(work)


def test_reading_counts_as_looking_and_costs_no_thread() -> None:
    async def work() -> None:
        counts: list[int] = []
        newest = JpegStream(counts.append)
        before = threading.active_count()
        readers = [responses.mjpeg_parts(newest) for _ in range(50)]
        for parts in readers:
            await anext(parts)
        assert (newest.subscribers, threading.active_count()) == (50, before)
        for parts in readers:
            await parts.aclose()
        assert (newest.subscribers, counts[-1]) == (0, 0)
        newest.close()

    run(work)


def test_the_end_of_the_pictures_ends_the_stream() -> None:
    async def work() -> None:
        newest = JpegStream()
        parts = responses.mjpeg_parts(newest)
        await anext(parts)
        threading.Timer(0.05, newest.close).start()
        assert [part async for part in parts] == []
        late = responses.mjpeg_parts(newest)
        assert len([part async for part in late]) == 1

    run(work)
