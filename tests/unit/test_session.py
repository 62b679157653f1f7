"""Steering a service from a terminal while it runs."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from fakes import Basket, swapped, worn
from foreground import FORMAT, Camera, make_up
from leftovers import no_thread_left

from visard.daemon.config.file import ConfigFile
from visard.daemon.errors import PersonaError, SinkError
from visard.daemon.foreground import interactive
from visard.daemon.foreground.interactive import Session, line
from visard.daemon.foreground.keyboard import Keyboard
from visard.daemon.personas import generator
from visard.daemon.personas.library import Library
from visard.daemon.service.live import OpenedSinks
from visard.daemon.service.service import Service


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    assert no_thread_left()


@pytest.fixture
def basket() -> Basket:
    return Basket()


@pytest.fixture
def running(home: Path, basket: Basket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service in the foreground, with clara on."""
    make_up(monkeypatch)
    monkeypatch.setattr(interactive, "REFRESH", 0.02)
    made = Service(ConfigFile(None, {"camera": "camera"}), Library(), Camera(), OpenedSinks(FORMAT, [basket]))
    made.start(worn(name="clara"))
    yield made
    made.stop(10)


def go(service: Service, keys: str, until: Callable[[str], bool] = lambda _: True) -> str:
    """Press keys and run until the shown line satisfies ``until``; return that line."""
    session, shown = Session(service), [""]

    def show(text: object) -> None:
        shown.append(str(text))
        if until(shown[-1]):
            session.key("\x1b")

    for key in keys:
        session.key(key)
    session.until(time.monotonic() + 60, show)
    assert until(shown[-1]), shown[-1]
    return shown[-1]


def test_keys_change_what_is_switched_on_and_the_configuration_follows(running: Service) -> None:
    go(running, "wwt0\x1b", until=lambda _: running.switches.paused)
    assert (running.switches.settings.zoom, running.switches.settings.mirror) == (1.2, True)
    assert (running.config().zoom, running.config().mirror, running.config().paused) == (1.2, True, True)
    go(running, "0Z", until=lambda _: running.switches.settings.zoom == 1)
    assert not running.switches.paused


def test_nothing_is_written_to_the_configuration_of_the_daemon(running: Service, home: Path) -> None:
    go(running, "w2", until=lambda text: text.startswith("hanna"))
    assert not list(home.rglob("config.toml"))


def test_another_persona_is_prepared_aside_and_keeps_what_was_switched(running: Service) -> None:
    go(running, "2w", until=lambda text: text.startswith("hanna"))
    assert running.switches.settings.zoom == 1.1


def test_only_what_is_asked_for_is_prepared(running: Service) -> None:
    go(running, "3", until=lambda text: text.startswith("marco"))
    assert [persona.name for persona in running.personas() if persona.ready] == ["clara", "marco"]


def test_stepping_goes_round_and_one_that_cannot_be_used_changes_nothing(running: Service) -> None:
    go(running, "d", until=lambda text: text.startswith("hanna"))
    go(running, "aa", until=lambda text: "his photo is damaged" in text)
    assert running.status().persona == "clara"


def test_a_place_nobody_has_does_nothing(running: Service) -> None:
    go(running, "9w", until=lambda _: running.switches.settings.zoom == 1.1)
    assert (running.status().persona, running.status().wanted) == ("clara", None)


def test_reloading_prepares_anew(running: Service) -> None:
    go(running, "", until=lambda text: text.startswith("clara"))
    before = running._controller.recipe.persona
    go(running, "l", until=lambda _: running._controller.recipe.persona is not before)
    assert running.status().persona == "clara"


def test_a_person_that_cannot_be_drawn_is_told(running: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PersonaError("there is no generator here")

    monkeypatch.setattr(generator, "open_generator", refuse)
    go(running, "q", until=lambda text: "there is no generator here" in text)


def test_calibrating_and_seeking_are_told(running: Service) -> None:
    assert "calibrated" in go(running, "x", until=lambda text: "calibrated" in text)
    go(running, "f", until=lambda _: running.status().seeking)
    go(running, "f", until=lambda _: not running.status().seeking)


def test_without_a_page_there_is_no_link(running: Service) -> None:
    assert "--sink preview" in go(running, "p")


def test_the_frame_rate_can_be_hidden(running: Service) -> None:
    assert " fps " in go(running, "w")
    assert " fps " not in go(running, "i")


def test_the_deadline_ends_it(running: Service) -> None:
    Session(running).until(time.monotonic() + 0.05, lambda _: None)


def test_pausing_keeps_the_camera(running: Service, basket: Basket) -> None:
    running._controller.idle.linger = 0
    go(running, "0", until=lambda _: running.switches.paused)
    assert running._controller.idle.awake
    assert running._controller.idle._timer is None


def test_it_ends_when_its_last_sink_breaks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_up(monkeypatch)

    def full(count: int) -> None:
        if count >= 3:
            raise SinkError("the disk is full")

    sinks = Basket(), Basket(before=full), Basket(before=full)
    sinks[0].where = "first"
    made = Service(ConfigFile(None, {"camera": "camera"}), Library(), Camera(), OpenedSinks(FORMAT, sinks))
    made.start(worn(name="clara"))
    go(made, "", until=lambda text: "basket: the disk is full" in text)
    output = made.status().output
    assert (output.where, output.ok) == ("first", True), "one is left, and it goes on"
    assert swapped(sinks[0].images)
    sinks[0]._before = full
    with pytest.raises(SinkError, match=r"no output is left .*the disk is full"):
        Session(made).until(time.monotonic() + 60, lambda _: None)
    made.stop(10)
    assert [sink.closed for sink in sinks] == [1, 1, 1]


def test_the_line_warns_when_the_real_face_shows(running: Service) -> None:
    assert "REAL FACE" not in line(running.status()).plain
    running.reveal(True)
    assert "YOUR REAL FACE IS VISIBLE" in line(running.status()).plain


def test_no_terminal_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with Keyboard(lambda _: pytest.fail("a key")):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_keys_are_read_one_by_one_and_the_terminal_is_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pty
    import termios

    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    keys: list[str] = []
    done = Event()

    def on_key(key: str) -> None:
        keys.append(key)
        if key == "!":
            done.set()

    with os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with Keyboard(on_key):
            for typed in (b"wZ", b"\x1b[A", b"\xc3\xa9", b"!"):
                os.write(master, typed)
                time.sleep(0.05)
            assert done.wait(5)
        assert termios.tcgetattr(slave)[3] == before[3]
        assert "".join(keys).replace("é", "") == "wZ!"
    os.close(master)
