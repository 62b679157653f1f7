"""``visard run`` from its first word to its end, with a camera, personas and a tracker that are made up."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import Basket, swapped
from foreground import Camera, make_up, prepare
from leftovers import no_thread_left
from PIL import Image as Pillow

from visard.daemon.config import paths
from visard.daemon.config.enrolment import FILE, NUMBERS, Enrolled, EnrolmentFile
from visard.daemon.config.settings import Mode, Settings
from visard.daemon.errors import PersonaError, SinkError, SinkUnavailable, SourceUnavailable
from visard.daemon.foreground import endpoints
from visard.daemon.foreground import run as module
from visard.daemon.foreground.run import run


@pytest.fixture
def basket(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Basket:
    """What every sink that is no preview turns out to be."""
    make_up(monkeypatch)
    monkeypatch.setattr(module, "prepare", prepare)
    monkeypatch.setattr(endpoints, "SourceSelector", lambda _: Camera("missing"))
    basket = Basket()

    class Kind:
        def open(self, spec: str, *_: object) -> Basket:
            if spec == "nonsense":
                raise SinkUnavailable("'nonsense' is no sink")
            return basket

    monkeypatch.setattr(endpoints, "find_sink", lambda _: Kind())
    monkeypatch.chdir(tmp_path)
    return basket


def after(pictures: int, basket: Basket, do: Callable[[], None]) -> None:
    """Have something done when that many frames with a face went out."""

    def look(_: int) -> None:
        if len(swapped(basket.images)) == pictures:
            do()

    basket._before = look


def send(ending: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), ending)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_closes_what_it_wrote(basket: Basket, ending: signal.Signals) -> None:
    after(5, basket, send(ending))
    status = run("camera", "marco", ["out.mp4"], Settings(max_faces=2))
    assert (status.persona, status.mode, status.camera.state) == ("marco", Mode.swap, "ok")
    assert (status.output.where, status.settings.max_faces) == ("basket", 2)
    assert not status.enrolled
    assert basket.closed
    assert no_thread_left()


def test_it_ends_when_its_time_is_up(basket: Basket) -> None:
    assert run("camera", None, ["out.mp4"], seconds=0.01).persona == "clara"


def test_it_ends_with_what_broke_its_only_sink(basket: Basket) -> None:
    def fail() -> None:
        raise SinkError("the disk is full")

    after(5, basket, fail)
    with pytest.raises(SinkError, match="the disk is full"):
        run("camera", None, ["out.mp4"])
    assert no_thread_left()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("missing", None, ["out.mp4"]), SourceUnavailable),
        (("camera", None, ["out.mp4", "nonsense"]), SinkUnavailable),
        (("camera", None, ["preview:x"]), SinkUnavailable),
        (("camera", "nobody", ["out.mp4"]), PersonaError),
        (("camera", "walter", ["out.mp4"]), PersonaError),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    basket: Basket, words: tuple[str, str | None, list[str]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(*words)
    assert basket.images == []
    assert no_thread_left()


def test_a_picture_is_a_guest_in_the_library(basket: Basket, tmp_path: Path) -> None:
    Pillow.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "me.png")
    after(5, basket, send(signal.SIGINT))
    status = run("camera", "me.png", ["out.mp4"])
    assert status.persona == "me"
    assert [persona.name for persona in status.personas][:2] == ["me", "clara"]
    assert not list((tmp_path / "home/data/personas").glob("me*"))


def test_the_mode_follows_the_processor_unless_it_was_said(basket: Basket) -> None:
    assert run("camera", None, ["out.mp4"], processor="puppet", seconds=0.01).mode is Mode.animate
    assert run("camera", None, ["out.mp4"], mode=Mode.animate, seconds=0.01).mode is Mode.animate
    assert run("camera", None, ["out.mp4"], seconds=0.01).mode is Mode.swap


def test_the_preview_is_served_by_the_program_itself(
    basket: Basket, capsys: pytest.CaptureFixture[str]
) -> None:
    import re
    from threading import Thread

    import httpx

    answers: list[httpx.Response] = []

    def visit() -> None:
        link = re.search(r"http\S+", capsys.readouterr().err)
        assert link
        with httpx.Client(trust_env=False, follow_redirects=True) as client:
            answers.append(client.get(link[0]))
            origin = str(answers[0].url).rstrip("/")
            body = {"name": "hanna"}
            answers.append(client.post(f"{origin}/persona", json=body, headers={"Origin": origin}))
            answers.append(client.get(link[0]))
            client.cookies.clear()
            answers.extend(client.get(f"{origin}{path}") for path in ("/", "/status", "/result", "/driver"))
            answers.append(client.post(f"{origin}/pause", headers={"Origin": origin}))
        os.kill(os.getpid(), signal.SIGINT)

    after(5, basket, lambda: Thread(target=visit, daemon=True).start())
    status = run("camera", None, ["out.mp4", "preview"])
    seen = [answer.status_code for answer in answers]
    assert seen[:3] == [200, 200, 403], "a link is good for one visit"
    assert seen[3:] == [403] * 5, "and without one there is nothing"
    assert not status.paused
    assert "hanna" in (status.persona, status.wanted)
    assert status.output.where == "basket, preview"
    assert no_thread_left()


def test_who_is_enrolled_is_known(basket: Basket) -> None:
    EnrolmentFile(paths.config() / FILE).save(Enrolled(np.eye(2, NUMBERS, dtype=np.float32)))
    assert run("camera", "marco", ["out.mp4"], seconds=0.1).enrolled
