"""What is said of a photo: every fault by its code, and nothing of a good one."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import spoiled
from people import portrait

from visard.models.errors import FaceUnusable
from visard.models.face import Image
from visard.models.photo.checks import judge
from visard.models.portrait import Portrait, examine

SHIPPED = ["robin", "clara", "walter", "hanna", "marco", "nico"]
FAULTS: dict[str, tuple[str, Callable[[Portrait], Image]]] = {
    "dark frame": ("glasses", spoiled.with_glasses),
    "thin frame": ("glasses", lambda p: spoiled.with_glasses(p, (75, 70, 90), 0.045)),
    "black lenses": ("sunglasses", lambda p: spoiled.with_glasses(p, lens=0.95)),
    "tinted lenses": ("sunglasses", lambda p: spoiled.with_glasses(p, lens=0.75)),
    "dark hair": ("fringe", spoiled.with_fringe),
    "fair hair": ("fringe", lambda p: spoiled.with_fringe(p, (90, 140, 175))),
    "defocus": ("blurred", spoiled.defocused),
    "motion": ("blurred", spoiled.moved_while_taken),
    "dark": ("dark", lambda p: spoiled.brighter(p.image, 0.3)),
    "bright": ("bright", lambda p: spoiled.brighter(p.image, 1.75)),
    "side light": ("side-light", lambda p: spoiled.lit_from_the_right(p.image, 0.12)),
    "grey": ("grey", lambda p: spoiled.grey(p.image)),
    "sepia": ("grey", lambda p: spoiled.brighter(spoiled.grey(p.image), 0.72, 0.9, 1.05)),
    "blue": ("tinted", lambda p: spoiled.brighter(p.image, 1.3, 1, 0.6)),
    "green": ("tinted", lambda p: spoiled.brighter(p.image, 0.7, 1.2, 0.7)),
}


def codes(picture: Image | Path) -> set[str]:
    return {remark.code for remark in examine(picture).remarks}


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_is_said_of_good_photos(name: str) -> None:
    assert portrait(name).remarks == ()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["clara", "marco", "walter"])
def test_faults_are_told_apart(name: str, fault: str) -> None:
    code, spoil = FAULTS[fault]
    person = portrait(name)
    found = {remark.code for remark in judge(spoil(person), person.face)}
    assert code in found
    assert not found & {"glasses", "sunglasses", "fringe", "blurred", "grey", "tinted", "side-light"} - {code}


def test_remarks_are_also_sentences() -> None:
    found = examine(spoiled.grey(portrait("clara").image))
    assert found.warnings == tuple(remark.text for remark in found.remarks)
    assert all(len(text) < 120 and text[0].islower() for text in found.warnings)


def test_a_drawing() -> None:
    assert "drawing" in codes(spoiled.drawing())


@pytest.mark.parametrize(
    ("factor", "reason"), [(0.08, "too dark to be seen"), (4.0, "plain white; use a picture with less light")]
)
def test_what_cannot_be_seen_is_refused(factor: float, reason: str) -> None:
    with pytest.raises(FaceUnusable, match=reason):
        list(judge(spoiled.brighter(portrait("marco").image, factor), portrait("marco").face))


def cut(portrait: Portrait, *, left: float = 0, bottom: float = 0) -> Image:
    """Cut shares of the face's size off."""
    x, _, _, low = portrait.face.box
    begin, size = round(x + left * portrait.face.size) if left else 0, portrait.face.size
    return np.ascontiguousarray(portrait.image[: round(low - bottom * size) if bottom else None, begin:])


@pytest.mark.parametrize("where", ["left", "bottom"])
def test_a_face_cut_by_the_edge(where: str) -> None:
    assert "cut" in codes(cut(portrait("marco"), **{where: 0.1}))


def test_a_face_without_mouth() -> None:
    with pytest.raises(FaceUnusable, match="edge cuts nose, mouth or both eyes"):
        examine(cut(portrait("marco"), bottom=0.3))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("cut_left.jpg", "cut"),
        ("cut_chin_b.jpg", "cut"),
        ("grey_photo.png", "grey"),
        ("cartoon.png", "drawing"),
    ],
)
def test_shared_hard_photos(shared: Path, name: str, code: str) -> None:
    assert code in codes(shared / "data/hard" / name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("s102.jpg", {"glasses"}), ("s103.jpg", {"turned"}), ("astronaut.png", {"small"})]
    + [(f"s{number}.jpg", set()) for number in (101, 107, 109, 112, 113, 114)],
)
def test_shared_faces(shared: Path, name: str, expected: set[str]) -> None:
    assert codes(shared / "data/faces" / name) == expected


@pytest.mark.parametrize("clip", ["d0.mp4", "d9.mp4", "desk.mov"])
def test_frames_of_clips_have_no_faults(shared: Path, clip: str) -> None:
    capture = cv2.VideoCapture(str(shared / "data/clips" / clip))
    for _ in range(10):
        capture.grab()
    assert codes(capture.read()[1]) == set()
