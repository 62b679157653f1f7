"""What is made of a frame, and what the guard is told of it."""

import numpy as np
import pytest
from fakes import HEIGHT, WIDTH, Mask, driver_at, face_at, picture, worn

from visard.daemon.config.settings import Colour, Mode, Settings, Who
from visard.daemon.guard.rules import Facts, GuardState, GuardVerdict, decide
from visard.daemon.media.frame import Format, Frame
from visard.daemon.pipeline.compositor import Compositor
from visard.daemon.pipeline.recipe import Fade, Recipe, Switches
from visard.daemon.pipeline.stats import Stats
from visard.models.face import Sighting
from visard.models.processor import Patch

DRIVER = face_at(*driver_at(0))
OTHER = face_at(250, 180, 2, 40)
FADE = 10.0
"""Seconds."""


@pytest.fixture
def stats():
    return Stats()


@pytest.fixture
def compositor(stats):
    return Compositor(Format(WIDTH, HEIGHT, 30), stats)


@pytest.fixture
def compose(compositor):
    def compose(recipe, *faces, now=0.0, lit=1.0, **switches):
        frame = Frame(0, now, (picture(0) * lit).astype(np.uint8))
        return compositor(frame, Sighting(faces or (DRIVER,), (), 1), recipe, Switches(**switches), now)

    return compose


def fail(_):
    raise ValueError("bad crop")


def fading(old, new, *, old_mode=Mode.swap):
    return Recipe(worn(new, "new"), Fade(worn(old, "old", old_mode), 0.0, FADE))


def verdict(made):
    return decide(GuardState(), Facts(covers=True), made.look, 1.0)[0]


def middle(made):
    x, y = driver_at(0)
    return made.picture[y, x].tolist()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("failing", ["old", "new"])
def test_while_one_persona_becomes_the_next_both_must_cover_the_face(compose, stats, failing, share):
    """Otherwise the driver would show through the one that failed."""
    masks = {"old": Mask(), "new": Mask(), failing: Mask(before=fail)}
    made = compose(fading(**masks), now=share * FADE)
    assert (made.look.failed, made.look.swapped) == (True, frozenset())
    assert verdict(made) is not GuardVerdict.frame
    assert stats.snapshot().errors == {"swap: ValueError": 1}


def test_a_face_that_only_one_of_them_covers_is_not_covered(compose):
    calls = iter([None, ValueError("the second face"), None, None])

    def sometimes(_):
        if error := next(calls):
            raise error

    made = compose(fading(Mask(before=sometimes), Mask()), DRIVER, OTHER)
    assert made.look.swapped == {DRIVER.id}
    assert verdict(made) is not GuardVerdict.frame


def test_both_show_in_the_share_of_the_time_that_passed(compose):
    recipe = fading(Mask(colour=200), Mask(colour=100))
    for share in (0.0, 0.25, 0.75):
        made = compose(recipe, now=share * FADE)
        assert made.look.swapped == {1}
        assert middle(made) == [200 - 100 * share] * 3
        assert verdict(made) is GuardVerdict.frame


def test_after_the_fade_the_old_one_is_asked_no_more(compose):
    old = Mask(before=fail)
    made = compose(fading(old, Mask(colour=100)), now=FADE)
    assert (old.calls, made.look.failed, middle(made)) == (0, False, [100] * 3)


def test_between_two_modes_nothing_fades(compose):
    old = Mask(before=fail)
    made = compose(fading(old, Mask(colour=100), old_mode=Mode.animate))
    assert (old.calls, made.look.failed, middle(made)) == (0, False, [100] * 3)


def test_a_processor_that_answers_for_fewer_faces_has_failed(compose):
    mask = Mask()
    submit = mask.submit
    mask.submit = lambda image, faces, *, relight=True: submit(image, faces[:1])
    made = compose(Recipe(worn(mask)), DRIVER, OTHER)
    assert (made.look.failed, made.look.swapped) == (True, {1})
    assert verdict(made) is not GuardVerdict.frame


def test_only_who_was_chosen_is_swapped(compose):
    mask = Mask()
    made = compose(Recipe(worn(mask)), DRIVER, OTHER, settings=Settings(who=Who.largest))
    assert (mask.calls, made.look.wanted, made.look.swapped) == (1, {1}, {1})


@pytest.mark.parametrize("switches", [{"paused": True}, {"reveal": True}])
def test_paused_or_revealed_nothing_is_put_on(compose, switches):
    mask = Mask()
    made = compose(Recipe(worn(mask)), **switches)
    assert mask.calls == 0
    assert np.array_equal(made.picture, picture(0))
    assert verdict(made) is not GuardVerdict.frame


def test_paused_nothing_is_claimed_of_anybody(compose):
    assert compose(Recipe(worn()), paused=True).look is None
    assert compose(Recipe(worn()), paused=True, reveal=True).look.swapped == frozenset()


def test_without_a_persona_or_a_look_nothing_is_claimed(compose):
    assert compose(Recipe()).look is None
    compositor = Compositor(Format(WIDTH, HEIGHT, 30), Stats())
    assert compositor(Frame(0, 0.0, picture(0)), None, Recipe(worn()), Switches(), 0.0).look is None


