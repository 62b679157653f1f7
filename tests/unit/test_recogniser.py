"""Telling people apart, with people who do not exist."""

import cv2
import numpy as np
import people
import pytest

from visard.models.track.recogniser import Recogniser, align_for_recognition

NAMES = ("nico", "robin", "walter")


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


def test_an_embedding_has_128_numbers_and_length_one(recogniser: Recogniser) -> None:
    seen = people.portrait("walter")
    numbers = recogniser(seen.image, seen.face.landmarks)
    assert numbers.shape == (128,)
    assert numbers.dtype == np.float32
    assert np.linalg.norm(numbers) == pytest.approx(1, abs=1e-5)


def test_different_people_are_apart_and_one_person_is_not(recogniser: Recogniser) -> None:
    """The faces of one generator resemble each other more than those of real people; these do not."""
    frame, face = people.driver(200)[0]
    robin = recogniser(frame, face.landmarks)
    numbers = {
        name: recogniser(people.portrait(name).image, people.portrait(name).face.landmarks) for name in NAMES
    }
    assert float(robin @ numbers["robin"]) > 0.8
    assert max(float(robin @ numbers[name]) for name in ("nico", "walter")) < 0.25


def test_one_person_stays_near_while_moving_upside_down_and_in_the_dark(recogniser: Recogniser) -> None:
    (first, face), *later = people.driver(24)
    driver = recogniser(first, face.landmarks)
    assert later
    assert min(float(driver @ recogniser(image, one.landmarks)) for image, one in later) > 0.6
    dim = np.asarray(first * 0.3, np.uint8)
    assert float(driver @ recogniser(dim, face.landmarks)) > 0.6
    turned = cv2.rotate(first, cv2.ROTATE_180)
    landmarks = face.landmarks.copy()
    landmarks[:, :2] = np.array(first.shape[1::-1]) - 1 - landmarks[:, :2]
    assert float(driver @ recogniser(turned, landmarks)) > 0.9


def test_eyes_and_mouth_lie_where_the_network_wants_them() -> None:
    seen = people.portrait("clara")
    aligned = align_for_recognition(seen.image, seen.face.landmarks)
    assert aligned.shape == (112, 112, 3)
    (found,) = people.look(
        cv2.copyMakeBorder(cv2.resize(aligned, (448, 448)), *(200,) * 4, cv2.BORDER_CONSTANT)
    )
    eyes = (found.landmarks[[468, 473], :2] - 200) / 4
    assert np.abs(eyes - [(38.3, 51.7), (73.5, 51.5)]).max() < 4
