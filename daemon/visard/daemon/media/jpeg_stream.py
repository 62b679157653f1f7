"""The newest picture as JPEG for whoever looks, encoded once and only while somebody does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Thread

import cv2

from visard.daemon.media.slot import Closed, Slot
from visard.models.face import Image

_TIMEOUT = 5.0
"""Seconds to wait for a picture."""
_QUALITY = (int(cv2.IMWRITE_JPEG_QUALITY), 85)

OnJpeg = Callable[[bytes], None]


class JpegStream:
    """Pictures in, JPEGs out to any number of subscribers; any thread.

    ``count_changed`` is called with how many there are whenever that changes.
    """

    def __init__(self, count_changed: Callable[[int], None] = lambda _: None) -> None:
        self._raw: Slot[Image] = Slot()
        self._changed = Condition()
        self._jpeg = b""
        self._number = 0
        self._subscribers: list[OnJpeg] = []
        self._count_changed = count_changed
        self._closed = False
        Thread(target=self._encode, name="visard jpeg", daemon=True).start()

    @property
    def subscribers(self) -> int:
        """How many there are now."""
        return len(self._subscribers)

    def offer(self, image: Image) -> None:
        """Take a copy of the picture if somebody looks. Raises Closed."""
        if self._subscribers or self._closed:
            self._raw.put(image.copy())

    @contextmanager
    def subscribe(self, call: OnJpeg = lambda _: None) -> Iterator[None]:
        """Have ``call`` told of every new JPEG, on the encoder's thread, while the block runs.

        An empty one says that there will be no more.
        """
        self._add(call)
        try:
            yield
        finally:
            self._remove(call)

    def after(self, number: int) -> tuple[int, bytes] | None:
        """Wait for a picture newer than ``number``; None when none comes or it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number or self._closed, _TIMEOUT)
            return (self._number, self._jpeg) if self._number > number and not self._closed else None

    def number(self) -> int:
        """Return the number of the newest encoded picture."""
        with self._changed:
            return self._number

    def close(self) -> None:
        """End every stream."""
        self._raw.close()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for call in self._subscribers:
            call(b"")

    def _add(self, call: OnJpeg) -> None:
        with self._changed:
            self._subscribers = [*self._subscribers, call]
            count, over = len(self._subscribers), self._closed
        self._count_changed(count)
        if over:
            call(b"")

    def _remove(self, call: OnJpeg) -> None:
        with self._changed:
            rest = list(self._subscribers)
            rest.remove(call)
            self._subscribers = rest
        self._count_changed(len(rest))

    def _encode(self) -> None:
        while True:
            try:
                image = self._raw.take()
            except Closed:
                return
            if image is not None:
                self._publish(image)

    def _publish(self, image: Image) -> None:
        good, jpeg = cv2.imencode(".jpg", image, _QUALITY)
        if not good:
            return
        with self._changed:
            self._jpeg, self._number = jpeg.tobytes(), self._number + 1
            self._changed.notify_all()
        for call in self._subscribers:
            call(self._jpeg)
