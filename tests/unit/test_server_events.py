"""Everybody hears what happens; nobody who is slow or gone costs anything."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path

import pytest
from control import fake, run
from fake_service import FakeService

from visard.daemon.api.schema import Event, Status
from visard.daemon.server import events as module
from visard.daemon.server.events import QUEUE_SIZE, EventBroadcaster, differences

Start = Callable[[], AbstractAsyncContextManager[tuple[FakeService, EventBroadcaster]]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A running service and its broadcaster, whose clock ticks so slowly that only changes are told."""
    monkeypatch.setattr(module, "NUMBERS_INTERVAL", 3600)
    monkeypatch.setattr(module, "DEBOUNCE", 0.001)

    @asynccontextmanager
    async def begin() -> AsyncIterator[tuple[FakeService, EventBroadcaster]]:
        service = fake(tmp_path)
        broadcaster = EventBroadcaster(service)
        try:
            yield service, broadcaster
        finally:
            broadcaster.close()
            service.stop()

    return begin


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


def test_the_first_event_is_the_present_status(start: Start) -> None:
    async def work() -> None:
        async with start() as (service, broadcaster), aclosing(broadcaster.events()) as events:
            first = await anext(events)
            assert first.event == "status"
            assert Status.model_validate(first.data) == service.status()

    run(work)


def test_a_change_on_any_thread_is_told_at_once(start: Start) -> None:
    async def work() -> None:
        async with start() as (service, broadcaster), aclosing(broadcaster.events()) as events:
            await anext(events)
            for name in ("marco", "nico", "clara"):
                threading.Thread(target=service.switch_persona, args=(name,)).start()
                assert (await anext(events)).data["persona"] == name

    run(work)


def test_a_new_problem_is_an_alert_and_a_job_tells_its_progress(start: Start) -> None:
    async def work() -> None:
        async with start() as (service, broadcaster), aclosing(broadcaster.events()) as events:
            await anext(events)
            service.problem("no-output")
            alert, status = await anext(events), await anext(events)
            assert (alert.event, alert.data["code"], status.data["state"]) == (
                "alert",
                "no-output",
                "problem",
            )
            job = service.generate_persona(7, None)
            assert [(await anext(events)).event for _ in range(2)] == ["progress", "status"]
            service.advance(job.id, 0.5)
            assert (await anext(events)).data["progress"] == 0.5
            service.advance(job.id, 1)
            done, status = await anext(events), await anext(events)
            assert done.data["done"]
            assert "person-7" in [persona["name"] for persona in status.data["personas"]]

    run(work)


def test_numbers_alone_are_told_by_the_clock_and_not_at_all_while_asleep(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        monkeypatch.setattr(module, "NUMBERS_INTERVAL", 0.01)
        async with start() as (service, broadcaster), aclosing(broadcaster.events()) as events:
            service.start()
            counts = [(await anext(events)).data["numbers"]["frames"] for _ in range(4)]
            assert counts == sorted(set(counts))
            service.sleep()
            while (await anext(events)).data["state"] != "sleeping":
                pass
            looks = watch_status(service)
            await asyncio.sleep(0.2)
            assert not looks

    run(work)


def watch_status(service: FakeService) -> list[Status]:
    """Collect every snapshot that is taken from now on."""
    taken: list[Status] = []
    real = service.status

    def status() -> Status:
        taken.append(real())
        return taken[-1]

    service.status = status  # type: ignore[method-assign]
    return taken


def test_nothing_is_done_while_nobody_reads(start: Start) -> None:
    async def work() -> None:
        async with start() as (service, broadcaster):
            taken = watch_status(service)
            service.pause()
            await asyncio.sleep(0.05)
            assert (taken, service.listeners) == ([], 0)
            async with aclosing(broadcaster.events()) as events:
                await anext(events)
                assert (broadcaster.readers, service.listeners) == (1, 1)
            await until(lambda: service.listeners == 0)
            assert broadcaster.readers == 0

    run(work)


def test_a_reader_who_comes_again_after_all_had_left_is_served(start: Start) -> None:
    async def work() -> None:
        async with start() as (service, broadcaster):
            for name in ("nico", "robin"):
                service.switch_persona(name)
                async with aclosing(broadcaster.events()) as events:
                    assert (await anext(events)).data["persona"] == name

    run(work)


def test_who_does_not_read_misses_the_oldest_and_holds_nobody_up(start: Start) -> None:
    async def work() -> None:
        async with start() as (service, broadcaster):
            slow, quick = broadcaster.events(), broadcaster.events()
            async with aclosing(slow), aclosing(quick):
                await anext(slow), await anext(quick)
                total = 3 * QUEUE_SIZE
                for number in range(total):
                    service.problem(f"trouble-{number}")
                    await next_alert(quick, f"trouble-{number}")
                waiting = await drain(slow)
                assert len(waiting) == QUEUE_SIZE
                assert waiting[-1].data["problems"][-1]["code"] == f"trouble-{total - 1}"

    run(work)


async def next_alert(events: AsyncIterator[Event], code: str) -> None:
    async for event in events:
        if event.event == "status" and event.data["problems"][-1]["code"] == code:
            return


async def drain(events: AsyncIterator[Event]) -> list[Event]:
    """Return what lies there to be read."""
    found: list[Event] = []
    while True:
        try:
            found.append(await asyncio.wait_for(anext(events), 0.3))
        except TimeoutError:
            return found


def test_close_ends_every_reader_and_those_who_come_later(start: Start) -> None:
    async def work() -> None:
        async with start() as (_, broadcaster):
            readers = [broadcaster.events() for _ in range(5)]
            for events in readers:
                await anext(events)
            broadcaster.close()
            assert [[event async for event in events] for events in readers] == [[]] * 5
            assert [event async for event in broadcaster.events()] == []

    run(work)


def test_a_service_that_cannot_tell_ends_its_readers(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with start() as (service, broadcaster):
            events = broadcaster.events()
            await anext(events)
            service.status = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
            service.pause()
            assert [event async for event in events] == []

    run(work)
    assert "ZeroDivisionError" in caplog.text


def test_the_same_twice_is_no_news(tmp_path: Path) -> None:
    service = fake(tmp_path)
    before = service.status()
    service.sleep()
    assert list(differences(before, before)) == []
    assert [event.event for event in differences(before, service.status())] == ["status"]
    service.stop()
