"""The pipeline with stand-ins: order, loss, switching, several sinks, errors, ends."""

from threading import Event

import numpy as np
import pytest
from fakes import (
    WIDTH,
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

from visard.daemon.config.settings import Mode, Settings, Who
from visard.daemon.errors import SinkError, SourceError, VisardError
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.models.face import Sighting
from visard.models.processor import Done, Patch


@pytest.fixture(autouse=True)
def threads():
    yield
    assert no_thread_left()


def finish(pipeline):
    with pipeline:
        assert pipeline.wait(20)


def run(count=40, look=recipe, sinks=None, switches=None, **reel):
    basket = Basket()
    pipeline = Pipeline(Reel(count, **reel), sinks or [basket], look(), lambda _: Truth(), switches=switches)
    finish(pipeline)
    return basket, pipeline


def test_every_frame_of_a_file_comes_out_once_and_in_order():
    basket, pipeline = run(60)
    assert swapped(basket.images) == list(range(60))
    assert basket.leaks == 0
    assert basket.closed == 1
    status = pipeline.status()
    assert (status.stats.frames, status.drops) == (60, 0)
    steps = {"read", "track", "occlude", "cover", "swap", "blend", "view", "guard", "sink"}
    assert steps == set(status.stats.steps)


def test_a_live_source_keeps_order_and_counts_what_it_drops():
    slow = recipe(Mask(before=lambda _: Event().wait(0.02)))
    basket, pipeline = run(60, look=lambda: slow, live=True, fps=200)
    numbers = swapped(basket.images)
    unique = [n for n, before in zip(numbers, [-1, *numbers], strict=False) if n != before]
    assert unique == sorted(set(unique))
    assert pipeline.status().drops > 0
    assert len(unique) + pipeline.status().drops >= 60
    assert basket.leaks == 0


def test_a_recipe_takes_over_between_frames():
    first, second = Mask(colour=10), Mask(colour=240)
    basket = Basket()
    holder = []

    def switch(number):
        if number == 20:
            holder[0].use(recipe(second, "q"))

    pipeline = Pipeline(Reel(40, before=switch), [basket], recipe(first), lambda _: Truth())
    holder.append(pipeline)
    finish(pipeline)
    values = [int(image[130, 90, 0]) for image in basket.images]
    assert set(values) == {10, 240}
    assert values == sorted(values)
    assert first.calls + second.calls == 40


@pytest.mark.parametrize(("look", "paused"), [(recipe, True), (Recipe, False)])
def test_paused_or_without_persona_only_the_card_goes_out(look, paused):
    basket, _ = run(10, look=look, switches=Switches(paused=paused))
    assert basket.leaks == 0
    assert len({image.tobytes() for image in basket.images}) == 1


def test_reveal_shows_the_camera_and_nothing_else_does():
    basket, _ = run(5, switches=Switches(reveal=True))
    assert basket.leaks == 5
    assert np.array_equal(basket.images[3], picture(3))


def test_view_settings_apply():
    settings = Settings(mirror=True, landmarks=True)
    basket, _ = run(3, switches=Switches(settings))
    assert basket.leaks == 0
    assert basket.images[0][0, -1, 2] == 77


def test_one_broken_sink_stops_nobody_else():
    def fail(written):
        if written == 3:
            raise SinkError("the disk is full")

    good, bad = Basket(), Basket(before=fail)
    bad.where = "bad"
    _, pipeline = run(30, sinks=[bad, good])
    assert swapped(good.images) == list(range(30))
    assert (len(bad.images), bad.closed) == (3, 1)
    assert pipeline.status().sinks == {"bad": "the disk is full", "basket": "ok"}


def test_when_every_sink_has_failed_there_is_one_clear_error():
    def fail(_):
        raise SinkError("the disk is full")

    with pytest.raises(SinkError, match=r"no output is left \(basket: the disk is full\)"):
        run(30, sinks=[Basket(before=fail)])


def test_a_sink_that_fails_only_on_closing_is_an_error():
    class Full(Basket):
        def close(self):
            raise SinkError("no space")

    with pytest.raises(SinkError, match="no space"):
        run(3, sinks=[Full()])


def test_a_bug_in_a_step_ends_the_run_with_one_error(caplog):
    def boom(_):
        raise RuntimeError("boom")

    basket = Basket()
    pipeline = Pipeline(Reel(1000), [basket], recipe(), boom)
    with pytest.raises(VisardError, match=r"the track step stopped \(RuntimeError: boom\)"):
        finish(pipeline)
    assert basket.leaks == 0
    assert basket.closed == 1
    assert "boom" in caplog.text


def test_a_file_that_breaks_is_an_error():
    with pytest.raises(SourceError, match="cable"):
        run(20, before=lambda number: unplug(number) if number == 10 else None)


def test_stopping_is_prompt_while_source_and_swap_block():
    blocked, stuck, basket = Event(), Event(), Basket()

    def block(number):
        if number >= 10:
            blocked.set()
            stuck.wait(30)

    reel = Reel(1000, live=True, before=lambda n: reel.stall(60) if n == 30 else None)
    pipeline = Pipeline(reel, [basket], recipe(Mask(before=block)), lambda _: Truth()).start()
    assert blocked.wait(5)
    pipeline.stop()
    assert reel.closed.is_set()
    assert basket.closed == 1
    assert not pipeline.settle(0.01)
    stuck.set()
    assert pipeline.settle(5)


def test_stopping_twice_and_before_starting_is_fine():
    pipeline = Pipeline(Reel(5), [Basket()], recipe(), lambda _: Truth())
    pipeline.stop()
    pipeline.stop()


def test_calibrating_forgets_the_driver():
    look, basket, tracker = recipe(), Basket(), Truth()
    pipeline = Pipeline(Reel(10), [basket], look, lambda _: tracker)
    pipeline.calibrate()
    finish(pipeline)
    assert look.persona.prepared.forgotten == 1


def test_pausing_and_resuming_makes_the_tracker_start_anew():
    tracker, holder = Truth(), []

    def toggle(number):
        if number in (5, 10):
            holder[0].set_switches(Switches(paused=number == 5))

    pipeline = Pipeline(Reel(30, before=toggle), [Basket()], recipe(), lambda _: tracker)
    holder.append(pipeline)
    finish(pipeline)
    assert tracker.forgotten == 1


class Puppet:
    """An animator that shows its portrait and remembers what it was asked."""

    def __init__(self, mismatches=()):
        self.still = np.full((60, 60, 3), 222, np.uint8)
        self.calibrated = 0
        self.mismatches = iter(mismatches)

    bytes = 0

    def submit(self, picture, faces, *, relight=True):
        assert len(faces) == 1
        return Done((Patch.whole(self.still),))

    def calibrate(self, *, chosen=True):
        self.calibrated += 1

    def mismatch(self, driver):
        return next(self.mismatches, 0.5)


def test_animating_shows_the_portrait_and_never_the_camera():
    puppet = Puppet()
    look = Recipe(PreparedPersona("p", "puppet", Mode.animate, puppet, puppet.still))
    basket, pipeline = run(10, look=lambda: look)
    assert basket.leaks == 0
    assert all(image[120, 160].tolist() == [222] * 3 for image in basket.images)
    assert puppet.calibrated == 1
    assert pipeline.status().reference == 50


def test_a_better_reference_is_taken_when_asked_for():
    puppet = Puppet([0.5, 0.6, 0.3, 0.4, 0.2])
    basket = Basket()
    look = Recipe(PreparedPersona("p", "puppet", Mode.animate, puppet))
    pipeline = Pipeline(Reel(10), [basket], look, lambda _: Truth())
    pipeline.seek(True)
    finish(pipeline)
    assert puppet.calibrated == 3
    assert (pipeline.status().reference, pipeline.status().seeking) == (20, True)


def test_the_frames_of_another_size_after_reconnecting_are_fitted():
    def draw(number):
        return picture(number) if number < 5 else np.zeros((100, 300, 3), np.uint8)

    basket, _ = run(10, draw=draw)
    assert {image.shape for image in basket.images} == {(240, 320, 3)}
    assert not any(map(shows_driver, basket.images))


def cut_film(number):
    """Draw two scenes: the driver's place, light and room change at once."""
    image = picture(number)
    if number >= 20:
        image = np.ascontiguousarray(image[:, ::-1])
        image[(image == 90).all(2)] = 180
        image[0, 0] = 0, number, 77
    return image


def see_both(number):
    x, y = driver_at(number)
    return Sighting((face_at(x if number < 20 else WIDTH - x, y, 1 if number < 20 else 2),))


@pytest.mark.parametrize("who", list(Who))
def test_a_film_goes_on_after_a_cut(who):
    tracker, basket = Truth(see_both), Basket()
    switches = Switches(Settings(who=who))
    finish(Pipeline(Reel(40, draw=cut_film), [basket], recipe(), lambda _: tracker, switches=switches))
    assert swapped(basket.images) == list(range(40))
    assert basket.leaks == 0
    assert tracker.forgotten == 1


def test_a_camera_has_no_cuts():
    tracker, basket = Truth(see_both, looks=lambda number: number < 20), Basket()

    def wait(number):
        """Let something of the first scene come out, however slow the machine is."""
        while number == 19 and not swapped(basket.images):
            Event().wait(0.005)

    finish(Pipeline(Reel(40, draw=cut_film, live=True, before=wait), [basket], recipe(), lambda _: tracker))
    assert basket.leaks == 0
    assert tracker.forgotten == 0
    assert max(swapped(basket.images)) < 20, "what looks like a cut is a fault until proven otherwise"
