"""The expression table: symmetric, and about the right things."""

import numpy as np

from visard.models.blendshapes import NAMES
from visard.models.face import CHIN, Face
from visard.models.geometry.expression import displacement, mirrored_coefficients, mirrored_landmarks, neutral
from visard.models.geometry.pose import Pose, canonical_upright

MIRROR = np.array([-1, 1, 1], np.float32)


def only(**coefficients):
    values = np.zeros(len(NAMES), np.float32)
    for name, value in coefficients.items():
        values[NAMES.index(name)] = value
    return values


def test_mirroring_twice_changes_nothing():
    for swap in (mirrored_landmarks(), mirrored_coefficients()):
        assert (swap[swap] == np.arange(len(swap))).all()
    names = [NAMES[i] for i in mirrored_coefficients()]
    assert names[NAMES.index("mouthSmileLeft")] == "mouthSmileRight"
    assert names[NAMES.index("mouthLeft")] == "mouthRight"
    assert names[NAMES.index("jawOpen")] == "jawOpen"


def test_a_mirrored_expression_gives_the_mirrored_shape():
    coefficients = np.random.default_rng(1).random(52, np.float32)
    moved = displacement(coefficients)[mirrored_landmarks()] * MIRROR
    np.testing.assert_allclose(displacement(coefficients[mirrored_coefficients()]), moved, atol=5e-3)


def test_coefficients_move_what_they_are_named_after():
    jaw = displacement(only(jawOpen=0.7))
    assert jaw[CHIN, 1] > 0.7  # down, in centimetres
    assert abs(jaw[10, 1]) < 0.4
    blink = displacement(only(eyeBlinkLeft=0.6, eyeBlinkRight=0.6, eyeLookDownLeft=0.5, eyeLookDownRight=0.5))
    assert min(blink[386, 1] - blink[374, 1], blink[159, 1] - blink[145, 1]) > 0.3  # lids meet
    smile = displacement(only(mouthSmileLeft=1.0, mouthSmileRight=1.0))
    assert smile[291, 0] - smile[61, 0] > 0.6
    brows = displacement(only(browInnerUp=0.8, browOuterUpLeft=0.8, browOuterUpRight=0.8))
    assert brows[[107, 336], 1].max() < -0.2
    gaze = displacement(only(eyeLookOutLeft=0.8, eyeLookInRight=0.8))
    assert gaze[[468, 473], 0].min() > 0.1


def test_neutral_takes_pose_and_expression_away():
    angle = 0.3
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    pose = Pose(20.0, turn.astype(np.float32), np.array([320, 240, 0], np.float32))
    coefficients = only(mouthSmileLeft=0.5, mouthSmileRight=0.5)
    own = np.concatenate([canonical_upright(), np.zeros((10, 3), np.float32)])
    shape = neutral(Face(1, pose.picture(own + displacement(coefficients)), coefficients))
    assert np.abs(shape[:468] - own[:468]).max() < 0.25
