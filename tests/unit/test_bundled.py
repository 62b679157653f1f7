"""Opening networks we ship, and keeping what they are given."""

import itertools

import numpy as np
import pytest
from people import driver

from visard.models.bundled import TRACKED, network, recording, shipped, watched

LANDMARKS = "mp_face_landmarks_v2_478"


def test_all_that_is_shipped_has_a_name() -> None:
    found = shipped()
    assert set(TRACKED) < set(found)
    assert all(path.is_file() for path in found.values())


@pytest.mark.parametrize("name", TRACKED)
def test_what_a_tracker_gives_its_networks_is_kept(name: str) -> None:
    images = [image for image, _ in itertools.islice(driver(), 6)]
    samples = watched(name, images, 4)
    specs = network(name).inputs
    assert 0 < len(samples) <= 4
    for arrays in samples:
        assert [(a.shape, a.dtype) for a in arrays] == [(spec.shape, spec.dtype) for spec in specs]
    assert not np.array_equal(samples[0][0], samples[-1][0])


def test_pictures_without_a_face_give_the_landmarks_nothing() -> None:
    assert watched(LANDMARKS, [np.full((240, 320, 3), 90, np.uint8)] * 3, 4) == []


def test_only_what_is_opened_meanwhile_is_kept_and_copies_of_it() -> None:
    before = network(LANDMARKS)
    with recording(LANDMARKS, 8) as samples:
        during, other = network(LANDMARKS), network("mp_face_blendshapes_52")
        assert during.backend == before.backend
    tensor = np.zeros((1, 256, 256, 3), np.float32)
    before(tensor)
    other(np.zeros((1, 146, 2), np.float32))
    during(tensor)
    tensor[:] = 1
    assert [float(kept.max()) for (kept,) in samples] == [0.0]
