"""Personas prepared beforehand."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from visard.daemon.config.settings import Mode
from visard.daemon.errors import PersonaError
from visard.daemon.personas.library import Library
from visard.daemon.pipeline.recipe import Recipe
from visard.daemon.service import prepared as module
from visard.daemon.service.prepared import PreparedPersonas


class Tailor:
    """Prepares at once, or when told to."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.slow: set[str] = set()
        self.go = threading.Event()
        self.busy = threading.Event()

    def __call__(
        self, name: str, mode: Mode, *, library: Library, progress: Callable[[float], None]
    ) -> Recipe:
        self.busy.set()
        assert name not in self.slow or self.go.wait(10)
        progress(0.5)
        self.made.append(name)
        if name == "bad":
            raise PersonaError("no face in it")
        if name == "bug":
            raise ZeroDivisionError
        return Recipe(name, mode=mode)


class Answer:
    """Waits for what was ordered."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.value: Recipe | Exception | None = None

    def __call__(self, value: Recipe | Exception) -> None:
        self.value = value
        self.came.set()

    def get(self) -> Recipe | Exception | None:
        assert self.came.wait(10)
        return self.value


@pytest.fixture
def tailor() -> Tailor:
    return Tailor()


@pytest.fixture
def wardrobe(tailor: Tailor) -> Iterator[PreparedPersonas]:
    made = PreparedPersonas(cast("Library", None), prepare=tailor)
    yield made
    tailor.go.set()
    made.close(10)
    assert not any(worker.is_alive() for worker in made._workers)


def order(wardrobe: PreparedPersonas, name: str, mode: Mode = Mode.swap) -> Answer:
    answer = Answer()
    wardrobe.order(name, mode, answer)
    return answer


def test_what_was_ordered_is_kept(wardrobe: PreparedPersonas, tailor: Tailor) -> None:
    assert wardrobe.get("anna", Mode.swap) is None
    made = order(wardrobe, "anna").get()
    assert isinstance(made, Recipe)
    assert wardrobe.get("anna", Mode.swap) is made
    assert wardrobe.get("anna", Mode.animate) is None
    assert order(wardrobe, "anna").get() is made
    assert tailor.made == ["anna"]


def test_what_a_person_waits_for_does_not_wait_for_the_stock(
    wardrobe: PreparedPersonas, tailor: Tailor
) -> None:
    tailor.slow = {"a"}
    wardrobe.stock(["a", "b", "c"], Mode.swap)
    assert tailor.busy.wait(10)
    order(wardrobe, "urgent").get()
    assert tailor.made == ["urgent"]
    tailor.go.set()
    order(wardrobe, "d").get()


def test_the_stock_is_made_without_asking(wardrobe: PreparedPersonas) -> None:
    wardrobe.stock(["a", "bad", "b"], Mode.animate)
    deadline = time.monotonic() + 10
    while not wardrobe.has("b", Mode.animate) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [wardrobe.has(name, Mode.animate) for name in ("a", "bad", "b")] == [True, False, True]


@pytest.mark.parametrize(("name", "kind"), [("bad", PersonaError), ("bug", ZeroDivisionError)])
def test_what_cannot_be_prepared_is_told_and_the_next_is_made(
    wardrobe: PreparedPersonas, name: str, kind: type[Exception]
) -> None:
    assert isinstance(order(wardrobe, name).get(), kind)
    assert not wardrobe.has(name, Mode.swap)
    assert isinstance(order(wardrobe, "anna").get(), Recipe)


def test_only_so_many_are_kept(wardrobe: PreparedPersonas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP", 2)
    for name in ("a", "b"):
        order(wardrobe, name).get()
    wardrobe.get("a", Mode.swap)
    order(wardrobe, "c").get()
    assert [wardrobe.has(name, Mode.swap) for name in "abc"] == [True, False, True]


def test_a_dropped_one_is_made_anew(wardrobe: PreparedPersonas, tailor: Tailor) -> None:
    order(wardrobe, "anna").get()
    wardrobe.drop("anna")
    order(wardrobe, "anna").get()
    assert tailor.made == ["anna", "anna"]


def test_progress_is_told(tailor: Tailor) -> None:
    seen: list[Any] = []
    wardrobe = PreparedPersonas(
        cast("Library", None), lambda: seen.append((wardrobe.preparing, wardrobe.progress)), tailor
    )
    order(wardrobe, "anna").get()
    wardrobe.close(10)
    assert seen == [(("anna", Mode.swap), 0.0), (("anna", Mode.swap), 0.5), (None, 0.5)]
