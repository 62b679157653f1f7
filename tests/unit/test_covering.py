"""Faces that may not be seen are blurred in the frame itself, and the guard is told which."""

import cv2
import numpy as np
import pytest
from fakes import DRIVER, HEIGHT, POSTER, POSTER_AT, WIDTH, Mask, driver_at, face_at, picture, worn

from visard.daemon.config.enrolment import Enrolled
from visard.daemon.config.settings import Mode, Settings, Who, reveals
from visard.daemon.guard.rules import FaceCounts, Facts, GuardState, GuardVerdict, count_faces, decide
from visard.daemon.media.frame import Format, Frame
from visard.daemon.pipeline.compositor import Compositor
from visard.daemon.pipeline.recipe import Fade, Recipe, Switches
from visard.daemon.pipeline.stats import Stats
from visard.models.face import Sighting, UntrackedFace
from visard.models.processor import Patch

ME, SOMEBODY = face_at(*driver_at(0)), face_at(*POSTER_AT, 2, 94)
"""Smaller than the driver, so that the largest is the driver."""
SEEN = UntrackedFace(2, SOMEBODY.centre, SOMEBODY.size, 91)
OTHERS = {
    "tracked, not chosen": Sighting((ME, SOMEBODY), (), 1),
    "seen by a detector": Sighting((ME,), (), 1, (SEEN,)),
    "lost": Sighting((ME,), (2,), 1, (SEEN,)),
}
LARGEST = Settings(who=Who.largest)
BYSTANDERS = Settings(who=Who.largest, bystanders=True)


def compose(sighting, settings=LARGEST, *, recipe=None, now=0.0, **switches):
    frame = Frame(0, now, picture(0, poster=True))
    compositor = Compositor(Format(WIDTH, HEIGHT, 30), Stats())
    return compositor(frame, sighting, recipe or Recipe(worn()), Switches(settings, **switches), now)


def verdict(made, **facts):
    return decide(GuardState(), Facts(covers=True, **facts), made.look, 1.0)[0]


def counts(made):
    return count_faces(verdict(made), made.look)


def found(image, face):
    """Return how well a face's pattern can be found in a picture, up to 1."""
    small = [cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for x in (image, face[:, :94])]
    return float(cv2.matchTemplate(*small, cv2.TM_CCOEFF_NORMED).max())


def test_the_question_finds_the_faces_of_the_picture():
    camera = picture(0, poster=True)
    assert min(found(camera, face) for face in (DRIVER, POSTER)) > 0.9
    assert found(picture(0), POSTER) < 0.4


@pytest.mark.parametrize("how", OTHERS)
def test_whoever_was_not_chosen_is_blurred_and_said_to_be(how):
    made = compose(OTHERS[how])
    assert (made.look.swapped, made.look.covered, made.look.shown) == ({1}, {2}, frozenset())
    assert max(found(made.picture, face) for face in (DRIVER, POSTER)) < 0.4
    assert counts(made) == FaceCounts(swapped=1, covered=1)


@pytest.mark.parametrize("how", ["seen by a detector", "lost"])
def test_whoever_cannot_be_swapped_is_blurred_even_where_all_should_be(how):
    made = compose(OTHERS[how], Settings())
    assert (made.look.wanted, made.look.covered) == (None, {2})
    assert found(made.picture, POSTER) < 0.4
    assert counts(made) == FaceCounts(swapped=1, covered=1)


@pytest.mark.parametrize(
    ("how", "shown"), [("tracked, not chosen", {2}), ("seen by a detector", {2}), ("lost", set())]
)
def test_bystanders_are_shown_but_for_one_that_was_lost(how, shown):
    """It may be the driver, who was chosen before."""
    made = compose(OTHERS[how], BYSTANDERS)
    assert (made.look.shown, made.look.covered) == (shown, {2} - shown)
    assert (found(made.picture, POSTER) > 0.9) == bool(shown)
    assert counts(made) == FaceCounts(1, len({2} - shown), len(shown))


def test_a_picture_around_the_covered_face_stays():
    plain, covered = (compose(OTHERS[how], BYSTANDERS).picture for how in ("tracked, not chosen", "lost"))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    beyond = np.hypot(columns - POSTER_AT[0], rows - POSTER_AT[1]) >= 1.2 * SEEN.reach
    np.testing.assert_array_equal(covered[beyond], plain[beyond])


def test_a_driver_who_was_lost_is_covered_as_far_as_the_face_may_have_gone():
    """Nobody is swapped, so the frame stays in; what would be blurred of it is covered already."""
    elsewhere = ME.centre[0] + 60, ME.centre[1] - 40
    made = compose(Sighting((), (1,), 1, (UntrackedFace(1, elsewhere, ME.size, 2 * ME.size),)))
    assert (made.look.swapped, made.look.covered) == (frozenset(), {1})
    assert found(made.picture, DRIVER) < 0.4
    assert verdict(made) is GuardVerdict.blur


