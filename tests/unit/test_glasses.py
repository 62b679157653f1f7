"""Glasses are found at once, kept whole, and taken for nothing else."""

from functools import cache

import cv2
import numpy as np
import pytest
from people import driver, portrait

from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT
from visard.models.geometry.pose import fit_pose
from visard.models.geometry.uv import Sampler
from visard.models.swap.mesh.driver import DriverState
from visard.models.swap.mesh.glasses import SIDE, Spectacles, find_frame

THIN, THICK = (0.02, (215, 215, 220)), (0.055, (25, 25, 30))


@cache
def sampler():
    return Sampler(SIDE)


def with_glasses(picture, face, style=THIN, colour=None):
    """Return the picture with a frame drawn on it, and where it is."""
    width, usual = style
    drawn, mask = picture.copy(), np.zeros(picture.shape[:2], np.uint8)
    points = face.landmarks[:, :2]
    apart = float(np.linalg.norm(points[263] - points[33]))
    thick = max(round(width * apart), 1)
    down = (points[2] - points[168]) * 0.1
    eyes = [points[ring].mean(0) + down for ring in (EYE_RING_LEFT, EYE_RING_RIGHT)]
    lens = np.array([0.28, 0.2]) * apart
    inner = [eyes[0] + (lens[0], 0) - down, eyes[1] - (lens[0], 0) - down]
    outer = [(eyes[0] - (lens[0], 0), points[127]), (eyes[1] + (lens[0], 0), points[356])]
    for canvas, shade in ((drawn, colour or usual), (mask, 255)):
        for eye in eyes:
            cv2.ellipse(canvas, (tuple(map(float, eye)), tuple(2 * lens), 0.0), shade, thick, cv2.LINE_AA)
        for start, end in [inner, *outer]:
            ends = [tuple(map(int, np.round(point))) for point in (start, end)]
            cv2.line(canvas, *ends, shade, thick, cv2.LINE_AA)
    return drawn, mask


def unrolled(picture, face):
    return sampler()(picture, face.landmarks[:468, :2])


@pytest.mark.parametrize("style", [THIN, THICK], ids=["thin", "thick"])
@pytest.mark.parametrize("name", ["walter", "clara", "nico"])
def test_a_frame_is_found_on_a_photo(name, style):
    photo = portrait(name)
    assert not find_frame(unrolled(photo.image, photo.face)).any()
    drawn, mask = with_glasses(photo.image, photo.face, style)
    found = find_frame(unrolled(drawn, photo.face))
    truth = unrolled(cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR), photo.face)[..., 0] > 128
    seen = cv2.dilate(found, np.ones((3, 3), np.uint8)) > 0
    assert seen[truth].mean() > 0.7
    assert (found > 0).mean() < truth.mean() + 0.08


@pytest.mark.parametrize("style", [THIN, THICK], ids=["thin", "thick"])
def test_a_drivers_glasses_are_kept_whole_in_every_frame(style):
    spectacles, shares = Spectacles(sampler()), []
    for picture, face in driver(1):
        drawn, mask = with_glasses(picture, face, style)
        kept = spectacles(drawn, face.landmarks[:468])
        assert kept is not None
        truth = unrolled(cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR), face)[..., 0] > 200
        shares.append((kept[truth] > 0.3).mean())
    assert min(shares) > 0.6
    assert np.mean(shares) > 0.75


def test_glasses_stay_on_while_landmarks_slip_over_the_nose():
    spectacles = Spectacles(sampler())
    (picture, face), random = driver()[0], np.random.default_rng(1)
    drawn, _ = with_glasses(picture, face)
    for frame in range(240):
        points = face.landmarks[:468].copy()
        points[:, :2] += random.uniform(-0.03, 0.03, 2) * face.size
        kept = spectacles(drawn, points)
        assert frame < 6 or kept is not None
    assert kept.max() > 0.3


def test_no_glasses_are_seen_on_who_wears_none():
    spectacles = Spectacles(sampler())
    assert all(spectacles(picture, face.landmarks[:468]) is None for picture, face in driver(1))


def test_glasses_stay_while_their_rims_cannot_be_seen():
    spectacles = Spectacles(sampler())
    frames = driver(1)
    for picture, face in frames[:16]:
        spectacles(with_glasses(picture, face)[0], face.landmarks[:468])
    for picture, face in frames[16:22]:  # a highlight, a blur: as if there were none
        kept = spectacles(picture, face.landmarks[:468])
        assert kept is not None
        assert kept.max() > 0.3


def test_who_comes_back_has_the_same_glasses_in_the_first_frame():
    own = np.full((32, 32, 3), 128, np.uint8)
    (picture, face), lost = driver()[0], DriverState(own)
    pose = fit_pose(face.landmarks)
    bare, _ = lost.surface(picture, face, pose)
    lost = DriverState(own)
    lost.surface(with_glasses(picture, face)[0], face, pose)
    again, _ = DriverState(own, lost).surface(picture, face, pose)
    assert (bare.astype(int) - again).max() > 60
