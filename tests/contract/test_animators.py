"""What every animator keeps to. The registry finds them; a new one is tested without being told."""

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import pytest
from drivers import Driver
from materials import UNTRAINED, animate, photo, prepare

from visard.models.face import Face, Image
from visard.models.portrait import Portrait, examine
from visard.models.processor import Animation, Material, Processor, animators

KINDS = sorted(animators.all())
pytestmark = pytest.mark.usefixtures("models_here")


def test_every_module_is_usable() -> None:
    assert animators.broken == {}
    assert "puppet" in KINDS


@pytest.fixture(scope="module")
def robin() -> Material:
    return photo("robin")


@pytest.fixture(scope="module")
def portrait(robin: Material) -> Portrait:
    return examine(robin.photos[0])


@pytest.fixture(scope="module", params=KINDS)
def animator(request: pytest.FixtureRequest) -> Processor:
    return animators.get(request.param)


@pytest.fixture
def animation(animator: Processor, robin: Material) -> Iterator[Animation]:
    made = cast(Animation, prepare(animator, robin))
    yield made
    made.close()


@pytest.fixture
def draw(animation: Animation) -> Callable[[Face], Image]:
    return animate(animation)


@pytest.fixture(scope="module")
def driver(portrait: Portrait) -> Driver:
    return Driver(portrait.face)


def test_it_says_what_it_is(animator: Processor) -> None:
    assert animator.name in KINDS
    assert animator.summary
    assert animator.kind == "animate"
    assert animator.accepts


def test_the_picture_has_the_portraits_shape(animation, draw, portrait, driver) -> None:
    picture = draw(driver.does())
    assert picture.shape[1::-1] == animation.size
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    height, width = portrait.image.shape[:2]
    assert picture.shape[0] * width == pytest.approx(picture.shape[1] * height, rel=0.01)


def test_the_driver_stays_as_it_is(draw, driver) -> None:
    face = driver.does(yaw=15, jawOpen=0.6)
    before = face.landmarks.copy(), face.blendshapes.copy()
    draw(face)
    for old, new in zip(before, (face.landmarks, face.blendshapes), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_same_driver_gives_the_same_picture(animator, animation, draw, driver) -> None:
    animation.calibrate()
    draw(driver.does())
    first = draw(driver.does(yaw=10, jawOpen=0.5)).copy()
    draw(driver.does(yaw=-20))
    apart = np.abs(draw(driver.does(yaw=10, jawOpen=0.5)).astype(int) - first)
    assert apart.max() <= (1 if animator.name in UNTRAINED else 0), "an engine that takes over rounds anew"


@pytest.mark.parametrize(
    "action", [{"yaw": 15}, {"pitch": 10}, {"roll": 15}, {"jawOpen": 0.6}, {"blink": 1}, {"look": (0.3, 0)}]
)
def test_what_the_driver_does_is_seen(animator, animation, draw, driver, action) -> None:
    animation.calibrate()
    still = draw(driver.does()).copy()
    least = 1 if animator.name in UNTRAINED else 40
    assert np.abs(draw(driver.does(**action)).astype(int) - still).max() > least


def test_calibration_makes_the_next_frame_neutral(animation, draw, driver) -> None:
    animation.calibrate()
    still = draw(driver.does()).astype(int)
    animation.calibrate()
    assert np.abs(draw(driver.does(yaw=20, jawOpen=0.3)) - still).mean() < 0.5


def test_mismatch_is_nought_for_the_portrait_itself_wherever_it_is(animation, portrait, driver) -> None:
    moved = Face(1, portrait.face.landmarks * 0.4 + np.float32([90, 20, 0]), portrait.face.blendshapes)
    assert animation.mismatch(portrait.face) == pytest.approx(0, abs=1e-4)
    assert animation.mismatch(moved) == pytest.approx(0, abs=1e-4)
    assert animation.mismatch(driver.does(yaw=30)) > animation.mismatch(driver.does(yaw=10)) > 0
    assert animation.mismatch(driver.does(jawOpen=0.8)) > animation.mismatch(driver.does())
