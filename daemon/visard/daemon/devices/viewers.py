"""Who reads the virtual camera: told by its driver, or found among the open files of this machine.

Many open a camera and few read it: programs open every device to list it, and PipeWire and WirePlumber are
known to keep one open that nobody uses. So only those count that take pictures:

* The driver's own event (v4l2loopback since 0.13, and 0.12 as Ubuntu patched it) tells how many stream. Since
  0.13 a device has one such reader at most, so it says 0 or 1. Writers are not counted. Those who call read()
  instead of streaming are not either in 0.13, but no known program does.
* Elsewhere (0.12.7) open_files.py looks at who has the device open.
"""

import logging
import os
import select
import struct
import sys
from collections.abc import Callable
from typing import Protocol

from visard.daemon.devices.open_files import OpenFiles
from visard.daemon.devices.poll_thread import PollThread

log = logging.getLogger(__name__)

_SUBSCRIBE, _DEQUEUE = 0x4020565A, 0x80885659
_CLIENT_USAGE = 0x08000000 + 0x08E00000 + 1
_SEND_INITIAL = 1
_SUBSCRIPTION = struct.Struct("8I")
_EVENT = struct.Struct("I0qI60s2I2l9I0q")
"""Type, count of readers, and nothing else of interest; 136 bytes where the program has 64 bits."""


class _ViewerSource(Protocol):
    how: str
    poll_mask: int

    def fileno(self) -> int: ...
    def poll(self) -> tuple[int, float | None]:
        """Return how many read, and after how many seconds to look again at the latest."""

    def close(self) -> None: ...


class ViewerCount:
    """Calls ``changed`` with the number of programs that read the device at ``path``, on a thread of its own.

    Once at the start, then whenever the number changes; 0 when the device disappears, which is the end. Open
    it after the device's writer and close it before the next one: the drivers that send events keep their
    format for as long as somebody has the device open. Raises OSError where nobody can tell.
    """

    def __init__(self, path: str, changed: Callable[[int], None]) -> None:
        self._changed = changed
        self._count = -1
        self._closed = False
        self._source = _viewer_source(os.path.realpath(path))
        self.how = self._source.how
        """Which way is used, in words."""
        self._thread = PollThread(
            "viewers", self._source.fileno(), self._step, self._end, self._source.poll_mask
        )

    def close(self) -> None:
        """Stop telling, at once."""
        self._closed = True
        self._thread.close()

    def _step(self) -> float | None:
        count, timeout = self._source.poll()
        self._report(count)
        return timeout

    def _end(self) -> None:
        self._source.close()
        self._report(0)

    def _report(self, count: int) -> None:
        if count != self._count and not self._closed:
            self._count = count
            self._changed(count)


def watch_viewers(path: str, changed: Callable[[int], None]) -> ViewerCount | None:
    """Return a ViewerCount, or None where nobody can tell who reads."""
    if sys.platform != "linux":
        return None
    try:
        return ViewerCount(path, changed)
    except OSError as error:
        log.info("nobody can tell who reads %s: %s", path, error)
        return None


def _viewer_source(path: str) -> _ViewerSource:
    try:
        return _UsageEvents(path)
    except OSError:
        return OpenFiles(path)


class _UsageEvents:
    """The driver's own count. Any open file may subscribe; ours neither reads nor writes."""

    how = "events of the driver"
    poll_mask = select.POLLPRI

    def __init__(self, path: str) -> None:
        import fcntl

        self._count = 0
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            wanted = _SUBSCRIPTION.pack(_CLIENT_USAGE, 0, _SEND_INITIAL, 0, 0, 0, 0, 0)
            fcntl.ioctl(self._file, _SUBSCRIBE, wanted)
        except OSError:
            os.close(self._file)
            raise

    def fileno(self) -> int:
        return self._file

    def poll(self) -> tuple[int, None]:
        import fcntl

        try:
            while True:
                event = _EVENT.unpack(fcntl.ioctl(self._file, _DEQUEUE, bytes(_EVENT.size)))
                self._count = event[1]
        except FileNotFoundError:  # how the kernel says that there is no further event
            return self._count, None

    def close(self) -> None:
        os.close(self._file)
