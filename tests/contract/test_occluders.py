"""What every occluder keeps to. The registry finds them; a new one is tested without being told."""

from collections.abc import Iterator
from contextlib import nullcontext

import cv2
import numpy as np
import occluded
import pytest
from people import driver, moved
from published_models import BLUE, OCCLUDERS, occluder_home

from visard.models.face import Face, Image
from visard.models.geometry.canonical import OVAL
from visard.models.occluder import OcclusionFinder, occluders
from visard.models.occlusion import Occlusion

MARGIN = 8
"""Pixels around a thing in which more may be found."""
KINDS = sorted(occluders.all())


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An occluder's name; where its network does not ship, a rule-made one that sees blue is in the store."""
    name = str(request.param)
    with occluder_home(name, tmp_path_factory.mktemp("home")) if name in OCCLUDERS else nullcontext():
        yield name


@pytest.fixture
def find(kind: str) -> OcclusionFinder:
    return occluders.get(kind).open()


def put(kind: str, thing: str, picture: Image, face: Face) -> tuple[Image, np.ndarray]:
    """Draw a thing over a face, blue for a network that sees nothing else; return that and where it is."""
    if kind in OCCLUDERS and thing == "strand":
        pytest.skip(f"{kind} believes no slivers: its networks see them along every outline")
    drawn, truth = occluded.put(thing, picture, face)
    if kind in OCCLUDERS:
        drawn[truth > 0] = BLUE
    return drawn, truth


def test_every_module_is_usable() -> None:
    assert occluders.broken == {}
    for name, occluder in occluders.all().items():
        assert occluder.name == name
        assert occluder.summary


@pytest.mark.parametrize("thing", occluded.THINGS)
def test_what_is_in_front_is_found(find: OcclusionFinder, kind: str, thing: str) -> None:
    picture, face = driver()[0]
    drawn, truth = put(kind, thing, picture, face)
    (front,) = find(drawn, [face])
    assert front is not None
    assert front.mask.dtype == np.uint8
    assert front.matrix.shape == (2, 3)
    assert not front.mask[[0, -1]].any()
    assert not front.mask[:, [0, -1]].any()
    points = face.landmarks[:468, :2]
    x, y = np.clip(points.round().astype(int), 0, (picture.shape[1] - 1, picture.shape[0] - 1)).T
    behind = truth[y, x] > 0
    found = front.at(points) > 0.5
    assert (found == behind).mean() > 0.9


@pytest.mark.parametrize("thing", occluded.SMALL)
def test_a_finger_and_a_strand_are_found_and_little_else(
    find: OcclusionFinder, kind: str, thing: str
) -> None:
    for picture, face in driver(60):
        drawn, truth = put(kind, thing, picture, face)
        (front,) = find(drawn, [face])
        assert front is not None
        inside = np.zeros_like(truth)
        cv2.fillPoly(inside, [np.round(face.landmarks[OVAL, :2]).astype(np.int32)], 255)
        beyond = cv2.dilate(truth, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) == 0
        assert _found(front, (inside > 0) & (truth > 0)) > 0.9
        assert _found(front, (inside > 0) & beyond) < 0.01


@pytest.mark.parametrize("thing", [*occluded.THINGS, *occluded.SMALL])
def test_what_comes_is_found_in_its_first_frame(find: OcclusionFinder, kind: str, thing: str) -> None:
    picture, face = driver()[0]
    assert find(picture, [face]) == [None]
    drawn, _ = put(kind, thing, picture, face)
    assert find(drawn, [face]) != [None]


def _found(front: Occlusion, where: np.ndarray) -> float:
    seen = np.zeros(where.shape, np.uint8)
    left, top, mask = front.in_frame(*where.shape[::-1])
    seen[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return float((seen[where] > 127).mean())


def test_nothing_is_in_front_of_a_bare_face(find: OcclusionFinder) -> None:
    for picture, face in driver():
        (front,) = find(picture, [face])
        assert front is None or float(front.at(face.landmarks[:468, :2]).mean()) < 0.01


def test_faces_are_told_apart(find: OcclusionFinder, kind: str) -> None:
    picture, face = driver()[0]
    drawn, _ = put(kind, "mask", picture, face)
    both = np.hstack([drawn, picture])
    masked, bare = find(both, [face, moved(face, picture.shape[1], id_=2)])
    assert masked is not None
    assert bare is None or float(bare.at(face.landmarks[:468, :2]).mean()) < 0.01


def test_nothing_in_view_is_fine(find: OcclusionFinder) -> None:
    picture, face = driver()[0]
    assert find(picture, []) == []
    beyond = moved(face, 10_000)
    find(picture, [beyond])
    find.forget()
