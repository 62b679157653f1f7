"""The mesh swapper: another face, and still the driver's own expression, gaze, mouth and hair."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from materials import OneFace, photo, prepare
from people import driver, headshot, look, scene, shown

from visard.models.blendshapes import NAMES
from visard.models.face import IRIS_LEFT, Face, Image
from visard.models.geometry.canonical import LIPS_INNER
from visard.models.processor import swappers
from visard.models.track.tracker import Tracker

PERSONAS = ["robin", "clara", "walter"]
Seen = list[tuple[Image, Face]]


def prepared(name: str) -> OneFace:
    return OneFace(prepare(swappers.get("mesh"), photo(name)))


def swapped(swap: OneFace, seen: Iterable[tuple[Image, Face]]) -> list[Image]:
    return [shown(frame, swap(frame, face), face) for frame, face in seen]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Every third frame of the demo clip with the driver's face."""
    return driver(3)


@pytest.fixture(scope="module", params=PERSONAS)
def result(request: pytest.FixtureRequest, seen: Seen) -> list[Image]:
    return swapped(prepared(request.param), seen)


@pytest.fixture(scope="module")
def found(result: list[Image]) -> list[Face]:
    """What a tracker sees in the result: one face in every frame."""
    tracker = Tracker()
    sightings = [tracker.update(image, n / 10) for n, image in enumerate(result)]
    assert all(len(s.faces) == 1 for s in sightings)
    assert {s.faces[0].id for s in sightings} == {1}
    return [s.faces[0] for s in sightings]


def column(faces: Iterable[Face], name: str) -> np.ndarray:
    return np.array([face.blendshapes[NAMES.index(name)] for face in faces])


def test_the_persona_is_seen_in_the_face_and_only_there(seen: Seen, result: list[Image]) -> None:
    for (frame, face), image in list(zip(seen, result, strict=True))[::10]:
        change = np.abs(image.astype(int) - frame).max(2)
        hull = np.zeros(frame.shape[:2], np.uint8)
        cv2.fillConvexPoly(hull, cv2.convexHull(face.landmarks[:468, :2].round().astype(np.int32)), 255)
        assert change[hull > 0].mean() > 6
        reach = round(face.size * 0.35) * 2 + 1
        far = cv2.dilate(hull, np.ones((reach, reach), np.uint8)) == 0
        assert far.any()
        assert change[far].max() == 0


@pytest.mark.parametrize(
    ("name", "least"), [("jawOpen", 0.9), ("mouthSmileLeft", 0.85), ("mouthSmileRight", 0.85)]
)
def test_the_mouth_does_what_the_drivers_does(seen: Seen, found: list[Face], name: str, least: float) -> None:
    ours, theirs = column(found, name), column((face for _, face in seen), name)
    assert np.corrcoef(ours, theirs)[0, 1] > least


def test_an_open_mouth_stays_open_and_a_closed_one_closed(seen: Seen, found: list[Face]) -> None:
    ours, theirs = column(found, "jawOpen"), column((face for _, face in seen), "jawOpen")
    assert theirs.max() > 0.4
    assert ours[theirs.argmax()] > 0.45 * theirs.max()
    assert ours[theirs < 0.03].max() < 0.15


def test_the_lids_do_what_the_drivers_do(seen: Seen, found: list[Face]) -> None:
    ours, theirs = (
        column(f, "eyeBlinkLeft") + column(f, "eyeBlinkRight") for f in (found, [face for _, face in seen])
    )
    assert np.corrcoef(ours, theirs)[0, 1] > 0.6
    assert ours[theirs > np.percentile(theirs, 95)].mean() > ours[theirs < np.median(theirs)].mean() + 0.15


def test_the_head_stays_where_it_is(seen: Seen, found: list[Face]) -> None:
    apart = [
        np.linalg.norm(f.raw[:468, :2] - d.raw[:468, :2], axis=1).mean() / d.size
        for f, (_, d) in zip(found, seen, strict=True)
    ]
    assert np.mean(apart) < 0.02


@pytest.fixture(scope="module")
def blink(shared: Path) -> Seen:
    """A real driver from open eyes to the middle of a blink."""
    capture, tracker, frames = cv2.VideoCapture(str(shared / "data/clips/d0.mp4")), Tracker(), []
    for number in range(72):
        frame = capture.read()[1]
        frames.append((frame, tracker.update(frame, number / 25).faces[0]))
    closed = column((face for _, face in frames), "eyeBlinkLeft").argmax()
    return frames[: closed + 1]


@pytest.mark.parametrize("persona", PERSONAS)
def test_closed_eyes_stay_closed(blink: Seen, persona: str) -> None:
    result = swapped(prepared(persona), blink)
    (closed,), (opened,) = look(result[-1]), look(result[0])
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        assert column([closed], name)[0] > 0.35
        assert column([opened], name)[0] < 0.35


