"""Steering a pipeline while it runs."""

import os
import sys
import time
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest
from fakes import Basket, Mask, Reel, Truth, no_thread_left

from visard.daemon.errors import PersonaError
from visard.daemon.foreground import interactive as module
from visard.daemon.foreground.interactive import Session, line
from visard.daemon.foreground.keyboard import Keyboard
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe


@pytest.fixture(autouse=True)
def threads():
    yield
    assert no_thread_left()


class Shelf:
    """A library of three."""

    def personas(self):
        return [SimpleNamespace(name=name) for name in ("anna", "ben", "cleo")]


@pytest.fixture
def steered(monkeypatch):
    """A running pipeline, a session on it, and what was prepared."""
    prepared = []

    def prepare(choice, mode, settings, *, library):
        if choice == "cleo":
            raise PersonaError("her photo is damaged")
        prepared.append(choice)
        return Recipe(choice, swap=Mask(), mode=mode, settings=settings)

    monkeypatch.setattr(module, "prepare", prepare)
    pipeline = Pipeline(Reel(100_000, live=True), [Basket()], Recipe("anna", swap=Mask()), lambda _: Truth())
    with pipeline:
        yield pipeline, Session(pipeline, Shelf(), "anna"), prepared


def go(session, keys, until=None, seconds=5.0):
    """Press keys and run until the shown line satisfies ``until``."""
    shown = []

    def show(text):
        shown.append(text.plain)
        if until is None or until(text.plain):
            session.key("\x1b")

    for key in keys:
        session.key(key)
    session.until(time.monotonic() + seconds, show)
    return shown


def test_keys_change_the_recipe(steered):
    pipeline, session, _ = steered
    go(session, "wwt0\x1b")
    assert (pipeline.recipe.settings.zoom, pipeline.recipe.settings.mirror) == (1.2, True)
    assert pipeline.recipe.paused


def test_another_persona_is_prepared_aside_and_keeps_what_was_switched(steered):
    pipeline, session, prepared = steered
    go(session, "2w", until=lambda text: "now ben" in text)
    assert prepared == ["ben"]
    assert pipeline.recipe.persona == "ben"
    assert pipeline.recipe.settings.zoom == 1.1


def test_stepping_goes_round(steered):
    pipeline, session, _ = steered
    pipeline.use(replace(pipeline.recipe, persona="cleo"))
    go(session, "d", until=lambda text: "now anna" in text)
    go(session, "a", until=lambda text: "damaged" in text)
    assert pipeline.recipe.persona == "anna", "a persona that cannot be used changes nothing"


def test_a_place_nobody_has_does_nothing(steered):
    pipeline, session, prepared = steered
    go(session, "9")
    assert (prepared, pipeline.recipe.persona) == ([], "anna")


def test_seeking_is_switched_on_and_off(steered):
    pipeline, session, _ = steered
    go(session, "f", until=lambda _: pipeline.status().seeking)
    go(session, "f", until=lambda _: not pipeline.status().seeking)


def test_the_deadline_ends_it(steered):
    _, session, _ = steered
    session.until(time.monotonic() + 0.05, lambda _: None)


def test_the_line_warns_when_the_real_face_shows(steered):
    pipeline, _, _ = steered
    assert "REAL FACE" not in line(pipeline.status()).plain
    pipeline.use(replace(pipeline.recipe, reveal=True))
    assert "YOUR REAL FACE IS VISIBLE" in line(pipeline.status()).plain


def test_no_terminal_no_keys(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with Keyboard(lambda _: pytest.fail("a key")):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_keys_are_read_one_by_one_and_the_terminal_is_put_back(monkeypatch):
    import pty
    import termios

    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    keys, done = [], Event()

    def on_key(key):
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
