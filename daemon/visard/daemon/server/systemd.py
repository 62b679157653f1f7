"""What the service manager hears of a running daemon."""

import asyncio
import logging
from contextlib import suppress

from visard.daemon.api.schema import Status
from visard.daemon.server.sd_notify import Notifier
from visard.daemon.service.service import Service

PAUSE = 1.0
"""Seconds between two lines at least."""

log = logging.getLogger(__name__)


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
            await _tell(service, notifier)
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(notifier.watchdog):
                    await changed.wait()
    finally:
        end()


async def _tell(service: Service, notifier: Notifier) -> None:
    if service.healthy():
        notifier.alive()
    else:
        log.error("a step hangs; without a sign of life the service manager starts Visard again")
    notifier.status(line(await asyncio.to_thread(service.status)))


def line(status: Status) -> str:
    """Return the state as one line."""
    told = [f"{status.state}, {status.persona or 'nobody'}", *(each.message for each in status.problems[:1])]
    return "; ".join(told)