def test_the_irises_are_where_the_driver_looks() -> None:
    """The gaze alone is moved: the picture of the driver stays as it is."""
    frame, face = driver(60)[0]
    swap, middles = prepared("clara"), []
    x, y = face.landmarks[IRIS_LEFT, :2].round().astype(int)
    for shift in (-4.0, 4.0):
        landmarks = face.landmarks.copy()
        landmarks[468:, 0] += shift
        image = shown(frame, swap(frame, Face(1, landmarks, face.blendshapes)), face)
        dark = 255.0 - image[y - 3 : y + 4, x - 14 : x + 15].mean((0, 2))
        weight = (dark - dark.min()) ** 3
        middles.append(weight @ np.arange(-14, 15) / weight.sum())
    assert middles[1] - middles[0] > 3


def test_the_mouth_inside_is_the_drivers(seen: Seen) -> None:
    frame, face = max(seen, key=lambda s: column([s[1]], "jawOpen")[0])
    frame = frame.copy()
    lips = face.landmarks[LIPS_INNER, :2]
    inside = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(inside, [lips.round().astype(np.int32)], 255)
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8))
    assert inside.any()
    frame[inside > 0] = (255, 0, 0)
    image = shown(frame, prepared("robin")(frame, face), face)
    middle = np.argwhere(inside).mean(0).round().astype(int)
    assert image[tuple(middle)].astype(int) @ (1, -0.5, -0.5) > 120


# Steadiness


def test_a_steady_driver_gives_a_steady_picture(seen: Seen) -> None:
    frame, face = seen[0]
    results = swapped(prepared("clara"), [(frame, face)] * 40)
    assert np.abs(results[-1].astype(int) - results[-2]).max() <= 2
    assert np.abs(results[-1].astype(int) - results[20]).max() <= 6


def test_the_cameras_noise_is_not_made_larger(seen: Seen) -> None:
    frame, face = seen[0]
    random = np.random.default_rng(1)
    noisy = [
        np.clip(frame + random.normal(0, 3, frame.shape), 0, 255).round().astype(np.uint8) for _ in range(16)
    ]
    results = np.array(swapped(prepared("clara"), [(image, face) for image in noisy]))[8:].astype(np.float32)
    left, top, right, bottom = map(round, face.box)
    ours, theirs = (np.array(r)[:, top:bottom, left:right].std(0).mean() for r in (results, noisy[8:]))
    assert ours < 1.05 * theirs


def test_a_landmark_that_trembles_moves_the_picture_little(seen: Seen) -> None:
    frame, face = seen[0]
    random, swap = np.random.default_rng(1), prepared("clara")
    trembling = [
        Face(1, face.landmarks + random.normal(0, 0.15, (478, 3)).astype(np.float32), face.blendshapes)
        for _ in range(16)
    ]
    results = np.array(swapped(swap, [(frame, f) for f in trembling]))[8:].astype(int)
    left, top, right, bottom = map(round, face.box)
    assert np.abs(np.diff(results, axis=0))[:, top:bottom, left:right].mean() < 2.5


def test_light_that_changes_is_followed_without_a_jump(seen: Seen) -> None:
    frame, face = seen[0]
    shares = [1.0] * 10 + [0.6] * 30
    results = swapped(prepared("clara"), [((frame * share).astype(np.uint8), face) for share in shares])
    left, top, right, bottom = map(round, face.box)
    light = np.array([image[top:bottom, left:right].mean() for image in results])
    assert light[-1] == pytest.approx(0.6 * light[9], rel=0.06)
    assert (np.diff(light[10:]) <= 0.3).all()  # it falls to the new level and does not swing


# Hair


@pytest.fixture(scope="module")
def fringe(seen: Seen) -> tuple[Image, Face, np.ndarray]:
    """A bald forehead with three dark strands painted over it, and where they are."""
    frame = scene((headshot("walter", 440), 100, 20), size=(640, 480))
    (face,) = look(frame)
    mask = np.zeros(frame.shape[:2], np.uint8)
    forehead, brows = face.landmarks[[103, 10, 332], :2], face.landmarks[[105, 9, 334], :2]
    for above, below in zip(forehead, brows, strict=True):
        start, end = above + 0.05 * (above - below), above + 0.55 * (below - above)
        cv2.line(mask, tuple(map(int, start)), tuple(map(int, end)), 255, max(round(face.size * 0.03), 5))
    image = frame.copy()
    image[mask > 0] = (22, 24, 28)
    return image, face, cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0


def test_hair_over_the_forehead_stays(fringe: tuple[Image, Face, np.ndarray]) -> None:
    image, face, strands = fringe
    results = swapped(prepared("hanna"), [(image, face)] * 20)
    dark = results[-1].max(2)[strands]
    skin = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(skin, face.landmarks[[105, 9, 334, 332, 10, 103], :2].round().astype(np.int32), 255)
    around = cv2.dilate(strands.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    bare = results[-1].max(2)[(skin > 0) & ~around]
    assert np.median(dark) < 70
    assert (dark < 0.6 * np.median(bare)).mean() > 0.7
    assert np.median(bare) > 110


def test_without_hair_the_forehead_is_the_personas(fringe: tuple[Image, Face, np.ndarray]) -> None:
    _, face, strands = fringe
    frame = scene((headshot("walter", 440), 100, 20), size=(640, 480))
    image = swapped(prepared("hanna"), [(frame, face)] * 20)[-1]
    assert np.median(image.max(2)[strands]) > 110
