"""Faces of a photo: small ones in large pictures, several, sideways; choosing one, and what is kept of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from people import headshot, portrait, scene

from visard.models.errors import FaceUnusable
from visard.models.face import Image
from visard.models.portrait import LONGEST, examine, face_at, faces_in, numbered

NAMES = ["marco", "clara", "walter", "hanna"]


@pytest.fixture(scope="module")
def group() -> Image:
    """Four people side by side, the heads 280 pixels high."""
    heads = ((headshot(name, 280), 20 + 300 * n, 120 + 30 * (n % 2)) for n, name in enumerate(NAMES))
    return scene(*heads, size=(1240, 560))


def large(*heads: tuple[Image, int, int], size: tuple[int, int]) -> Image:
    """A room with something in it, like a wall of plaster."""
    room = scene(size=size)
    noise = np.random.default_rng(3).normal(0, 9, (size[1] // 4, size[0] // 4, 1))
    room = np.clip(room + cv2.resize(noise, size)[..., None], 0, 255).astype(np.uint8)
    for head, left, top in heads:
        room[top : top + head.shape[0], left : left + head.shape[1]] = head
    return room


def test_faces_are_numbered_from_the_left(group: Image) -> None:
    found = faces_in(group)
    assert [face.id for face in found.faces] == [1, 2, 3, 4]
    np.testing.assert_allclose([face.centre[0] for face in found.faces], [160, 460, 760, 1060], atol=25)
    assert found.turned == 0


def test_without_a_choice_it_says_how_many_and_what_to_do(group: Image) -> None:
    with pytest.raises(FaceUnusable, match=r"holds 4 faces; choose one with --face N"):
        examine(group)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_chosen_face_is_the_only_one_in_what_is_kept(group: Image, number: int) -> None:
    chosen = faces_in(group).faces[number - 1]
    kept = examine(group, number)
    assert kept.face.id == number
    again = examine(kept.image)
    assert np.abs(again.face.landmarks - kept.face.landmarks)[:, :2].max() < 0.05 * kept.face.size
    assert kept.face.size == pytest.approx(chosen.size, rel=0.02)
    assert kept.image.shape[0] > 1.5 * kept.face.size  # head and shoulders
    assert not any(remark.code == "others" for remark in kept.remarks)


@pytest.mark.parametrize("number", [0, 5, -1])
def test_a_number_that_nobody_has(group: Image, number: int) -> None:
    with pytest.raises(FaceUnusable, match=f"there is no face {number} in the picture; it holds 4"):
        examine(group, number)


def test_the_face_at_a_place(group: Image) -> None:
    faces = faces_in(group).faces
    for face in faces:
        assert face_at(faces, *face.centre) is face
        assert face_at(faces, face.centre[0] + 0.3 * face.size, face.centre[1]) is face
    assert face_at(faces, 620, 550) is None
    assert face_at((), 10, 10) is None


def test_the_numbered_picture_differs_at_faces_only(group: Image) -> None:
    found = faces_in(group)
    shown = numbered(found.image, found.faces)
    assert shown.shape == group.shape
    changed = (shown != group).any(2)
    for face in found.faces:
        left, top, *_ = map(round, face.box)
        assert changed[top - 30 : top, left : left + 30].mean() > 0.5
    assert not changed[450:].any()


def test_a_numbered_picture_is_no_larger_than_needed() -> None:
    picture = large((headshot("clara", 300), 1000, 600), size=(3200, 2000))
    found = faces_in(picture)
    assert max(numbered(found.image, found.faces).shape) == LONGEST
    assert found.image.shape == picture.shape


def test_a_small_face_in_a_large_picture_is_kept_sharp() -> None:
    picture = large((headshot("marco", 220), 2900, 500), size=(4000, 3000))
    kept = examine(picture)
    assert kept.face.size > 120
    assert max(kept.image.shape) < 1000
    x, y = (round(v) for v in kept.face.centre)
    around = kept.image[y - 40 : y + 40, x - 40 : x + 40]
    found = cv2.matchTemplate(picture, around, cv2.TM_SQDIFF)
    assert found.min() < 1e-3 * around.size  # its own pixels, not scaled; the sum is rounded


def test_a_panorama_of_small_faces() -> None:
    heads = [(headshot(name, 120), 700 + 1900 * n, 300) for n, name in enumerate(NAMES)]
    found = faces_in(large(*heads, size=(8000, 900)))
    assert [round((face.centre[0] - 760) / 1900) for face in found.faces] == [0, 1, 2, 3]


def test_a_large_picture_of_nobody() -> None:
    with pytest.raises(FaceUnusable, match="no face was found"):
        examine(large(size=(2600, 1800)))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_that_is_not_upright_is_turned(quarters: int) -> None:
    person = portrait("walter")
    kept = examine(np.ascontiguousarray(np.rot90(person.image, quarters)))
    assert [remark.code for remark in kept.remarks] == ["sideways"]
    np.testing.assert_array_equal(kept.image, person.image)
    assert np.abs(kept.face.landmarks - person.face.landmarks).max() < 0.03 * person.face.size


@pytest.mark.parametrize("name", ["phone_12mp_small_face.jpg", "rot90_noexif.jpg"])
def test_shared_photos(shared: Path, name: str) -> None:
    kept = examine(shared / "data/hard" / name)
    assert kept.face.size > 150
    assert {remark.code for remark in kept.remarks} <= {"sideways"}


def test_shared_photo_of_one_large_and_three_small(shared: Path) -> None:
    path = shared / "data/hard/one_large_three_small.jpg"
    assert len(faces_in(path).faces) == 4
    assert [remark.code for remark in examine(path).remarks] == ["others"]
    assert examine(path, 3).face.id == 3
