"""A sink that outlives its device."""

from collections.abc import Iterator

import numpy as np
import pytest
from fakes import HEIGHT, WIDTH, Basket

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.ports import Sink
from visard.daemon.sinks import _reconnecting
from visard.daemon.sinks._reconnecting import ReconnectingSink

PICTURE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


class Bench:
    """Gives a sink when there is one, and records what it is told."""

    def __init__(self) -> None:
        self.there: Sink | None = None
        self.tries = 0
        self.told: list[Sink | None] = []
        self.sink = ReconnectingSink("camera", self.open, self.told.append)

    def open(self) -> Sink:
        self.tries += 1
        if self.there is None:
            raise SinkUnavailable("there is no virtual camera yet. Run: sudo something")
        return self.there


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(_reconnecting, "RETRY", 1000.0)
    made = Bench()
    yield made
    made.sink.close()


def test_without_a_device_pictures_vanish_and_it_says_why(bench: Bench) -> None:
    for _ in range(5):
        bench.sink.write(PICTURE)
    assert bench.tries == 1
    assert not bench.sink.ok
    assert "no virtual camera" in bench.sink.trouble
    assert bench.told == [None]


def test_a_device_that_appears_is_used(bench: Bench) -> None:
    bench.sink.write(PICTURE)
    bench.there = basket = Basket()
    bench.sink.write(PICTURE)
    assert not basket.images
    bench.sink.retry_now()
    bench.sink.write(PICTURE)
    assert len(basket.images) == 1
    assert (bench.sink.ok, bench.sink.trouble, bench.sink.where) == (True, "", "basket")
    assert bench.told == [None, basket]


def test_a_device_that_goes_is_closed_and_opened_again(bench: Bench) -> None:
    def fail(count: int) -> None:
        if count == 2:
            raise SinkError("it has gone")

    bench.there = first = Basket(before=fail)
    for _ in range(3):
        bench.sink.write(PICTURE)
    assert first.closed == 1
    assert bench.sink.trouble == "it has gone"
    bench.there = second = Basket()
    bench.sink.retry_now()
    bench.sink.write(PICTURE)
    assert len(second.images) == 1
    assert bench.told == [first, None, second]


def test_closing_closes_the_device_once(bench: Bench) -> None:
    bench.there = basket = Basket()
    bench.sink.write(PICTURE)
    bench.sink.close()
    bench.sink.close()
    assert basket.closed == 1
