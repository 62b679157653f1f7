"""The puppet animator driven by people talking to their webcam, and the demo clip made with it."""

import importlib.util
from functools import cache

import cv2
import numpy as np
import pytest

from visard.models.animate.puppet.animator import PuppetAnimation
from visard.models.geometry.pose import fit_pose
from visard.models.portrait import examine
from visard.models.track.tracker import Tracker


@cache
def frames(path):
    capture, found = cv2.VideoCapture(str(path)), []
    while (frame := capture.read())[0]:
        found.append(frame[1])
    return found


@cache
def drivers(path):
    """The largest face of every frame."""
    tracker = Tracker(max_faces=2)
    seen = [tracker.update(frame, index / 30).faces for index, frame in enumerate(frames(path))]
    return [max(faces, key=lambda face: face.size) for faces in seen if faces]


def performance(clip, photo, every=3):
    """Blendshapes and head poses of the driver and of what the portrait shows, frame by frame."""
    animation, tracker = PuppetAnimation(examine(photo)), Tracker(max_faces=1)
    rows = []
    for index, driver in enumerate(drivers(clip)[::every]):
        faces = tracker.update(animation(driver), index * every / 30).faces
        assert len(faces) == 1, f"frame {index * every}: the portrait has lost its face"
        poses = fit_pose(driver.landmarks).degrees, fit_pose(faces[0].raw).degrees
        rows.append((driver.blendshapes, faces[0].blendshapes, *poses))
    return [np.array(column) for column in zip(*rows, strict=True)]


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


@pytest.mark.parametrize(("photo", "least"), [("s101.jpg", 0.8), ("s113.jpg", 0.75), ("mona.jpg", 0.6)])
def test_expression_and_head_follow_the_driver(shared, photo, least):
    clip = shared / "data/clips/d3.mp4"
    driver, shown, poses, shown_poses = performance(clip, shared / "data/faces" / photo)
    moving = driver.std(0) > 0.03
    followed = [correlation(a, b) for a, b in zip(driver.T[moving], shown.T[moving], strict=True)]
    assert np.mean(followed) > least
    for axis in (0, 1):  # yaw and pitch; this driver rolls little
        assert correlation(poses[:, axis], shown_poses[:, axis]) > 0.9
        assert 0.7 < shown_poses[:, axis].std() / poses[:, axis].std() < 1.4


def test_a_driver_with_glasses_moves_a_turned_portrait(shared):
    clip = shared / "data/clips/d9.mp4"
    _, _, poses, shown_poses = performance(clip, shared / "data/faces/s103.jpg", every=5)
    assert correlation(poses[:, 0], shown_poses[:, 0]) > 0.9


def test_the_best_reference_of_a_clip_is_a_calm_frontal_one(shared):
    animation = PuppetAnimation(examine(shared / "data/faces/s113.jpg"))
    faces = drivers(shared / "data/clips/d3.mp4")
    scores = np.array([animation.mismatch(face) for face in faces])
    yaws = np.abs([fit_pose(face.landmarks).degrees[0] for face in faces])
    assert yaws[scores.argmin()] < 10 < yaws[scores.argmax()]
    assert 0 < scores.min() < 0.5 * scores.max()


@pytest.fixture(scope="module")
def demo(repository):
    return repository / "daemon/visard/daemon/sources/demo.mp4"


def test_the_demo_clip_always_shows_one_face_that_moves(demo):
    assert demo.stat().st_size < 700_000
    faces = drivers(demo)
    assert len(faces) == len(frames(demo)) == 240
    yaws = [fit_pose(face.landmarks).degrees[0] for face in faces]
    assert np.ptp(yaws) > 15
    assert np.array([face.blendshapes for face in faces]).max(0)[1:].max() > 0.5


def test_the_demo_clip_loops_without_a_seam(demo):
    seen = np.array([cv2.resize(frame, (214, 120)) for frame in frames(demo)]).astype(int)
    steps = np.abs(np.diff(seen, axis=0)).mean((1, 2, 3))
    assert np.abs(seen[-1] - seen[0]).mean() < 2 * np.median(steps)


def test_the_demo_clip_is_what_its_script_makes(repository, demo):
    path = repository / "packaging/make_demo_clip.py"
    spec = importlib.util.spec_from_file_location("make_demo_clip", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.frames(repository / "daemon/visard/daemon/personas/shipped/robin/picture.jpg")
    for index, picture in zip(range(60), made, strict=False):
        if index % 20 == 0:
            assert np.abs(picture.astype(int) - frames(demo)[index]).mean() < 3