def test_a_missing_face_whose_place_nobody_knows_is_not_called_covered():
    made = compose(Sighting((ME,), (2,), 1))
    assert made.look.covered == frozenset()
    assert verdict(made) is GuardVerdict.blur


@pytest.mark.parametrize("nonsense", [np.nan, np.inf])
def test_a_face_whose_place_is_nonsense_is_not_called_covered(nonsense):
    """A network that computes in too few bits may say so; the frame stays in and the next one is made."""
    nowhere = face_at(100, 100, 2)
    nowhere.landmarks[7, :2] = nonsense
    made = compose(Sighting((ME, nowhere), (), 1))
    assert 2 not in made.look.covered
    assert verdict(made) is GuardVerdict.blur


def test_many_are_covered_at_once_and_each_is_named():
    places = tuple(UntrackedFace(10 + n, (20 + 40 * n, 30), 20, 19) for n in range(8))
    made = compose(Sighting((ME,), (10, 11), 1, places), Settings())
    assert made.look.covered == {place.id for place in places}
    assert counts(made) == FaceCounts(swapped=1, covered=8)


def test_nobody_is_the_driver_while_nobody_is_recognised():
    mask = Mask()
    made = compose(
        OTHERS["tracked, not chosen"], BYSTANDERS, recipe=Recipe(worn(mask)), enrolled=Enrolled.unknown()
    )
    assert (mask.calls, made.look.wanted, made.look.covered) == (0, frozenset(), {1, 2})
    assert max(found(made.picture, face) for face in (DRIVER, POSTER)) < 0.4
    assert counts(made) == FaceCounts(covered=2)
    assert verdict(made) is not GuardVerdict.frame


@pytest.mark.parametrize("how", OTHERS)
def test_while_one_persona_becomes_the_next_others_are_covered_in_both(how):
    fading = Recipe(worn(Mask(colour=90), "new"), Fade(worn(Mask(colour=90), "old"), 0.0, 10.0))
    for now in (0.0, 5.0, 9.9):
        made = compose(OTHERS[how], recipe=fading, now=now)
        assert (made.look.swapped, made.look.covered) == ({1}, {2})
        assert max(found(made.picture, face) for face in (DRIVER, POSTER)) < 0.4


@pytest.mark.parametrize("how", OTHERS)
def test_who_is_shown_on_request_is_said_to_be_and_stays_as_it_is(how):
    made = compose(OTHERS[how], reveal=True)
    assert (made.look.swapped, made.look.covered, made.look.shown) == (frozenset(), frozenset(), {1, 2})
    np.testing.assert_array_equal(made.picture, picture(0, poster=True))
    assert count_faces(GuardVerdict.raw, made.look) == FaceCounts(shown=2)
    assert verdict(made) is not GuardVerdict.frame, "if the request was taken back meanwhile"


@pytest.mark.parametrize("weak", [{"opacity": 0.3}, {"mask_grow": -0.1}, {"mask_blur": 0.1}])
@pytest.mark.parametrize("how", OTHERS)
def test_a_swapped_face_that_settings_reveal_counts_as_shown(weak, how):
    settings = LARGEST.model_copy(update=weak)
    assert reveals(settings)
    made = compose(OTHERS[how], settings)
    assert (made.look.swapped, made.look.covered, made.look.shown) == ({1}, {2}, {1})
    assert counts(made) == FaceCounts(swapped=0, covered=1, shown=1)
    assert found(made.picture, POSTER) < 0.4


class Portrait(Mask):
    """An animator whose portrait is one grey."""

    def calibrate(self, *, chosen=True):
        """Nothing to learn."""

    def mismatch(self, driver):
        return 0.1

    def _cover(self, image, face):
        return Patch.whole(np.full((HEIGHT, WIDTH, 3), 60, np.uint8))


@pytest.mark.parametrize("settings", [Settings(), BYSTANDERS], ids=["all", "bystanders"])
@pytest.mark.parametrize("how", OTHERS)
def test_a_portrait_has_nobody_else_in_it(how, settings):
    """Whoever is not shown by choice counts as covered, since nothing of the camera goes out."""
    made = compose(OTHERS[how], settings, recipe=Recipe(worn(Portrait(), mode=Mode.animate)))
    assert (made.picture == 60).all()
    assert made.look.swapped == {1}
    assert made.look.covered | made.look.shown == {2}
    assert verdict(made, animate=True) is GuardVerdict.frame
