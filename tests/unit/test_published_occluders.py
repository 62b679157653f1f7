"""Occluders whose networks are in the store: what they are fed, how they are read, and where they are not."""

from pathlib import Path

import cv2
import pytest
from people import driver
from published_models import BLUE, OCCLUDERS, occluder_home

from visard.models.errors import ModelMissing
from visard.models.occluder import OcclusionFinder, occluders


@pytest.fixture(scope="module", params=sorted(OCCLUDERS))
def find(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    with occluder_home(request.param, tmp_path_factory.mktemp("home")):
        yield occluders.get(request.param).open()


def test_what_is_in_front_is_found(find: OcclusionFinder) -> None:
    picture, face = driver()[0]
    left, top, right, bottom = (round(side) for side in face.box)
    middle = (top + bottom) // 2
    drawn = picture.copy()
    cv2.rectangle(drawn, (left - 20, middle), (right + 20, bottom + 20), BLUE, -1)
    (front,) = find(drawn, [face])
    assert front is not None
    assert not front.mask[[0, -1]].any()
    points = face.landmarks[:468]
    found = front.at(points) > 0.5
    assert (found == (points[:, 1] > middle)).mean() > 0.93
    (none,) = find(picture, [face])
    assert none is None


def test_slivers_are_not_believed(find: OcclusionFinder) -> None:
    picture, face = driver()[0]
    x, y = (round(each) for each in face.centre)
    drawn = picture.copy()
    cv2.rectangle(drawn, (x, y), (x + 1, y + 90), BLUE, -1)
    assert find(drawn, [face]) == [None]


@pytest.mark.parametrize("name", sorted(OCCLUDERS))
def test_without_a_model_it_says_how_to_get_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISARD_HOME", str(tmp_path))
    with pytest.raises(ModelMissing, match=f"visard models fetch {name}"):
        occluders.get(name).open()
