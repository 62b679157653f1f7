"""systemd's notification protocol: one datagram a message, and what a running daemon sends by it."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from visard.daemon.api.schema import Status
from visard.daemon.service.service import Service

PAUSE = 1.0
"""Seconds between two lines at least."""

log = logging.getLogger(__name__)


class Notifier:
    """Sends to the socket that NOTIFY_SOCKET names; without one, nothing happens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._to = environment.get("NOTIFY_SOCKET", "")
        self.watchdog = _interval(environment) if self._to else None
        """Seconds between two signs of life; None when nobody waits for them."""

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return bool(self._to)

    def ready(self) -> None:
        """Say that requests are answered."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Give the line that ``systemctl status`` shows."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Give a sign of life."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end was asked for."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._to:
            return
        # A leading @ stands for the zero byte of a name that is no file.
        place = "\0" + self._to[1:] if self._to.startswith("@") else self._to
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(message.encode(), place)


def _interval(environment: Mapping[str, str]) -> float | None:
    for_another = environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid())
    limit = environment.get("WATCHDOG_USEC", "")
    return int(limit) / 4e6 if limit.isdecimal() and int(limit) and not for_another else None


async def report(service: Service, notifier: Notifier) -> None:
    """Send signs of life while the service is healthy, and a line whenever its state changes; never ends."""
    if not notifier.wanted:
        return
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(changed.set)

    end = service.listen(wake)
    try:
        while True:
            changed.clear()
            await _send_status(service, notifier)
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(notifier.watchdog):
                    await changed.wait()
    finally:
        end()


async def _send_status(service: Service, notifier: Notifier) -> None:
    if service.healthy():
        notifier.alive()
    else:
        log.error("a step hangs; without a sign of life the service manager starts Visard again")
    notifier.status(line(await asyncio.to_thread(service.status)))


def line(status: Status) -> str:
    """Return the state as one line."""
    parts = [f"{status.state}, {status.persona or 'nobody'}", *(each.message for each in status.problems[:1])]
    return "; ".join(parts)
