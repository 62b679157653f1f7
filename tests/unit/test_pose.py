"""Head pose: found, taken away and put back."""

import cv2
import numpy as np
import pytest

from visard.models.geometry.pose import RIGID, Pose, canonical_upright, fit_pose, similarity


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """A rotation by degrees: yaw to the picture's right, pitch down, roll clockwise."""
    result = np.eye(3)
    for axis, degrees in ((2, roll), (1, -yaw), (0, pitch)):
        vector = np.zeros(3)
        vector[axis] = np.radians(degrees)
        result = result @ cv2.Rodrigues(vector)[0]
    return result.astype(np.float32)


POSE = Pose(17.5, turned(20, -10, 5), np.array([400, 250, -30], np.float32))


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 25, 0), (0, -25, 0), (0, 0, 40), (0, 0, -120), (25, -15, 10)],
)
def test_the_pose_of_a_turned_head_is_found(yaw: float, pitch: float, roll: float) -> None:
    true = Pose(11.0, turned(yaw, pitch, roll), np.array([320, 240, 7], np.float32))
    found = fit_pose(true.picture(canonical_upright()))
    assert found.scale == pytest.approx(11.0, rel=1e-4)
    np.testing.assert_allclose(found.rotation, true.rotation, atol=1e-4)
    np.testing.assert_allclose(found.shift, true.shift, atol=0.01)
    if 0 in (yaw, pitch):
        np.testing.assert_allclose(found.degrees, (yaw, pitch, roll), atol=0.05)


def test_degrees_are_signed_as_the_picture_shows_it() -> None:
    for turn, axis, sign in (({"yaw": 25}, 0, 1), ({"pitch": 25}, 1, 1), ({"yaw": -25}, 0, -1)):
        pose = Pose(10.0, turned(**turn), np.zeros(3, np.float32))
        nose, ears = (pose.picture(canonical_upright())[i].mean(0) for i in ([1], [234, 454]))
        still = canonical_upright()[1] - canonical_upright()[[234, 454]].mean(0)
        assert sign * ((nose - ears)[axis] - 10 * still[axis]) > 10


def test_noise_and_expression_disturb_the_pose_little() -> None:
    points = POSE.picture(canonical_upright())
    noise = np.random.default_rng(1).normal(0, 1.0, points.shape).astype(np.float32)
    points[[14, 17, 152, 61, 291]] += np.array([0, 30, 0], np.float32)  # an open mouth
    np.testing.assert_allclose(fit_pose(points + noise).degrees, POSE.degrees, atol=1.0)
    assert not {14, 17, 152, 61, 291, 159, 145} & set(RIGID)


def test_upright_and_picture_undo_each_other() -> None:
    points = np.random.default_rng(2).normal(0, 5, (478, 3)).astype(np.float32)
    np.testing.assert_allclose(POSE.upright(POSE.picture(points)), points, atol=1e-4)
    np.testing.assert_allclose(POSE.picture(POSE.upright(points * 80)), points * 80, atol=5e-3)
    assert POSE.upright(points).dtype == POSE.picture(points).dtype == np.float32


def test_a_displacement_turns_and_grows_but_does_not_move() -> None:
    points, step = canonical_upright(), np.float32([0.3, -0.2, 0.5])
    np.testing.assert_allclose(
        POSE.picture(points + step) - POSE.picture(points),
        np.broadcast_to(POSE.turn(step), points.shape),
        atol=1e-3,
    )
    assert np.linalg.norm(POSE.turn(step)) == pytest.approx(17.5 * np.linalg.norm(step), rel=1e-4)


def test_a_similarity_never_mirrors() -> None:
    points = np.random.default_rng(4).normal(0, 1, (30, 3)).astype(np.float32)
    found = similarity(points, points * np.float32([-1, 1, 1]))
    assert np.linalg.det(found.rotation) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(3), atol=1e-5)
