"""Light taken from a driver: no beard, no step and no slipped feature is in it; what is light is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from people import driver

from visard.models.face import Face, Image
from visard.models.geometry.canonical import BROW_LEFT, BROW_RIGHT
from visard.models.geometry.pose import fit_pose
from visard.models.geometry.uv import edge_distance, polygons, texels
from visard.models.swap.mesh.beard import beard, beard_area, driver_skin
from visard.models.swap.mesh.creases import Creases
from visard.models.swap.mesh.light import SIDE, Relight
from visard.models.swap.mesh.repair import MASK_SIDE, without_hair

SKIN = np.array([120.0, 150.0, 200.0])
OWN = np.full((SIDE, SIDE, 3), (110, 140, 190), np.uint8)
DEPTH = edge_distance(SIDE)
BEARD = beard_area(SIDE) > 0.9
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] / SIDE


def shaded(logs: np.ndarray) -> Image:
    """Plain skin in a light given as natural logarithms, [side, side]."""
    return np.asarray(np.clip(SKIN * np.exp(logs)[..., None], 0, 255), np.uint8)


def light(scene: Image, own: Image = OWN) -> np.ndarray:
    """The gains that a driver gives, natural logarithms, [SIDE, SIDE, 3]."""
    skin = driver_skin(scene, None)
    return np.log(Relight(own)(scene, skin, None, beard(skin.off(scene))))


def stubble(side: int, darkness: float) -> np.ndarray:
    """A beard of this mean darkness with its grain, natural logarithms, [side, side]."""
    grain = np.random.default_rng(0).uniform(0.6, 1.4, (side, side))
    return -darkness * beard_area(side) * grain


@pytest.mark.parametrize("darkness", [0.35, 0.8, 1.4])
def test_a_beard_does_not_darken_the_light(darkness: float) -> None:
    bare = light(shaded(np.zeros((SIDE, SIDE))))
    bearded = light(shaded(stubble(SIDE, darkness)))
    inner = DEPTH > 0.12
    assert np.abs(bearded - bare)[inner].max() < 0.15
    assert np.abs(bearded - bare)[inner & ~BEARD].mean() < 0.07


def test_the_darkness_of_a_beard_fades_in_along_the_jaw() -> None:
    change = light(shaded(stubble(SIDE, 0.6))) - light(shaded(np.zeros((SIDE, SIDE))))
    chin = change[:, SIDE // 2].mean(-1)[DEPTH[:, SIDE // 2] > 0][-6:]
    assert chin[-1] < -0.3
    assert (np.diff(chin) < 0.01).all()
    assert np.abs(np.diff(chin)).max() < 0.35


@pytest.mark.parametrize("slope", [-0.5, 0.5])
def test_light_from_a_side_or_below_is_followed(slope: float) -> None:
    for across in (COLUMNS, ROWS):
        gains = light(shaded(slope * (across - 0.5))).mean(-1)
        inner = DEPTH > 0.12
        kept = np.polyfit(across[inner], gains[inner], 1)[0] / slope
        assert 0.4 < kept < 1.1


def test_skin_without_a_beard_has_none() -> None:
    scene = shaded(0.5 * (ROWS - 0.5) ** 2 - 0.4 * COLUMNS)
    assert beard(driver_skin(scene, None).off(scene))[DEPTH > 0].max() < 0.1


@pytest.mark.parametrize("darker", [0.2, 0.4])
def test_no_step_shows_between_brows_and_hair(darker: float) -> None:
    """The driver's forehead is darker than the rest of the face, the persona's is not."""
    brows = texels(SIDE)[[105, 334], 1].mean() / SIDE
    scene = shaded(-darker * np.clip((brows - ROWS) / 0.25, 0, 1))
    gains = light(scene)
    column = gains[:, SIDE // 2].mean(-1)[DEPTH[:, SIDE // 2] > 0.01]
    assert np.abs(np.diff(column)).max() < 0.3 * darker
    top = (DEPTH > 0) & (DEPTH < 0.04) & (brows - 0.1 > ROWS)
    assert np.abs(np.exp(gains) * OWN / scene - 1)[top].max() < 0.12


def test_a_tinted_side_tints_that_side() -> None:
    """Red light from the right reaches the persona's right and not the left."""
    red = np.clip((COLUMNS - 0.5) * 2, 0, 1)[..., None] * np.array([-0.5, -0.4, 0.1])
    scene = np.asarray(np.clip(SKIN * np.exp(red), 0, 255), np.uint8)
    gains = light(scene)
    tint = gains[..., 2] - gains[..., 0]
    left, right = (float(tint[y, x]) for x, y in texels(SIDE)[[50, 280]].round().astype(int))
    assert right - left > 0.12
    left, right = (float(tint[y, x]) for x, y in texels(SIDE)[[234, 454]].round().astype(int))
    assert right - left > 0.3


# Creases


@pytest.fixture(scope="module")
def calm() -> Face:
    """A driver's face with an expression that says calm."""
    _, face = driver(40)[0]
    return replace(face, blendshapes=np.zeros_like(face.blendshapes))


def brows(slipped: float) -> np.ndarray:
    """Dark brows on skin, moved down by so many texels, natural logarithms, [96, 96]."""
    drawn = cv2.GaussianBlur(polygons(MASK_SIDE, [BROW_LEFT, BROW_RIGHT]).astype(np.float32) / 255, (0, 0), 1)
    move = np.array([[1, 0, 0], [0, 1, slipped]], np.float32)
    return -0.8 * cv2.warpAffine(drawn, move, (MASK_SIDE, MASK_SIDE))


def creased(face: Face, then: np.ndarray) -> np.ndarray:
    """What is put on when a calm driver's shading becomes ``then``."""
    creases, bare = Creases(), np.ones((MASK_SIDE, MASK_SIDE), np.float32)
    for _ in range(10):
        creases(brows(0), bare, face, fit_pose(face.landmarks))
    for _ in range(8):
        change = creases(then, bare, face, fit_pose(face.landmarks))
    return change


def test_brows_that_slip_over_the_mesh_are_no_crease(calm: Face) -> None:
    assert np.abs(creased(calm, brows(0.5))).max() < 0.02


def test_a_frown_is_one(calm: Face) -> None:
    x, y = texels(MASK_SIDE)[9].round().astype(int)
    frown = brows(0)
    frown[y - 5 : y + 4, x - 1 : x + 2] -= 0.5
    assert creased(calm, frown)[y - 4 : y + 3, x].min() < -0.15


# The persona's own forehead


def test_a_forehead_painted_over_a_fringe_meets_the_skin_below_it() -> None:
    side = 512
    edge = int(texels(side)[[105, 334], 1].mean() - 0.03 * side)
    rows = np.arange(side, dtype=np.float32)[:, None, None]
    lit = SKIN * np.exp(0.25 * np.exp(-(((rows - edge) / 60) ** 2)))  # lightest just below the fringe
    picture = np.broadcast_to(lit, (side, side, 3)).copy()
    picture[:edge] = (50, 75, 110)
    bare = without_hair(np.asarray(np.clip(picture, 0, 255), np.uint8)).astype(float)
    middle = bare[:, side // 2 - 60 : side // 2 + 60].mean((1, 2))
    below, above = middle[edge + 14 : edge + 24].mean(), middle[edge - 60 : edge - 16].mean()
    assert above == pytest.approx(below, rel=0.11)
