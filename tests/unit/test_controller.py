"""What the controller decides by itself: which wish counts, and when another pipeline is needed."""

import errno
import os
from collections.abc import Callable, Iterator
from queue import Queue, SimpleQueue
from threading import Thread

import pytest
from fakes import Mask, worn

from visard.daemon.config.file import Config
from visard.daemon.config.settings import Mode
from visard.daemon.errors import PersonaError
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.recipe import Switches
from visard.daemon.service import controller as module
from visard.daemon.service.controller import Controller
from visard.daemon.service.live import PreviewStreams
from visard.engines.errors import Cancelled

Then = Callable[[PreparedPersona | Exception], None]


class Prepared:
    """Personas that are ready when the test says so."""

    def __init__(self) -> None:
        self.ready: dict[str, PreparedPersona] = {}
        self.orders: dict[str, Then] = {}
        self.ordered: SimpleQueue[Then] = SimpleQueue()
        self.in_use: Callable[[], tuple[PreparedPersona, ...]] = tuple

    def get(self, name: str, mode: Mode) -> PreparedPersona | None:
        return self.ready.get(name)

    def order(self, name: str, mode: Mode, then: Then) -> None:
        self.orders[name] = then
        self.ordered.put(then)

    def sweep(self) -> None:
        """Nothing is kept here."""


class Selector:
    """No cameras."""

    demo = False


