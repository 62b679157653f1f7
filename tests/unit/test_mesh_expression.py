"""The driver's expression on another face: creases, lids, lips; cameras without colour; a head turned far."""

import cv2
import numpy as np
import pytest
from materials import OneFace, photo, prepare
from people import driver, look, portrait, shown

from visard.models.blendshapes import NAMES
from visard.models.face import Face, Image, Landmarks
from visard.models.geometry.canonical import LIPS_INNER, LIPS_OUTER
from visard.models.geometry.expression import neutral
from visard.models.geometry.pose import Pose, fit_pose
from visard.models.processor import swappers
from visard.models.swap.mesh.driver import DriverState
from visard.models.swap.mesh.eyes import LIDS, Lids
from visard.models.swap.mesh.light import SIDE, Colours
from visard.models.swap.mesh.mouth import lip_flesh, touching
from visard.models.swap.mesh.texture import Texture

Seen = list[tuple[Image, Face]]


def prepared(name: str) -> OneFace:
    return OneFace(prepare(swappers.get("mesh"), photo(name)))


@pytest.fixture(scope="module")
def seen() -> Seen:
    return driver(3)


def between_the_brows(image: Image, face: Face) -> float:
    x, y = face.landmarks[[8, 9], :2].mean(0).round().astype(int)
    reach = max(round(face.size * 0.02), 1)
    return float(image[y - reach : y + reach + 1, x - reach : x + reach + 1].mean())


def frowning(frame: Image, face: Face) -> Image:
    """Darken the skin between the brows softly, as a frown does."""
    shade = np.zeros(frame.shape[:2], np.float32)
    cv2.circle(
        shade, tuple(face.landmarks[[8, 9], :2].mean(0).round().astype(int)), round(face.size * 0.05), 1, -1
    )
    shade = cv2.GaussianBlur(shade, (0, 0), face.size * 0.02)[..., None]
    return np.asarray(frame * (1 - 0.45 * shade), np.uint8)


def test_a_frown_shades_the_persona_and_goes_again(seen: Seen) -> None:
    frame, face = seen[0]
    swap, light = prepared("clara"), []
    frowned = face.blendshapes.copy()
    frowned[[NAMES.index("browDownLeft"), NAMES.index("browDownRight")]] = 0.8
    frown = frowning(frame, face), Face(face.id, face.landmarks, frowned)
    for image, moved in [(frame, face)] * 20 + [frown] * 10 + [(frame, face)] * 12:
        light.append(between_the_brows(shown(image, swap(image, moved), moved), face))
    assert light[29] < 0.93 * light[19]
    assert light[-1] == pytest.approx(light[19], rel=0.04)


def test_narrowed_eyes_are_as_narrow_and_wide_ones_the_personas(seen: Seen) -> None:
    _, face = seen[0]
    own, pose = neutral(face), fit_pose(face.landmarks)
    persona, lids, gaps = own.copy(), Lids(), []
    middle = (persona[LIDS[:, 0]] + persona[LIDS[:, 1]]) / 2
    for side in (0, 1):  # half as open as the driver's
        persona[LIDS[:, side]] = middle + (persona[LIDS[:, side]] - middle) / 2
    for share in (1.0, 0.8, 0.6, 0.4, 0.2, 0.0):
        points = face.landmarks.copy()
        for upper, lower in LIDS:
            points[upper] = points[lower] + share * (points[upper] - points[lower])
        gaps.append(share * float(lids.ratio(points, own, persona, pose.scale).mean()))
    assert gaps[0] == pytest.approx(0.6, abs=0.02)
    assert gaps[3] < 0.4
    assert gaps[-1] == 0
    assert gaps == sorted(gaps, reverse=True)


def lips_apart(points: Landmarks) -> float:
    """Gap of the inner lips over the mouth's width."""
    return float(np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[61] - points[291]))


def test_lips_that_touch_stay_shut_on_a_photo_that_smiles(seen: Seen) -> None:
    shut = sorted(seen, key=lambda pair: -touching(pair[1].landmarks[LIPS_INNER, :2]))[:2]
    assert touching(shut[-1][1].landmarks[LIPS_INNER, :2]) > 0.5
    for name in ("robin", "clara"):
        swap = prepared(name)
        for frame, face in shut:
            (found,) = look(shown(frame, swap(frame, face), face))
            ours, theirs = (lips_apart(f.landmarks) for f in (found, face))
            assert ours < theirs + 0.1


def test_lips_are_taken_from_within_their_outline() -> None:
    uv = lip_flesh()
    moved = np.linalg.norm(uv[LIPS_INNER] - uv[LIPS_OUTER], axis=1)
    assert (moved > 0).all()
    assert touching(np.zeros((20, 2), np.float32)) == 1


def test_a_camera_without_colour_gets_a_face_without(seen: Seen) -> None:
    frame, face = seen[0]
    colourless = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    swap = prepared("clara")
    image = shown(colourless, swap(colourless, face), face).astype(int)
    assert np.ptp(image, axis=2).max() <= 3
    assert np.abs(image - colourless).max() > 20


def test_colours_are_missed_at_once_and_not_for_a_dark_moment() -> None:
    scene = np.random.default_rng(0).integers(60, 200, (SIDE, SIDE, 3), np.uint8)
    grey = np.repeat(scene[..., :1], 3, 2)
    assert Colours()(grey)
    colours = Colours()
    assert [colours(picture) for picture in [scene] + [grey] * 5] == [False] * 6
    assert [colours(grey) for _ in range(20)][-1]


def test_a_head_turned_far_fades_without_flicker() -> None:
    driver_state = DriverState(np.full((SIDE, SIDE, 3), 120, np.uint8))

    def turned(degrees: float) -> Pose:
        rotation = cv2.Rodrigues(np.array([0, np.radians(degrees), 0], np.float32))[0]
        return Pose(1.0, rotation.astype(np.float32), np.zeros(3, np.float32))

    assert abs(abs(turned(30).degrees[0]) - 30) < 0.1
    assert [driver_state.doubt(turned(25)) for _ in range(5)] == [0] * 5
    rising = [driver_state.doubt(turned(37 - n % 2 * 3)) for n in range(12)]
    assert rising == sorted(rising)
    assert rising[-1] == 1
    falling = [driver_state.doubt(turned(29 + n % 2 * 5)) for n in range(12)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == 0


def test_the_grey_texture_is_made_from_the_coloured_one() -> None:
    texture = Texture.of(portrait("clara"))
    grey = texture.monochrome()
    assert np.ptp(grey.levels[256], axis=2).max() == 0
    assert np.ptp(texture.levels[256], axis=2).max() > 20