class Portrait(Mask):
    """An animator whose portrait is one grey; ``before`` may do anything to one driver."""

    calibrated = 0

    def calibrate(self, *, chosen=True):
        self.calibrated += 1

    def mismatch(self, driver):
        return 0.1

    def _cover(self, image, face):
        super()._cover(image, face)
        return Patch.whole(np.full((HEIGHT, WIDTH, 3), 60, np.uint8))


def animated(portrait):
    return Recipe(worn(portrait, mode=Mode.animate))


def test_an_animated_picture_is_the_portrait_alone_moved_by_one_driver(compose):
    portrait = Portrait()
    made = compose(animated(portrait), OTHER, DRIVER, settings=Settings(landmarks=True))
    assert (made.picture == 60).all()
    assert made.animated
    assert (portrait.calls, made.look.wanted, made.look.swapped) == (1, {1}, {1})


def test_an_animator_that_fails_shows_nothing_of_the_camera(compose, stats):
    made = compose(animated(Portrait(before=fail)))
    assert stats.snapshot().errors == {"animate: ValueError": 1}
    assert not made.picture.any()
    assert (made.look.failed, made.look.swapped) == (True, frozenset())


def test_only_a_portrait_that_was_moved_is_called_animated(compose):
    assert not compose(Recipe(worn())).animated
    assert not compose(animated(Portrait()), paused=True).animated


def test_landmarks_are_drawn_over_a_swapped_face_alone(compose):
    plain, drawn = (
        compose(Recipe(worn()), settings=Settings(landmarks=on)).picture.copy() for on in (False, True)
    )
    assert (plain != drawn).any()


def test_a_frame_without_faces_asks_nothing_of_the_processor(compose):
    mask = Mask()
    compositor = Compositor(Format(WIDTH, HEIGHT, 30), Stats())
    made = compositor(Frame(0, 0.0, picture(0)), Sighting(()), Recipe(worn(mask)), Switches(), 0.0)
    assert (mask.relit, made.look.failed, made.look.swapped) == ([], False, frozenset())


@pytest.mark.parametrize(("kind", "relit"), [(Colour.scene, True), (Colour.none, False)])
def test_the_scenes_light_is_the_processors_own_only_where_that_was_chosen(compose, kind, relit):
    mask = Mask()
    compose(Recipe(worn(mask)), settings=Settings(colour=kind))
    assert mask.relit == [relit]


def test_after_a_cut_somebody_else_may_be_chosen(compositor, compose):
    largest = {"settings": Settings(who=Who.largest)}
    assert compose(Recipe(worn()), DRIVER, OTHER, **largest).look.wanted == {1}
    grown = face_at(250, 180, 2, 150)
    assert compose(Recipe(worn()), DRIVER, grown, **largest).look.wanted == {1}
    compositor.cut()
    assert compose(Recipe(worn()), DRIVER, grown, **largest).look.wanted == {2}


def test_the_one_that_is_replaced_keeps_who_it_chose(compose):
    recipe = fading(Mask(), Mask())
    largest = {"settings": Settings(who=Who.largest)}
    compose(recipe, DRIVER, OTHER, **largest)
    made = compose(recipe, DRIVER, face_at(250, 180, 2, 150), **largest)
    assert (made.look.wanted, made.look.swapped) == ({1}, {1})


def test_another_scene_forgets_what_was_learned_of_the_driver(compositor, compose):
    """How bright the scene is, who is neutral, and what the processor keeps."""
    mask, portrait = Mask(), Portrait()
    settings = {"settings": Settings(colour=Colour.mean_deviation)}
    first = compose(Recipe(worn(mask)), **settings).picture.copy()
    second = compose(Recipe(worn(mask)), lit=0.4, **settings).picture.copy()
    compose(animated(portrait))
    compositor.forget(Recipe(worn(mask)), calibrate=False)
    compositor.forget(Recipe(), calibrate=False)
    third = compose(Recipe(worn(mask)), lit=0.4, **settings).picture
    compose(animated(portrait))
    assert mask.forgotten == 1
    assert portrait.calibrated == 2
    assert first.mean() > second.mean() > third.mean(), "colours were averaged with those of the old scene"


class Hollow(Mask):
    """A swapper whose mask is empty, as a network's is that computes in too few bits."""

    def _cover(self, image, face):
        patch = super()._cover(image, face)
        return Patch(patch.image, np.zeros_like(patch.mask), patch.matrix)


def test_a_swapped_face_that_covers_nothing_is_a_failure(compose, stats):
    made = compose(Recipe(worn(Hollow())))
    assert made.look.failed
    assert not made.look.swapped
    assert verdict(made) is not GuardVerdict.frame
    assert stats.snapshot().errors == {"swap: ProcessorFailed": 1}


def test_a_face_that_has_all_but_left_the_picture_is_no_failure(compose):
    made = compose(Recipe(worn(Mask())), face_at(-47, 100))
    assert made.look.swapped == {1}
