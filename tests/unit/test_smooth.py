"""Smoothing: steady at rest, close behind in motion, and new after a gap."""

import numpy as np
import pytest

from visard.models.track.smooth import OneEuro

SIZE = 200.0
STEP = 1 / 30


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(3).uniform(100, 300, (478, 3)).astype(np.float32)


def run(path: list[np.ndarray], size: float = SIZE, step: float = STEP) -> np.ndarray:
    smooth = OneEuro()
    return np.array([smooth(points, n * step, size) for n, points in enumerate(path)])


def noisy(points: np.ndarray, share: float, count: int, size: float = SIZE) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    noise = random.normal(0, share * size, (count, 478, 3))
    return [(points + n).astype(np.float32) for n in noise]


def test_noise_at_rest_is_halved_and_shaking_cut_to_a_third(points: np.ndarray) -> None:
    path = noisy(points, 0.0008, 150)  # 0.16 pixels of 200: what the landmark network does at rest
    smoothed = run(path)[30:]
    assert (smoothed - points).std() < 0.5 * (np.array(path)[30:] - points).std()
    shaking, before = np.diff(smoothed, 2, axis=0).std(), np.diff(np.array(path)[30:], 2, axis=0).std()
    assert shaking < before / 3


def test_it_settles_on_the_true_place(points: np.ndarray) -> None:
    smoothed = run(noisy(points, 0.0008, 300))
    assert np.abs(smoothed[60:].mean(0) - points).max() < 0.1


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_in_motion_it_lags_less_than_a_frame_and_a_half(points: np.ndarray, speed: float) -> None:
    step = np.array([speed * SIZE * STEP, 0, 0], np.float32)
    path = [points + n * step for n in range(40)]
    behind = (path[-1] - run(path)[-1])[:, 0]
    assert behind.min() >= 0
    assert behind.max() < 1.5 * step[0]


def test_a_fast_turn_lags_less_than_two_fifths_of_a_frame(points: np.ndarray) -> None:
    step = np.array([3 * SIZE * STEP, 0, 0], np.float32)
    path = [points + n * step for n in range(40)]
    assert (path[-1] - run(path)[-1])[:, 0].max() < 0.4 * step[0]


def test_a_still_point_is_not_disturbed_by_a_moving_one(points: np.ndarray) -> None:
    path = noisy(points, 0.0008, 90)
    moving = [p.copy() for p in path]
    for number, p in enumerate(moving):
        p[:100, 0] += number * 5
    np.testing.assert_allclose(run(moving)[:, 100:], run(path)[:, 100:], atol=1e-3)


def test_distance_does_not_matter(points: np.ndarray) -> None:
    path = [points + np.float32(3 * np.sin(n / 5)) for n in range(50)]
    near, far = run(path), run([p / 4 for p in path], SIZE / 4)
    np.testing.assert_allclose(near, far * 4, atol=0.02)


@pytest.mark.parametrize("gap", [0.6, 5.0, 0.0, -1.0])
def test_after_a_gap_or_a_step_back_it_starts_anew(points: np.ndarray, gap: float) -> None:
    smooth = OneEuro()
    for number in range(10):
        smooth(points, number * STEP, SIZE)
    there = points + np.float32(80)
    np.testing.assert_array_equal(smooth(there, 9 * STEP + gap, SIZE), there)
    assert np.abs(smooth(there + 1, 10 * STEP + gap, SIZE) - there).max() < 1


def test_what_was_given_stays_as_it_is(points: np.ndarray) -> None:
    smooth, path = OneEuro(), noisy(points, 0.01, 5)
    before = [p.copy() for p in path]
    results = [smooth(p, n * STEP, SIZE) for n, p in enumerate(path)]
    kept = [r.copy() for r in results]
    smooth(points + 50, 5 * STEP, SIZE)
    for old, new in zip(before + kept, path + results, strict=True):
        np.testing.assert_array_equal(old, new)
    assert results[-1].dtype == np.float32
