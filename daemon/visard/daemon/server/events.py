"""What happens, sent to any number of readers; work is done only while somebody reads."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

from pydantic import BaseModel

from visard.daemon.api.schema import CameraState, Event, Status
from visard.daemon.service.service import Service

QUEUE_SIZE = 32
"""Events kept for a reader who is behind; the oldest are dropped."""
NUMBERS_INTERVAL = 1.0
"""Seconds between two snapshots that differ in numbers alone."""
DEBOUNCE = 0.05
"""Seconds in which several changes become one event."""
_VOLATILE = {"numbers", "jobs", "guard", "engines"}

log = logging.getLogger(__name__)


class EventBroadcaster:
    """Turns the service's call-backs into events; all readers live on one event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._subscriptions: set[_Subscription] = set()
        self._changed = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def readers(self) -> int:
        """How many read now."""
        return len(self._subscriptions)

    async def events(self) -> AsyncIterator[Event]:
        """Yield the present status, then what happens; a slow reader misses events. Ends with ``close``."""
        if self._closed:
            return
        subscription = _Subscription()
        self._subscriptions.add(subscription)
        self._wake()
        try:
            while (event := await subscription.take()) is not None:
                yield event
        finally:
            self._subscriptions.discard(subscription)
            self._changed.set()

    def close(self) -> None:
        """Let every reader come to an end; on the event loop."""
        self._closed = True
        self._close_subscriptions()
        if self._watch:
            self._watch.cancel()

    def _close_subscriptions(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()

    def _wake(self) -> None:
        self._changed.set()
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._follow(), name="visard events")

    async def _follow(self) -> None:
        """Watch the service until the last reader has gone."""
        end = self._service.listen(self._caller())
        try:
            await self._compare()
        except Exception:
            log.exception("the status cannot be sent")
            self._close_subscriptions()
        finally:
            end()

    def _caller(self) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def changed() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._changed.set)

        return changed

    async def _compare(self) -> None:
        before: Status | None = None
        published = 0.0
        while self._subscriptions:
            self._changed.clear()
            now = await asyncio.to_thread(self._service.status)
            late = time.monotonic() - published >= NUMBERS_INTERVAL
            changes = list(differences(before, now, numbers=late)) if before else []
            self._publish(changes, now)
            if any(each.event == "status" for each in changes):
                published = time.monotonic()
            before = now
            await asyncio.sleep(DEBOUNCE)
            with suppress(TimeoutError):
                asleep = now.camera.state is CameraState.asleep
                async with asyncio.timeout(None if asleep else NUMBERS_INTERVAL):
                    await self._changed.wait()

    def _publish(self, changes: list[Event], now: Status) -> None:
        fresh = [subscription for subscription in self._subscriptions if subscription.fresh]
        snapshot = [event("status", now)] if fresh else []
        for subscription in self._subscriptions:
            for each in snapshot if subscription.fresh else changes:
                subscription.put(each)


class _Subscription:
    """What one reader has not read yet."""

    def __init__(self) -> None:
        self.fresh = True
        """Whether nothing was ever put."""
        self._events: deque[Event] = deque(maxlen=QUEUE_SIZE)
        self._filled = asyncio.Event()
        self._over = False

    def put(self, event: Event) -> None:
        self.fresh = False
        self._events.append(event)
        self._filled.set()

    def close(self) -> None:
        self._over = True
        self._filled.set()

    async def take(self) -> Event | None:
        """Wait for the next event; None when there will be none."""
        await self._filled.wait()
        if not self._events:
            return None
        event = self._events.popleft()
        if not self._events and not self._over:
            self._filled.clear()
        return event


def event(name: str, body: BaseModel) -> Event:
    """Wrap a body as the event of this name."""
    return Event(event=name, data=body.model_dump(mode="json"))


def differences(before: Status, now: Status, *, numbers: bool = True) -> Iterator[Event]:
    """Yield what changed between two snapshots; ``numbers``: also where only measured values differ."""
    known = {(problem.code, problem.message) for problem in before.problems}
    for problem in now.problems:
        if (problem.code, problem.message) not in known:
            yield event("alert", problem)
    for job in now.jobs:
        if job not in before.jobs:
            yield event("progress", job)
    if _lasting(before) != _lasting(now) or (numbers and before != now):
        yield event("status", now)


def _lasting(status: Status) -> dict[str, Any]:
    """Return what a person would call a change: no measured values, and of the jobs only which there are."""
    steady = {name: value for name, value in status if name not in _VOLATILE}
    return {
        **steady,
        "verdict": status.guard.verdict,
        "engines": [engine.model_copy(update={"building": None}) for engine in status.engines],
        "jobs": [(job.id, job.done, job.error) for job in status.jobs],
    }
