"""The puppet animator on drivers made of numbers; what it shows is read back with our own tracker."""

from functools import cache

import cv2
import numpy as np
import pytest
from drivers import Driver, calibrate

from visard.models.animate.puppet.animator import PuppetAnimation
from visard.models.animate.puppet.eyeballs import EYES
from visard.models.animate.puppet.matte import behind, fill, person
from visard.models.animate.puppet.motion import DriverReference, SettlingReference, expression, soften
from visard.models.blendshapes import NAMES
from visard.models.face import Face
from visard.models.geometry.pose import fit_pose
from visard.models.portrait import Portrait, examine
from visard.models.track.tracker import Tracker


@pytest.fixture(scope="module")
def portrait(repository):
    return examine(repository / "daemon/visard/daemon/personas/shipped/robin/picture.jpg")


@pytest.fixture(scope="module")
def driver(portrait):
    return Driver(portrait.face)


@pytest.fixture
def animation(portrait, driver):
    made = PuppetAnimation(portrait)
    calibrate(made, driver.does())
    return made


@cache
def tracker():
    return Tracker(max_faces=1)


def read(picture):
    """The one face that a picture shows."""
    tracker().forget()
    (face,) = tracker().update(picture, 0.0).faces
    return face


def openness(face):
    return float(np.mean([eye.openness(face.landmarks) for eye in EYES]))


def lips(face):
    upright = fit_pose(face.landmarks).upright(face.landmarks)
    return float(upright[14, 1] - upright[13, 1])


def test_at_rest_the_portrait_is_itself_but_for_the_smile(animation, portrait, driver):
    apart = np.abs(animation(driver.does()).astype(int) - portrait.image).mean(2)
    above_the_nose = apart[: int(portrait.face.centre[1])]
    assert above_the_nose.mean() < 3
    assert np.percentile(above_the_nose, 90) < 10
    assert lips(read(animation(driver.does()))) < 0.25 < lips(portrait.face)


@pytest.mark.parametrize("yaw", [-22, -12, 12, 22])
def test_the_head_turns(animation, driver, yaw):
    rest = fit_pose(read(animation(driver.does())).landmarks).degrees[0]
    turned = fit_pose(read(animation(driver.does(yaw=yaw))).landmarks).degrees[0]
    assert turned - rest == pytest.approx(yaw, rel=0.4)


@pytest.mark.parametrize("roll", [-15, 15])
def test_the_head_tilts(animation, driver, roll):
    rest = fit_pose(read(animation(driver.does())).landmarks).degrees[2]
    assert fit_pose(read(animation(driver.does(roll=roll))).landmarks).degrees[2] - rest == pytest.approx(
        roll, rel=0.3
    )


def test_the_head_follows_and_leans(animation, driver):
    rest = read(animation(driver.does()))
    assert read(animation(driver.does(shift=(-20, 0)))).centre[0] < rest.centre[0] - 15
    assert read(animation(driver.does(nearer=1.12))).size > 1.06 * rest.size


def test_the_mouth_opens_and_shows_a_dark_inside(animation, portrait, driver):
    wide = animation(driver.does(jawOpen=0.8, mouthLowerDownLeft=0.3, mouthLowerDownRight=0.3))
    face = read(wide)
    assert lips(face) > 0.8
    x, y = (0.4 * face.landmarks[13, :2] + 0.6 * face.landmarks[14, :2]).astype(int)
    skin = wide[face.landmarks[50, 1].astype(int), face.landmarks[50, 0].astype(int)]
    assert wide[y - 2 : y + 3, x].mean() < 0.5 * skin.mean()


def test_eyes_close_and_look_aside(animation, driver):
    rest = read(animation(driver.does()))
    assert openness(read(animation(driver.does(blink=1)))) < 0.6 * openness(rest)
    for way in (-0.3, 0.3):
        seen = read(animation(driver.does(look=(way, 0))))
        change = [eye.gaze(seen.landmarks)[0] - eye.gaze(rest.landmarks)[0] for eye in EYES]
        assert min(np.sign(way) * c for c in change) > 0.04


def test_one_eye_winks(animation, driver):
    face = driver.does()
    left, right = EYES
    winking = driver.does(blink=1).landmarks.copy()
    for eye in (right,):
        winking[eye.upper] = face.landmarks[eye.upper]
    seen = read(animation(Face(1, winking, face.blendshapes)))
    assert left.openness(seen.landmarks) < 0.75 * right.openness(seen.landmarks)


@pytest.mark.parametrize(
    "action",
    [
        {"yaw": 70},
        {"yaw": -70, "pitch": 30},
        {"pitch": 50},
        {"pitch": -50},
        {"roll": 100},
        {"nearer": 3},
        {"nearer": 0.2},
        {"shift": (600, -400)},
        {"jawOpen": 1, "mouthFunnel": 1, "yaw": 35},
        {"blink": 1.5},
    ],
)
def test_nothing_tears_however_wild_the_driver(animation, driver, action):
    animation(driver.does(**action))
    where = animation._sheet._map
    assert (np.abs(where).sum(2) > 0).all()  # every pixel comes from somewhere on the sheet
    assert np.isfinite(where).all()