@pytest.fixture
def prepared() -> Prepared:
    return Prepared()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The pipelines that were begun, none of which runs."""
    begun: list[object] = []
    monkeypatch.setattr(Controller, "_begin", lambda self: begun.append(self.live))
    return begun


@pytest.fixture
def controller(prepared: Prepared, begun: list[object]) -> Iterator[Controller]:
    views = PreviewStreams(JpegStream(), JpegStream())
    made = Controller(Config(output="null"), Selector(), views, prepared, lambda: None)  # type: ignore[arg-type]
    yield made
    made.stop()
    views.result.close()
    views.driver.close()


def name(controller: Controller) -> str | None:
    return controller.recipe.name


def test_a_persona_goes_on_when_it_is_prepared(controller: Controller, prepared: Prepared) -> None:
    controller.switch_persona("anna", Mode.swap)
    assert (name(controller), controller.wanted) == (None, ("anna", Mode.swap))
    prepared.orders["anna"](worn(name="anna"))
    assert (name(controller), controller.wanted) == ("anna", None)


def test_only_the_newest_wish_counts(controller: Controller, prepared: Prepared) -> None:
    controller.switch_persona("anna", Mode.swap)
    controller.switch_persona("ben", Mode.swap)
    prepared.orders["anna"](worn(name="anna"))
    assert (name(controller), controller.wanted) == (None, ("ben", Mode.swap))
    prepared.orders["ben"](worn(name="ben"))
    prepared.orders["anna"](worn(name="anna"))
    assert name(controller) == "ben"


def test_a_persona_that_lacked_descriptors_is_tried_again(
    controller: Controller, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.01)
    controller.switch_persona("anna", Mode.swap)
    for _ in range(2):
        order = prepared.ordered.get(timeout=60)
        order(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        assert "persona-unusable" in controller.troubles
    prepared.ordered.get(timeout=60)(worn(name="anna"))
    assert (name(controller), controller.troubles) == ("anna", {})


def test_what_lacked_descriptors_gives_way_to_a_newer_wish(
    controller: Controller, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: Queue[Thread] = Queue()
    monkeypatch.setattr(module, "Thread", lambda **how: begun.put(thread := Thread(**how)) or thread)
    monkeypatch.setattr(module, "AGAIN", 0.01)
    controller.switch_persona("anna", Mode.swap)
    with controller._lock:  # nothing is tried before the newer wish
        prepared.orders["anna"](OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        controller.switch_persona("ben", Mode.swap)
    begun.get(timeout=60).join(60)
    assert controller.wanted == ("ben", Mode.swap)
    assert prepared.ordered.qsize() == 2


def test_an_earlier_wish_does_not_replace_what_was_ready_at_once(
    controller: Controller, prepared: Prepared
) -> None:
    controller.switch_persona("anna", Mode.swap)
    prepared.ready["ben"] = worn(name="ben")
    controller.switch_persona("ben", Mode.swap)
    prepared.orders["anna"](worn(name="anna"))
    assert name(controller) == "ben"


def test_the_same_persona_in_another_mode_is_another_wish(controller: Controller, prepared: Prepared) -> None:
    controller.switch_persona("anna", Mode.swap)
    swap = prepared.orders["anna"]
    controller.switch_persona("anna", Mode.animate)
    swap(worn(name="anna"))
    assert name(controller) is None


def test_a_failure_is_told_only_of_the_newest_wish_and_leaves_what_is_on(
    controller: Controller, prepared: Prepared
) -> None:
    prepared.ready["ben"] = worn(name="ben")
    controller.switch_persona("ben", Mode.swap)
    controller.switch_persona("anna", Mode.swap)
    controller.switch_persona("cleo", Mode.swap)
    prepared.orders["anna"](PersonaError("no face"))
    assert controller.troubles == {}
    prepared.orders["cleo"](PersonaError("no face"))
    assert name(controller) == "ben"
    problem = controller.troubles["persona-unusable"]
    assert (problem.message, problem.blocking) == ("cleo cannot be put on: no face", False)
    controller.switch_persona("anna", Mode.swap)
    prepared.orders["anna"](Cancelled("stopped"))
    assert controller.troubles == {}


def test_without_a_persona_a_failure_blocks(controller: Controller, prepared: Prepared) -> None:
    controller.switch_persona("anna", Mode.swap)
    prepared.orders["anna"](PersonaError("no face"))
    assert controller.troubles["persona-unusable"].blocking


@pytest.mark.parametrize(
    "change",
    [{"output": "null:other"}, {"width": 640}, {"height": 480}, {"fps": 25}],
    ids=lambda one: next(iter(one)),
)
def test_another_output_takes_another_pipeline_with_the_same_persona(
    controller: Controller, prepared: Prepared, begun: list[object], change: dict[str, object]
) -> None:
    prepared.ready["anna"] = worn(name="anna")
    controller.switch_persona("anna", Mode.swap)
    controller.set_switches(paused=True)
    before = controller.live
    controller.apply(Config(output="null").model_copy(update=change))
    assert controller.live is not before
    assert begun == [controller.live]
    assert controller.live._output.where == change.get("output", "null")
    assert {getattr(controller.live.format, key) for key in change if key != "output"} <= set(change.values())
    assert controller.recipe.persona is prepared.ready["anna"]
    assert controller.switches.paused


@pytest.mark.parametrize(
    "change",
    [{"zoom": 2.0}, {"camera": "demo"}, {"crossfade": 1.0}, {"always_on": False}, {"notifications": False}],
)
def test_anything_else_changes_the_pipeline_that_runs(
    controller: Controller, begun: list[object], change: dict[str, object]
) -> None:
    before = controller.live
    controller.apply(Config(output="null").model_copy(update=change))
    assert controller.live is before
    assert begun == []
    assert controller.switches.settings.zoom == change.get("zoom", 1.0)


def test_switching_keeps_what_was_not_named(controller: Controller) -> None:
    controller.set_switches(paused=True)
    controller.set_switches(reveal=True)
    assert controller.switches == Switches(paused=True, reveal=True)


def test_while_one_persona_becomes_the_next_both_are_in_use(
    prepared: Prepared, controller: Controller
) -> None:
    anna, ben = worn(Mask(), "anna"), worn(Mask(), "ben")
    prepared.ready |= {"anna": anna, "ben": ben}
    controller.switch_persona("anna", Mode.swap)
    assert controller.recipe.fade is None, "there is nothing to fade from"
    controller.apply(Config(output="null", crossfade=1.0))
    controller.switch_persona("ben", Mode.swap)
    assert controller.recipe.fade is not None
    assert (controller.recipe.fade.old, controller.recipe.fade.seconds) == (anna, 1.0)
    assert prepared.in_use() == (ben, anna)
    controller.switch_persona("ben", Mode.swap)
    assert controller.recipe.fade.old is anna, "what is on already does not fade into itself"
