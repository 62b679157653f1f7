"""Personas prepared beforehand."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from fakes import Mask, worn

from visard.daemon.config.settings import Mode
from visard.daemon.errors import PersonaError
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.service.prepared import PreparedPersonas
from visard.engines.errors import Cancelled
from visard.models.processor import Report


class Tailor:
    """Prepares at once, or when told to."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.masks: dict[str, Mask] = {}
        self.sizes: dict[str, int] = {}
        self.slow: set[str] = set()
        self.go = threading.Event()
        self.busy = threading.Event()

    def __call__(self, name: str, mode: Mode, report: Report) -> PreparedPersona:
        self.busy.set()
        while name in self.slow and not self.go.wait(0.01):
            report(0.2, "sewing slowly")
        report(0.5, "sewing")
        self.made.append(name)
        if name == "bad":
            raise PersonaError("no face in it")
        if name == "bug":
            raise ZeroDivisionError
        return worn(self.masks.setdefault(name, Mask(size=self.sizes.get(name, 10))), name, mode)


class Shelf:
    """A library in which a persona is its name."""

    def get(self, name: str) -> str:
        return name


class Choices(Shelf):
    """A library in which a persona's choice changes."""

    def __init__(self) -> None:
        self.choice = ""

    def get(self, name: str) -> str:
        return name + self.choice


class Answer:
    """Waits for what was ordered."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.value: PreparedPersona | Exception | None = None

    def __call__(self, value: PreparedPersona | Exception) -> None:
        self.value = value
        self.came.set()

    def get(self) -> PreparedPersona | Exception | None:
        assert self.came.wait(10)
        return self.value


@pytest.fixture
def tailor() -> Tailor:
    return Tailor()


@pytest.fixture
def prepared(tailor: Tailor) -> Iterator[PreparedPersonas]:
    made = PreparedPersonas(cast("Library", Shelf()), prepare=tailor)
    yield made
    tailor.go.set()
    made.close(10)
    assert not any(worker.is_alive() for worker in made._workers)


def wait_for(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return true()


def order(prepared: PreparedPersonas, name: str, mode: Mode = Mode.swap) -> Answer:
    answer = Answer()
    prepared.order(name, mode, answer)
    return answer


def test_what_was_ordered_is_kept(prepared: PreparedPersonas, tailor: Tailor) -> None:
    assert prepared.get("anna", Mode.swap) is None
    made = order(prepared, "anna").get()
    assert isinstance(made, PreparedPersona)
    assert prepared.get("anna", Mode.swap) is made
    assert prepared.get("anna", Mode.animate) is None
    assert order(prepared, "anna").get() is made
    assert tailor.made == ["anna"]


def test_what_a_person_waits_for_does_not_wait_for_the_stock(
    prepared: PreparedPersonas, tailor: Tailor
) -> None:
    tailor.slow = {"a"}
    prepared.stock(["a", "b", "c"], Mode.swap)
    assert tailor.busy.wait(10)
    order(prepared, "urgent").get()
    assert tailor.made == ["urgent"]
    tailor.go.set()
    order(prepared, "d").get()


def test_the_stock_is_made_without_asking(prepared: PreparedPersonas) -> None:
    prepared.stock(["a", "bad", "b"], Mode.animate)
    assert wait_for(lambda: prepared.has("b", Mode.animate))
    assert [prepared.has(name, Mode.animate) for name in ("a", "bad", "b")] == [True, False, True]


@pytest.mark.parametrize(("name", "kind"), [("bad", PersonaError), ("bug", ZeroDivisionError)])
def test_what_cannot_be_prepared_is_told_and_the_next_is_made(
    prepared: PreparedPersonas, name: str, kind: type[Exception]
) -> None:
    assert isinstance(order(prepared, name).get(), kind)
    assert not prepared.has(name, Mode.swap)
    assert isinstance(order(prepared, "anna").get(), PreparedPersona)


@pytest.fixture
def small(tailor: Tailor) -> Iterator[PreparedPersonas]:
    made = PreparedPersonas(cast("Library", Shelf()), prepare=tailor, limit=25)
    yield made
    made.close(10)


def test_as_many_are_kept_as_memory_allows(small: PreparedPersonas, tailor: Tailor) -> None:
    for name in ("a", "b"):
        order(small, name).get()
    small.get("a", Mode.swap)
    order(small, "c").get()
    assert [small.has(name, Mode.swap) for name in "abc"] == [True, False, True]
    assert [tailor.masks[name].closed for name in "abc"] == [False, True, False]
    tailor.sizes["large"] = 100
    order(small, "large").get()
    assert [small.has(name, Mode.swap) for name in ("a", "c", "large")] == [False, False, True]


def test_what_is_on_is_not_closed_before_another_is(small: PreparedPersonas, tailor: Tailor) -> None:
    worn_now = [order(small, "a").get()]
    small.in_use = lambda: worn_now
    for name in ("b", "c", "d"):
        order(small, name).get()
    assert not tailor.masks["a"].closed
    small.drop("a")
    assert not tailor.masks["a"].closed
    worn_now.clear()
    small.sweep()
    assert tailor.masks["a"].closed


def test_the_stock_ends_where_memory_does(small: PreparedPersonas, tailor: Tailor) -> None:
    small.stock(["a", "b", "c", "d"], Mode.swap)
    assert wait_for(lambda: [small.has(name, Mode.swap) for name in "abc"] == [True, True, False])
    assert not tailor.masks["a"].closed, "nothing goes for what nobody waits for"


def test_the_newest_wish_is_prepared_and_the_one_before_given_up(
    prepared: PreparedPersonas, tailor: Tailor
) -> None:
    tailor.slow = {"old"}
    before = order(prepared, "old")
    assert tailor.busy.wait(10)
    assert isinstance(order(prepared, "new").get(), PreparedPersona)
    assert isinstance(before.get(), Cancelled)
    assert tailor.made == ["new"]


def test_a_wish_can_be_given_up(prepared: PreparedPersonas, tailor: Tailor) -> None:
    tailor.slow = {"slow"}
    waiting = order(prepared, "slow")
    assert tailor.busy.wait(10)
    prepared.cancel()
    assert isinstance(waiting.get(), Cancelled)
    assert wait_for(lambda: prepared.preparing is None)


def test_a_dropped_one_is_made_anew(prepared: PreparedPersonas, tailor: Tailor) -> None:
    order(prepared, "anna").get()
    prepared.drop("anna")
    order(prepared, "anna").get()
    assert tailor.made == ["anna", "anna"]


def test_progress_is_told(tailor: Tailor) -> None:
    seen: list[Any] = []
    prepared = PreparedPersonas(
        cast("Library", Shelf()),
        lambda: seen.append((prepared.preparing, prepared.progress, prepared.step)),
        tailor,
    )
    order(prepared, "anna").get()
    prepared.close(10)
    assert seen == [(("anna", Mode.swap), 0.5, "sewing"), (None, 0.5, "sewing")]


def test_what_was_configured_while_it_was_prepared_is_prepared_again(tailor: Tailor) -> None:
    tailor.slow = {"slow"}
    library, answer = Choices(), Answer()
    prepared = PreparedPersonas(cast("Library", library), prepare=tailor)
    prepared.order("slow", Mode.swap, answer)
    assert tailor.busy.wait(10)
    library.choice = " with options"
    tailor.go.set()
    made = answer.get()
    assert tailor.made == ["slow", "slow with options"]
    assert isinstance(made, PreparedPersona)
    assert made.name == "slow with options"
    assert (tailor.masks["slow"].closed, tailor.masks["slow with options"].closed) == (True, False)
    prepared.close(10)