def test_the_background_stays(animation, portrait, driver):
    seen = [
        animation(driver.does(**action)).copy()
        for action in ({}, {"yaw": 20}, {"roll": -12}, {"jawOpen": 0.7}, {"shift": (15, 5)})
    ]
    far = cv2.dilate(person(portrait.image, portrait.face), np.ones((91, 91), np.uint8)) < 0.01
    assert far.sum() > 5000
    for picture in seen[1:]:
        np.testing.assert_allclose(picture[far], seen[0][far], atol=1)


def test_a_grin_in_the_first_frame_does_not_stay(portrait, driver):
    grin = driver.does(yaw=25, mouthSmileLeft=0.9, mouthSmileRight=0.9, jawOpen=0.5)
    spoilt = PuppetAnimation(portrait)
    spoilt(grin)
    seen = read(spoilt(driver.does()))
    assert abs(fit_pose(seen.landmarks).degrees[0] - fit_pose(portrait.face.landmarks).degrees[0]) < 14
    smile = [NAMES.index("mouthSmileLeft"), NAMES.index("mouthSmileRight")]
    assert read(spoilt(grin)).blendshapes[smile].mean() > seen.blendshapes[smile].mean() + 0.2


def test_the_neutral_face_settles_smoothly_on_the_calm_frames(driver):
    smile = NAMES.index("mouthSmileLeft")
    settling = SettlingReference(driver.does(mouthSmileLeft=0.9, mouthSmileRight=0.9, jawOpen=0.5))
    first = settling.now.shape.copy()
    steps, before = [], first
    for _ in range(100):
        now = settling(driver.does()).shape
        steps.append(float(np.abs(now - before).max()))
        before = now
    calm = DriverReference.estimated(driver.does()).shape
    assert np.abs(before - calm).max() < 0.1 * np.abs(first - calm).max() + 1e-3
    assert max(steps) <= 0.09 * np.abs(first - calm).max() + 1e-4
    assert settling.now.coefficients[smile] <= 0.1


def test_what_was_chosen_does_not_settle(animation, driver):
    smile = driver.does(mouthSmileLeft=0.9, mouthSmileRight=0.9)
    calibrate(animation, smile)
    calibrate(animation, smile)
    rest = animation(smile).astype(int)
    for _ in range(30):
        animation(driver.does())
    assert np.abs(animation(smile) - rest).mean() < 0.5


def test_an_open_mouth_shows_teeth_above_and_a_tongue_below(animation, driver):
    wide = animation(driver.does(jawOpen=0.8))
    face = read(wide)
    upper, lower = face.landmarks[13, :2], face.landmarks[14, :2]
    rows = [wide[tuple((upper + share * (lower - upper)).round().astype(int)[::-1])] for share in (0.12, 0.4)]
    teeth, cavity = (row.astype(int) for row in rows)
    assert teeth.mean() > 1.5 * cavity.mean()
    tongue = wide[tuple((upper + 0.7 * (lower - upper)).round().astype(int)[::-1])].astype(int)
    assert tongue[2] > tongue[0] + 10  # red


def test_calibrating_later_is_exact(animation, driver):
    smile = driver.does(mouthSmileLeft=0.9, mouthSmileRight=0.9)
    calibrate(animation, smile)
    np.testing.assert_allclose(
        expression(DriverReference.exact(smile), smile, fit_pose(smile.landmarks), driver.shape), 0, atol=1e-4
    )
    calibrate(animation, driver.does())
    rest = animation(driver.does()).astype(int)
    calibrate(animation, smile)
    assert np.abs(animation(smile) - rest).mean() < 0.5


def test_a_large_portrait_is_cut_down(portrait, driver):
    image = cv2.resize(portrait.image, (1531, 1531))
    ratio = np.float32(1531 / portrait.image.shape[0])
    large = Portrait(image, Face(1, portrait.face.landmarks * ratio, portrait.face.blendshapes))
    assert PuppetAnimation(large)(driver.does()).shape == (720, 720, 3)


def test_limits_are_soft():
    angles = np.linspace(-90, 90, 361)
    out = np.array([soften(a, 18, 32) for a in angles])
    assert (np.diff(out) >= 0).all()
    assert np.abs(out).max() <= 32
    np.testing.assert_allclose(out[np.abs(angles) <= 18], angles[np.abs(angles) <= 18])


def test_filling_keeps_what_is_known_and_guesses_the_rest():
    rng = np.random.default_rng(0)
    image = np.full((61, 47, 3), 90, np.float32) + rng.normal(0, 1, (61, 47, 3)).astype(np.float32)
    known = np.ones((61, 47), np.float32)
    known[20:40, 10:30] = 0
    broken = image.copy()
    broken[known == 0] = 255
    whole = fill(broken, known)
    np.testing.assert_array_equal(whole[known == 1], image[known == 1])
    assert np.abs(whole[known == 0] - 90).max() < 4


def test_a_person_that_fills_the_picture_still_works(portrait):
    assert (
        behind(portrait.image, np.ones(portrait.image.shape[:2], np.float32), 300).shape
        == portrait.image.shape
    )


def test_a_person_cut_off_by_the_edges_stays_cut_off(animation, driver):
    """Nothing from beyond the picture is needed where hair or shoulders touch its edge."""
    cell, size = animation._sheet._cell, 512
    for action in ({"shift": (0, -30)}, {"shift": (0, 30)}, {"pitch": 18}, {"pitch": -18}):
        animation(driver.does(**action))
        where = animation._sheet._map[cell : cell + size, cell : cell + size, 1]
        assert where.min() > -3
        assert where.max() < size + 3
