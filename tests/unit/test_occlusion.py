"""What is in front of a face stays in front, and says nothing about its light."""

from dataclasses import replace

import fakes  # not from it: its faces would be looked behind by nobody
import numpy as np
import occluded
import pytest
from materials import OneFace, photo, prepare
from people import driver, shown

from visard.daemon.config.settings import Settings
from visard.daemon.media.frame import Format, Frame
from visard.daemon.pipeline.compositor import Compositor
from visard.daemon.pipeline.occlude import OcclusionStep
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import Stats
from visard.models.face import Sighting
from visard.models.occlude.fast import FastOcclusion
from visard.models.occluder import occluders
from visard.models.occlusion import Occlusion
from visard.models.processor import swappers

HALF = np.zeros((16, 16), np.uint8)
HALF[1:15, 1:8] = 255


@pytest.fixture
def finder(monkeypatch):
    """Makes an occluder that finds what it is told."""

    class Told:
        found: object = None

        def open(self, *, wait=True):
            return self

        def __call__(self, image, faces):
            if isinstance(self.found, Exception):
                raise self.found
            return [self.found for _ in faces]

        def forget(self):
            self.found = None

    told = Told()
    monkeypatch.setattr(occluders, "get", lambda name: told)
    return told


def test_a_mask_is_read_where_its_matrix_puts_it():
    front = Occlusion(HALF, np.array([[10, 0, 100], [0, 10, 50]], np.float32))
    assert front.at(np.array([[140, 120], [220, 120], [0, 0]], np.float32)).tolist() == [1, 0, 0]


def test_only_the_part_inside_the_frame_is_kept():
    front = Occlusion(HALF, np.array([[10, 0, -60], [0, 10, -60]], np.float32))
    left, top, mask = front.in_frame(640, 480)
    assert (left, top) == (0, 0)
    assert mask.shape[1] < 40
    assert mask[5, 5] == 255
    assert Occlusion(HALF, np.array([[1, 0, -60], [0, 1, -60]], np.float32)).in_frame(640, 480) is None
    assert Occlusion(np.zeros_like(HALF), front.matrix).in_frame(640, 480) is None


def test_pixels_in_front_are_the_cameras_own():
    picture, face = driver()[0]
    drawn, truth = occluded.put("cup", picture, face)
    whole = Occlusion(truth, np.eye(2, 3, dtype=np.float32))
    swap = OneFace(prepare(swappers.get("mesh"), photo("walter")))
    covered = replace(face, occlusion=whole)
    result = shown(drawn, swap(drawn, covered), covered)
    assert occluded.painted(drawn, result, truth) == 0
    assert occluded.painted(drawn, shown(drawn, swap(drawn, face), face), truth) > 0.3


def test_what_is_in_front_does_not_colour_the_light():
    picture, face = driver()[0]
    drawn, truth = occluded.put("cap", picture, face)
    drawn[truth > 0] = (30, 20, 200)
    bare = OneFace(prepare(swappers.get("mesh"), photo("walter")))
    usual = shown(picture, bare(picture, face), face)
    swap = OneFace(prepare(swappers.get("mesh"), photo("walter")))
    covered = replace(face, occlusion=Occlusion(truth, np.eye(2, 3, dtype=np.float32)))
    capped = shown(drawn, swap(drawn, covered), covered)
    x, y = face.landmarks[[50, 280, 205, 425], :2].astype(int).T
    assert np.abs(usual[y, x].astype(int) - capped[y, x]).max() < 12


def test_a_hidden_face_is_covered_and_not_swapped(finder):
    face = fakes.face_at(320, 240)
    finder.found = Occlusion(
        np.pad(np.full((14, 14), 255, np.uint8), 1), np.array([[60, 0, 0], [0, 60, 0]], np.float32)
    )
    compositor = Compositor(Format(fakes.WIDTH, fakes.HEIGHT, 30), Stats())
    frame = Frame(0, 0.0, np.full((fakes.HEIGHT, fakes.WIDTH, 3), 90, np.uint8))
    made = compositor(
        frame, Sighting((face,), (), 1), Recipe(fakes.worn(lambda _: None, "x")), Switches(), 0.0
    )
    assert made.look.swapped == frozenset()
    assert made.look.covered == {face.id}


def test_a_broken_occluder_leaves_the_swap_whole_and_is_reported(finder):
    finder.found = ValueError("no network")
    stats = Stats()
    step = OcclusionStep(stats, wait=True)
    face = fakes.face_at(320, 240)
    picture = np.zeros((fakes.HEIGHT, fakes.WIDTH, 3), np.uint8)
    assert step(picture, [face], "fast") == (face,)
    assert stats.snapshot().errors


def test_without_an_occluder_nothing_is_looked_for(finder):
    finder.found = ValueError("must not be asked")
    stats = Stats()
    face = fakes.face_at(320, 240)
    assert OcclusionStep(stats, wait=True)(np.zeros((9, 9, 3), np.uint8), [face], "none") == (face,)
    assert not stats.snapshot().errors


def test_an_unknown_occluder_is_refused():
    with pytest.raises(ValueError, match=r"none, .*fast"):
        Settings(occluder="magic")


def test_a_bare_face_that_looks_the_same_is_looked_at_now_and_then():
    finder, looks = FastOcclusion(), []
    look = finder._look
    finder._look = lambda *given: looks.append(1) or look(*given)
    picture, face = driver()[0]
    for _ in range(9):
        assert finder(picture, [face]) == [None]
    assert len(looks) == 3
    other = replace(face, id=face.id + 1)
    finder(picture, [other])
    assert len(looks) == 4
