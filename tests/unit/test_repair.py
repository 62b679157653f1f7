"""Textures of spoiled photos: what is repaired looks more like the good photo, the rest stays as it is."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import spoiled
from people import portrait

from visard.models.blendshapes import NAMES
from visard.models.face import Face, Image
from visard.models.geometry.canonical import LIPS_INNER, canonical
from visard.models.geometry.expression import neutral
from visard.models.geometry.pose import Pose, fit_pose
from visard.models.geometry.raster import Raster, resample
from visard.models.geometry.uv import edge_distance, polygons
from visard.models.photo import measures
from visard.models.portrait import Portrait, examine
from visard.models.swap.mesh.repair import without_glasses, without_hair, without_teeth
from visard.models.swap.mesh.shading import coloured, evenly_lit, without_smile, without_tint
from visard.models.swap.mesh.texture import SIDES, Texture

SIDE = SIDES[0]
FACE = edge_distance(SIDE) > 0.04


@cache
def good(name: str) -> Image:
    return Texture.of(portrait(name)).levels[SIDE]


def texture(portrait: Portrait, picture: Image) -> Image:
    """What is made of a picture in which the face is where it is in a portrait."""
    return Texture.of(Portrait(picture, portrait.face)).levels[SIDE]


def apart(one: Image, other: Image, where: np.ndarray = FACE) -> float:
    """Mean difference of two textures in grey levels, whatever their overall tone."""
    a, b = (np.log(picture.astype(np.float32) + 8)[where] for picture in (one, other))
    ratio = a - b
    return float(np.abs(ratio - np.median(ratio, axis=0)).mean() * 128)


@pytest.mark.parametrize("name", ["marco", "nico"])
def test_steps_leave_a_good_photo_as_it_is(name: str) -> None:
    whole = good(name)
    for step in (coloured, evenly_lit, without_glasses):
        assert step(whole) is whole
    assert without_smile(whole, 0.1) is whole
    assert without_teeth(whole, 0.01) is whole
    image = portrait(name).image
    assert without_tint(image, cv2.resize(whole, (measures.SIDE,) * 2)) is image
    assert np.abs(without_hair(whole).astype(int) - whole)[FACE].mean() < 0.5


@pytest.mark.parametrize(
    "spoil",
    [
        spoiled.with_glasses,
        lambda p: spoiled.with_glasses(p, (75, 70, 90), 0.045),
        spoiled.with_fringe,
    ],
    ids=["dark frame", "thin frame", "fringe"],
)
def test_what_lies_over_the_skin_is_taken_off(spoil: Callable[[Portrait], Image]) -> None:
    person = portrait("clara")
    picture = spoil(person)
    spoilt, clean = (measures.unrolled(image, person.face).astype(int) for image in (picture, person.image))
    over = np.abs(spoilt - clean).max(2)
    where = (cv2.resize(over.astype(np.uint8), (SIDE, SIDE)) > 60) & FACE
    assert where.mean() > 0.01
    left = np.abs(texture(person, picture).astype(int) - good("clara")).max(2)
    assert np.median(left[where]) < 0.5 * np.median(over[over > 60])
    lower = FACE.copy()
    lower[: SIDE * 6 // 10] = False
    assert left[lower].mean() < 4  # mouth and chin are as sharp as before


def test_sunglasses_stay() -> None:
    person = portrait("clara")
    dark = texture(person, spoiled.with_glasses(person, lens=0.95))
    assert measures.lens_darkness(cv2.resize(dark, (measures.SIDE,) * 2)) > measures.DARK_LENS


@pytest.mark.parametrize("name", ["marco", "hanna"])
def test_light_from_a_side_is_evened_out(name: str) -> None:
    person = portrait(name)
    picture = spoiled.lit_from_the_right(person.image, 0.15)
    raw = measures.unrolled(picture, person.face)
    even = cv2.resize(texture(person, picture), (measures.SIDE,) * 2)
    assert abs(measures.side_light(raw)) > 0.8
    assert abs(measures.side_light(even)) < 0.25
    assert abs(measures.blur(even) - measures.blur(raw)) < 0.1


def test_grey_gets_colours_of_skin_and_lips() -> None:
    person = portrait("marco")
    made = cv2.resize(texture(person, spoiled.grey(person.image)), (measures.SIDE,) * 2)
    hue, chroma = measures.skin_colour(made)
    assert 30 < hue < 70
    assert 10 < chroma < 35
    assert not measures.monochrome(made)
    before, after = (
        cv2.cvtColor(t, cv2.COLOR_BGR2GRAY)
        for t in (good("marco"), texture(person, spoiled.grey(person.image)))
    )
    assert np.corrcoef(before[FACE], after[FACE])[0, 1] > 0.97


@pytest.mark.parametrize("factors", [(1.3, 1, 0.6), (0.7, 1.2, 0.7), (0.4, 0.9, 1.15)])
def test_a_tint_is_taken_off(factors: tuple[float, float, float]) -> None:
    person = portrait("hanna")
    picture = spoiled.brighter(person.image, *factors)
    assert measures.tinted(measures.unrolled(picture, person.face))
    hue, chroma = measures.skin_colour(cv2.resize(texture(person, picture), (measures.SIDE,) * 2))
    assert 25 < hue < 75
    assert chroma < 40


def test_a_side_beyond_the_edge_is_mirrored() -> None:
    person = portrait("marco")
    begin = round(person.face.box[0] + 0.2 * person.face.size)
    points = person.face.landmarks - np.float32([begin, 0, 0])
    face = Face(1, points, person.face.blendshapes)
    made = Texture.of(Portrait(np.ascontiguousarray(person.image[:, begin:]), face))
    assert apart(made.levels[SIDE], good("marco")) < 22
    left, right = (iris.disc.mean() for iris in made.irises)
    assert left == pytest.approx(right, rel=0.5)


def test_folds_of_a_smile_are_taken_down_and_pores_stay() -> None:
    whole = good("walter")
    calm = without_smile(whole, 0.9)
    cheeks = polygons(SIDE, [[50, 36, 205, 187], [280, 266, 425, 411]]) > 0

    def contrast(picture: Image, fine: float, broad: float) -> float:
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
        band = cv2.GaussianBlur(grey, (0, 0), fine) - cv2.GaussianBlur(grey, (0, 0), broad)
        return float(band[cheeks].std())

    assert contrast(calm, 4, 20) < 0.93 * contrast(whole, 4, 20)
    assert contrast(calm, 0.5, 1.5) > 0.8 * contrast(whole, 0.5, 1.5)
    eyes = FACE.copy()
    eyes[SIDE * 2 // 5 :] = False
    assert np.abs(calm.astype(int) - whole)[eyes].mean() < 1


def test_there_are_no_teeth_in_a_smiling_persons_texture() -> None:
    person = portrait("hanna")
    assert person.face.blendshapes[NAMES.index("mouthSmileLeft")] > 0.4
    mouth = polygons(SIDE, [LIPS_INNER]) > 0
    raw = cv2.resize(measures.unrolled(person.image, person.face), (SIDE, SIDE))
    for picture, most in ((raw, 400.0), (good("hanna"), 25.0)):
        lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)[mouth]
        assert lab[:, 0].std() < most
    assert good("hanna")[mouth][:, 2].astype(int).mean() > good("hanna")[mouth][:, 0].mean() + 25  # red


# Several photos


def turned(name: str, degrees: float) -> Portrait:
    """A shipped persona's mesh, drawn with the head turned to the picture's right; behind it is grey."""
    person = portrait(name)
    points = person.face.landmarks
    turn = cv2.Rodrigues(np.array([0, -np.radians(degrees), 0]))[0].astype(np.float32)
    there = Pose(22, turn, np.float32([256, 256, 0])).picture(fit_pose(points).upright(points))
    values = np.column_stack([points[:468, :2], np.ones(468, np.float32)])
    drawn = Raster(canonical().triangles, 512, 512)(there[:468], values, background=-1)
    picture = resample(person.image, np.ascontiguousarray(drawn[..., :2]))
    picture[drawn[..., 2] < 0] = 96
    return Portrait(picture, Face(1, there, person.face.blendshapes))


def test_two_turned_photos_complete_each_other() -> None:
    left, right = turned("clara", -32), turned("clara", 32)
    both = apart(Texture.of(left, right).levels[SIDE], good("clara"))
    alone = [apart(Texture.of(one).levels[SIDE], good("clara")) for one in (left, right)]
    assert both < 0.9 * min(alone)


def test_the_best_photo_is_the_base_whatever_the_order() -> None:
    front, aside = portrait("clara"), turned("clara", 35)
    one, other = Texture.of(front, aside), Texture.of(aside, front)
    np.testing.assert_array_equal(one.levels[SIDE], other.levels[SIDE])
    middle = np.zeros((SIDE, SIDE), bool)
    middle[:, SIDE * 2 // 5 : SIDE * 3 // 5] = True
    assert np.abs(one.levels[SIDE].astype(int) - good("clara"))[middle & FACE].mean() < 5


def test_the_neutral_shape_is_between_those_of_the_photos() -> None:
    one, other = portrait("clara"), portrait("marco")
    made, a, b = Texture.of(one, other).shape, neutral(one.face), neutral(other.face)
    share = float(np.vdot(made - a, b - a) / np.vdot(b - a, b - a))
    assert 0.3 < share < 0.7
    np.testing.assert_allclose(made, a + share * (b - a), atol=1e-3)


def test_two_turned_frames_of_a_clip(shared: Path) -> None:
    frames = {}
    capture = cv2.VideoCapture(str(shared / "data/clips/d3.mp4"))
    for number in range(281):
        capture.grab()
        if number in (20, 105, 280):
            frames[number] = examine(capture.retrieve()[1])
    front = Texture.of(frames[105]).levels[SIDE]
    both = apart(Texture.of(frames[20], frames[280]).levels[SIDE], front)
    worst = max(apart(Texture.of(frames[n]).levels[SIDE], front) for n in (20, 280))
    assert both < worst
