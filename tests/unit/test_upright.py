"""Cameras that are turned, and pictures that are upside down."""

import numpy as np
import pytest
from fakes import HEIGHT, WIDTH, Basket, Reel, Truth, face_at, picture, recipe

from visard.daemon.config.settings import Settings
from visard.daemon.media.frame import Format
from visard.daemon.pipeline.capture import Capture
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Switches
from visard.daemon.pipeline.upright import UprightCheck
from visard.daemon.service.snapshot import upside_down
from visard.models.face import Face, Sighting

TURNS = {0: 0, 90: -1, 180: 2, 270: 1}
"""Degrees clockwise, and NumPy's quarters to the left."""


def on_its_head(face: Face) -> Face:
    points = face.landmarks.copy()
    points[:, 1] = 2 * face.centre[1] - points[:, 1]
    return Face(face.id, points, face.blendshapes)


def seen(check: UprightCheck, *faces: Face, start: float = 0.0, seconds: float = 1.9) -> None:
    for now in np.arange(start, start + seconds, 0.1):
        check(Sighting(faces), float(now))


@pytest.mark.parametrize("degrees", TURNS)
def test_pictures_are_turned_clockwise_and_the_format_with_them(degrees: int) -> None:
    capture = Capture(Reel(3), rotate=degrees)
    upright = (WIDTH, HEIGHT) if degrees % 180 == 0 else (HEIGHT, WIDTH)
    assert (capture.format.width, capture.format.height) == upright
    frames = list(capture.frames())
    assert len(frames) == 3
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, np.rot90(picture(number), TURNS[degrees]))
        assert frame.image.flags.c_contiguous


def test_a_camera_on_its_side_is_fitted_into_a_format_that_is_given() -> None:
    capture = Capture(Reel(1), format=Format(WIDTH, HEIGHT, 100), rotate=90)
    assert (capture.wanted.width, capture.wanted.height) == (HEIGHT, WIDTH), "is asked of the camera"
    (frame,) = capture.frames()
    assert frame.image.shape == (HEIGHT, WIDTH, 3)
    assert not frame.image[:, :40].any(), "bars beside it"


def test_turning_while_it_runs_begins_a_new_scene() -> None:
    capture = Capture(Reel(10))
    frames = capture.frames()
    np.testing.assert_array_equal(next(frames).image, picture(0))
    before = capture.openings
    capture.rotate(180)
    capture.rotate(180)
    assert capture.openings == before + 1
    np.testing.assert_array_equal(next(frames).image, picture(1)[::-1, ::-1])


@pytest.mark.parametrize("degrees", TURNS)
def test_a_pipeline_follows_the_setting(degrees: int) -> None:
    basket = Basket()
    switches = Switches(Settings(rotate=degrees))
    pipeline = Pipeline(Reel(4), [basket], recipe(), lambda _: Truth(), switches=switches)
    with pipeline:
        assert pipeline.wait(60)
    shape = (HEIGHT, WIDTH, 3) if degrees % 180 == 0 else (WIDTH, HEIGHT, 3)
    assert {image.shape for image in basket.images} == {shape}


@pytest.mark.parametrize("value", [45, -90, 360])
def test_other_angles_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="rotate"):
        Settings(rotate=value)


def test_a_face_on_its_head_is_said_after_two_seconds() -> None:
    check, face = UprightCheck(), on_its_head(face_at(100, 100))
    seen(check, face)
    assert not check.upside_down
    seen(check, face, start=1.9, seconds=0.5)
    assert check.upside_down
    seen(check, face_at(100, 100), start=2.5, seconds=0.1)
    assert not check.upside_down
    assert check.ever


def test_the_largest_face_counts_and_one_that_nods_or_lies_does_not() -> None:
    check = UprightCheck()
    poster = on_its_head(face_at(250, 100, 2, 40))
    seen(check, face_at(100, 100), poster, seconds=5)
    lying = face_at(100, 100)
    turned = (lying.landmarks[:, [1, 0, 2]]).copy()
    seen(check, Face(1, turned, lying.blendshapes), start=6, seconds=5)
    assert not check.ever


def test_looks_far_apart_are_no_evidence() -> None:
    check, face = UprightCheck(), on_its_head(face_at(100, 100))
    for now in (0.0, 3.0, 6.0, 9.0):
        check(Sighting((face,)), now)
    assert not check.ever


class OnItsHead(Truth):
    def update(self, image, now):
        return Sighting((on_its_head(face_at(100, 130)),))


def test_the_status_names_the_command_that_turns_it() -> None:
    pipeline = Pipeline(Reel(400), [Basket()], recipe(), lambda _: OnItsHead())
    with pipeline:
        assert pipeline.wait(120)
    running = pipeline.status()
    (problem,) = upside_down(running, 0, foreground=False)
    assert (problem.code, problem.fix, problem.blocking) == (
        "camera-upside-down", "visard settings set rotate 180", False
    )  # fmt: skip
    assert upside_down(running, 180, foreground=True)[0].fix == "visard run --rotate 0"
    pipeline.upright.forget()
    assert upside_down(pipeline.status(), 0, foreground=False) == ()
