"""What every animator keeps to. The registry finds them; a new one is tested without being told."""

import numpy as np
import pytest
from drivers import Driver

from visard.models.animate import Animation, Animator, animators
from visard.models.face import Face
from visard.models.portrait import Portrait, examine

KINDS = sorted(animators.all())


def test_every_module_is_usable() -> None:
    assert animators.broken == {}
    assert "puppet" in KINDS


@pytest.fixture(scope="module")
def portrait(repository) -> Portrait:
    return examine(repository / "daemon/visard/daemon/personas/shipped/robin/picture.jpg")


@pytest.fixture(scope="module", params=KINDS)
def animator(request: pytest.FixtureRequest) -> Animator:
    return animators.get(request.param)


@pytest.fixture
def animation(animator: Animator, portrait: Portrait) -> Animation:
    return animator.prepare(portrait)


@pytest.fixture(scope="module")
def driver(portrait: Portrait) -> Driver:
    return Driver(portrait.face)


def test_it_says_what_it_is(animator: Animator) -> None:
    assert animator.name in KINDS
    assert animator.summary


def test_the_picture_has_the_portraits_shape(animation, portrait, driver) -> None:
    picture = animation(driver.does())
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    height, width = portrait.image.shape[:2]
    assert picture.shape[0] * width == pytest.approx(picture.shape[1] * height, rel=0.01)


def test_driver_and_portrait_stay_as_they_are(animator, portrait, driver) -> None:
    face = driver.does(yaw=15, jawOpen=0.6)
    before = face.landmarks.copy(), face.blendshapes.copy(), portrait.image.copy()
    animator.prepare(portrait)(face)
    for old, new in zip(before, (face.landmarks, face.blendshapes, portrait.image), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_same_driver_gives_the_same_picture(animation, driver) -> None:
    animation.calibrate(driver.does())
    first = animation(driver.does(yaw=10, jawOpen=0.5)).copy()
    animation(driver.does(yaw=-20))
    np.testing.assert_array_equal(animation(driver.does(yaw=10, jawOpen=0.5)), first)


@pytest.mark.parametrize(
    "action", [{"yaw": 15}, {"pitch": 10}, {"roll": 15}, {"jawOpen": 0.6}, {"blink": 1}, {"look": (0.3, 0)}]
)
def test_what_the_driver_does_is_seen(animation, driver, action) -> None:
    animation.calibrate(driver.does())
    still = animation(driver.does()).copy()
    assert np.abs(animation(driver.does(**action)).astype(int) - still).max() > 40


def test_calibration_makes_the_frame_neutral(animation, driver) -> None:
    animation.calibrate(driver.does())
    still = animation(driver.does()).astype(int)
    animation.calibrate(driver.does(yaw=20, jawOpen=0.3))
    assert np.abs(animation(driver.does(yaw=20, jawOpen=0.3)) - still).mean() < 0.5


def test_mismatch_is_nought_for_the_portrait_itself_wherever_it_is(animation, portrait, driver) -> None:
    moved = Face(1, portrait.face.landmarks * 0.4 + np.float32([90, 20, 0]), portrait.face.blendshapes)
    assert animation.mismatch(portrait.face) == pytest.approx(0, abs=1e-4)
    assert animation.mismatch(moved) == pytest.approx(0, abs=1e-4)
    assert animation.mismatch(driver.does(yaw=30)) > animation.mismatch(driver.does(yaw=10)) > 0
    assert animation.mismatch(driver.does(jawOpen=0.8)) > animation.mismatch(driver.does())
