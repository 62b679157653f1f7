"""The texture plane: unrolling, areas and sampling."""

import cv2
import numpy as np
import pytest
from people import portrait

from visard.models.geometry.canonical import EYE_RING_LEFT, LIPS_OUTER, OVAL, canonical
from visard.models.geometry.uv import Sampler, edge_distance, inside, polygons, reduced, texels, unroll


def test_the_mesh_is_whole() -> None:
    mesh = canonical()
    assert mesh.points.shape == (468, 3)
    assert mesh.uv.shape == (468, 2)
    assert mesh.triangles.shape == (898, 3)
    assert mesh.triangles.min() == 0
    assert mesh.triangles.max() == 467
    assert 0 <= mesh.uv.min() < mesh.uv.max() <= 1


def test_a_texture_unrolled_onto_itself_stays_as_it_is() -> None:
    side = 256
    y, x = np.mgrid[:side, :side]
    picture = np.dstack([x, y, 255 - x]).astype(np.uint8)
    again = unroll(picture, texels(side), side)
    area = cv2.erode(inside(side), np.ones((5, 5), np.uint8)) > 0
    assert np.abs(again[area].astype(int) - picture[area]).max() <= 1


def test_unrolling_undoes_scale_and_place() -> None:
    side = 128
    y, x = np.mgrid[:400, :500]
    picture = np.dstack([x // 2, y // 2, (x + y) // 4]).astype(np.uint8)
    texture = unroll(picture, texels(side) * np.float32(2.5) + np.float32([90, 30]), side)
    there = np.mgrid[:side, :side].transpose(1, 2, 0)[..., ::-1] * 2.5 + (90, 30)
    expected = np.dstack([there[..., 0] / 2, there[..., 1] / 2, there.sum(2) / 4])
    area = cv2.erode(inside(side), np.ones((5, 5), np.uint8)) > 0
    assert np.abs(texture[area] - expected[area]).max() < 2


def test_faces_unroll_to_the_same_places() -> None:
    one, other = portrait("robin"), portrait("hanna")
    for person in (one, other):
        texture = unroll(person.image, person.face.landmarks[:468, :2], 256).astype(int)
        eye = texels(256)[EYE_RING_LEFT].mean(0).round().astype(int)
        cheek = texels(256)[[50, 280]].mean(0).round().astype(int) * [0, 1] + [
            texels(256)[50].astype(int)[0],
            0,
        ]
        assert (
            texture[eye[1] - 4 : eye[1] + 4, eye[0] - 4 : eye[0] + 4].mean()
            < texture[cheek[1], cheek[0]].mean()
        )


@pytest.mark.parametrize("side", [32, 96, 256])
def test_the_oval_and_how_deep_inside_it_a_texel_is(side: int) -> None:
    area, depth = inside(side), edge_distance(side)
    assert area.shape == depth.shape == (side, side)
    assert set(np.unique(area)) == {0, 255}
    assert ((depth > 0) == (area > 0)).all()
    nose = texels(side)[1].round().astype(int)
    assert depth[nose[1], nose[0]] > 0.25
    rim = texels(side)[OVAL].round().astype(int).clip(0, side - 1)
    assert depth[rim[:, 1], rim[:, 0]].max() < 2.5 / side


def test_areas_grow() -> None:
    small, large = polygons(128, [LIPS_OUTER]), polygons(128, [LIPS_OUTER], grow=4)
    assert (large[small > 0] == 255).all()
    reach = cv2.distanceTransform(255 - small, cv2.DIST_L2, 5)[large > 0].max()
    assert 3 <= reach <= 4.6
    both = polygons(128, [LIPS_OUTER, EYE_RING_LEFT])
    np.testing.assert_array_equal(both, np.maximum(small, polygons(128, [EYE_RING_LEFT])))


@pytest.mark.parametrize("side", [32, 96])
def test_sampling_is_unrolling_without_drawing(side: int) -> None:
    face = portrait("robin")
    points = face.face.landmarks[:468, :2]
    soft = cv2.GaussianBlur(face.image, (0, 0), 6)
    sampled, drawn = Sampler(side)(soft, points), unroll(soft, points, side)
    area = cv2.erode(inside(side), np.ones((3, 3), np.uint8)) > 0
    apart = np.abs(sampled.astype(int) - drawn)[area]
    assert apart.mean() < 2
    assert np.percentile(apart, 99) < 20


def test_only_the_face_is_in_a_texture() -> None:
    """The picture's corners and background must not get into the colours, wherever the face is."""
    person = portrait("robin")
    points = person.face.landmarks[:468, :2]
    hull = np.zeros(person.image.shape[:2], np.uint8)
    cv2.fillPoly(hull, [points[OVAL].round().astype(np.int32)], 255)
    hull = cv2.dilate(hull, np.ones((31, 31), np.uint8))
    green = person.image.copy()
    green[hull == 0] = (0, 255, 0)
    np.testing.assert_array_equal(unroll(green, points, 128), unroll(person.image, points, 128))
    for side in (32, 96):
        area = inside(side) > 0
        sampled, plain = (Sampler(side)(image, points)[area] for image in (green, person.image))
        np.testing.assert_array_equal(sampled, plain)


def test_values_of_points_are_spread_between_them() -> None:
    side = 64
    spread = Sampler(side).lookup(texels(side))
    y, x = np.mgrid[:side, :side]
    area = inside(side) > 0
    assert np.abs(spread[area] - np.dstack([x, y])[area]).max() < 0.5  # nothing comes from elsewhere
    assert np.abs(spread[area] - np.dstack([x, y])[area]).mean() < 0.01
    constant = Sampler(side).lookup(np.full((468, 1), 3, np.float32))
    assert constant.shape == (side, side, 1)
    assert np.abs(constant[area] - 3).max() < 1e-4


def test_a_smaller_copy_keeps_the_colours() -> None:
    texture = np.random.default_rng(1).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    small = reduced(texture, 32)
    assert small.shape == (32, 32, 3)
    assert small.dtype == np.uint8
    assert small.mean() == pytest.approx(texture.mean(), abs=1)
