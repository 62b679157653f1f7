"""Faults put into whole clips: whatever breaks, no picture that goes out shows the driver."""

from threading import Event

import numpy as np
import pytest
from fakes import (
    POSTER_AT,
    Basket,
    Mask,
    Reel,
    Truth,
    driver_at,
    face_at,
    picture,
    recipe,
    shows_driver,
    swapped,
    unplug,
)
from leftovers import no_thread_left

from visard.daemon.config.settings import Settings, WhenLost, Who
from visard.daemon.errors import SourceUnavailable
from visard.daemon.guard.blur import blurred
from visard.daemon.pipeline import pipeline
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Switches
from visard.models.face import Sighting


@pytest.fixture(autouse=True)
def threads():
    yield
    assert no_thread_left()


@pytest.fixture(params=[False, True], ids=["every-frame", "live"])
def live(request):
    return request.param


def play(reel, *, mask=None, tracker=None, settings=None, reopen=None, pace=True):
    """Play a reel to its end; with ``pace`` one picture in four is judged even on a busy machine."""
    basket = Basket()
    switches = Switches(settings or Settings())
    pipeline = Pipeline(
        reel, [basket], recipe(mask), lambda _: tracker or Truth(), switches=switches, reopen=reopen
    )
    if reel.format.live and pace:
        reel.judged = lambda: pipeline.stats.snapshot().frames
    with pipeline:
        assert pipeline.wait(120)
    return basket, pipeline.status()


def test_the_judge_itself_sees_the_driver_and_knows_what_hides_him():
    assert shows_driver(picture(7))
    assert shows_driver(picture(7)[:, ::-1])
    assert not shows_driver(blurred(picture(7)))


def test_nothing_wrong(live):
    basket, status = play(Reel(60, live=live))
    assert basket.leaks == 0
    assert status.stats.verdicts["frame"] >= 20


@pytest.mark.parametrize("when_lost", list(WhenLost))
def test_detector_returns_nothing(live, when_lost):
    def see(number):
        return Sighting(() if 20 <= number < 110 else (face_at(*driver_at(number)),))

    reel = Reel(130, live=live, fps=60)
    basket, status = play(reel, tracker=Truth(see), settings=Settings(when_lost=when_lost))
    assert basket.leaks == 0
    assert live or status.stats.verdicts.get("last-good", 0) > 0
    assert status.stats.verdicts.get(when_lost.value, 0) > 0


def test_detector_never_sees_anything(live):
    basket, status = play(Reel(30, live=live), tracker=Truth(lambda _: Sighting(())))
    assert basket.leaks == 0
    assert set(status.stats.verdicts) == {"blur"}
    assert set(status.stats.reasons) == {"no face"}


def test_tracker_raises(live):
    def see(number):
        if number % 3 == 0:
            raise RuntimeError("out of memory")
        return Sighting((face_at(*driver_at(number)),))

    basket, status = play(Reel(60, live=live), tracker=Truth(see))
    assert basket.leaks == 0
    assert status.stats.errors["track: RuntimeError"] > 0


def test_swapper_raises(live, caplog):
    def fail(number):
        if number % 4 == 3 or 20 <= number < 50:
            raise ValueError("bad crop")

    basket, status = play(Reel(80, live=live, fps=60), mask=Mask(before=fail))
    assert basket.leaks == 0
    assert status.stats.errors["swap: ValueError"] > 10
    assert caplog.text.count("bad crop") == 1


def test_swapper_takes_two_seconds(monkeypatch):
    """Slow is not failed: live, the emitting side goes on by itself with the last good frame."""
    monkeypatch.setattr(pipeline, "GIVE_UP", 60.0)  # two seconds here may be many on a busy machine
    mask = Mask(before=lambda number: Event().wait(2 if number == 20 else 0))
    basket, status = play(Reel(180, live=True, fps=60), mask=mask, pace=False)
    assert basket.leaks == 0
    assert status.drops > 30
    kinds = [bool(image[0, 0, 2] == 77) for image in basket.images]
    assert all(kinds[kinds.index(True) :]), "neither a blur nor a card, only because it took long"
    assert swapped(basket.images)[-1] > 20, "and frames went out again afterwards"


def test_source_stalls():
    reel = Reel(60, live=True, before=lambda number: reel.stall(1.0) if number == 30 else None)
    basket, _ = play(reel)
    assert basket.leaks == 0
    assert not all(image[0, 0, 2] == 77 for image in basket.images)


def test_source_ends(live):
    basket, _ = play(Reel(3, live=live))
    assert basket.leaks == 0
    assert basket.closed == 1


def test_source_ends_at_once(live):
    basket, status = play(Reel(0, live=live))
    assert basket.leaks == 0
    assert status.stats.frames == 0


def test_source_unplugged_and_back():
    tries = []

    def reopen():
        tries.append(len(tries))
        if len(tries) == 1:
            raise SourceUnavailable("still no such device")
        return Reel(30, live=True, first=40)

    mask = Mask()
    reel = Reel(60, live=True, before=lambda number: unplug(number) if number == 30 else None)
    basket, status = play(reel, reopen=reopen, mask=mask)
    assert basket.leaks == 0
    assert len(tries) == 2
    assert status.source == "ok"
    assert mask.forgotten == 1, "another scene: what was learned about the old one is dropped"
    numbers = swapped(basket.images)
    assert min(numbers) < 30
    assert max(numbers) >= 60
    assert {image.tobytes() for image in basket.images if image[0, 0, 2] != 77}, "the card was shown"


@pytest.mark.parametrize("who", list(Who))
def test_landmarks_jump_to_a_poster(live, who):
    """The driver's track lands on the poster, and for fifty pictures the detector does not look."""

    def see(number):
        if number < 20:
            return Sighting((face_at(*driver_at(number)),))
        if number < 70:
            return Sighting((face_at(*POSTER_AT, 1),))
        poster = face_at(*POSTER_AT, 1)
        return Sighting((poster, face_at(*driver_at(number), 2)))

    reel = Reel(160, live=live, fps=60, draw=lambda number: picture(number, poster=True))
    tracker = Truth(see, looks=lambda number: not 20 <= number < 70)
    basket, status = play(reel, tracker=tracker, settings=Settings(who=who))
    assert basket.leaks == 0
    assert swapped(basket.images)[-1] > 100, "when the driver is covered again, frames go out again"
    assert "a face jumped" in status.stats.reasons


def test_poster_found_while_the_driver_is_missing(live):
    def see(number):
        if number < 20 or number >= 90:
            return Sighting((face_at(*driver_at(number)),))
        return Sighting((face_at(*POSTER_AT, 5),), missing=(1,))

    for who in Who:
        reel = Reel(110, live=live, fps=60, draw=lambda number: picture(number, poster=True))
        basket, _ = play(reel, tracker=Truth(see), settings=Settings(who=who))
        assert basket.leaks == 0, who


def test_hiding_the_face_again_works_at_once():
    holder, seen = [], []

    def hide(number):
        if number == 20:
            seen.append(len(holder[1].images))
            holder[0].set_switches(Switches())

    basket = Basket()
    source, shown_face = Reel(60, live=True, before=hide), Switches(reveal=True)
    pipeline = Pipeline(source, [basket], recipe(), lambda _: Truth(), switches=shown_face)
    holder += [pipeline, basket]
    with pipeline:
        assert pipeline.wait(20)
    shown = [shows_driver(image) for image in basket.images]
    assert shown[5]
    assert not any(shown[seen[0] + 3 :])


def test_everything_at_once(live):
    rng = np.random.default_rng(5)
    fate = rng.integers(0, 5, 200)

    def see(number):
        if fate[number] == 0:
            return Sighting((), missing=(1,))
        if fate[number] == 1:
            raise RuntimeError("now and then")
        return Sighting((face_at(*driver_at(number)),))

    def fail(number):
        if fate[number] == 2:
            raise ValueError("now and then")

    basket, _ = play(Reel(200, live=live, fps=120), tracker=Truth(see), mask=Mask(before=fail))
    assert basket.leaks == 0
