from dataclasses import replace

import numpy as np
import pytest
from fakes import face_at

from visard.daemon.config.settings import Colour, Settings
from visard.daemon.media.letterbox import letterbox
from visard.daemon.pipeline import colour
from visard.daemon.pipeline.blend import Blender
from visard.daemon.pipeline.view import draw_landmarks, viewed
from visard.models.processor import Patch, Under

FACE = face_at(160, 120, size=100)
NOISE = np.random.default_rng(3).integers(0, 256, (240, 320, 3), np.uint8)


def patch(x=110.0, y=70.0, value=200, mask=255, size=100, turn=0.0, scale=1.0):
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    matrix = np.array([[c, -s, x], [s, c, y]], np.float32)
    image = np.full((size, size, 3), value, np.uint8)
    return Patch(image, np.full((size, size), mask, np.uint8), matrix)


def blend(what, **settings):
    frame = NOISE.copy()
    Blender()(frame, what, FACE, Settings(**settings))
    return frame


def test_a_translation_covers_exactly_its_place():
    out = blend(patch())
    assert (out[70:170, 110:210] == 200).all()
    out[70:170, 110:210] = NOISE[70:170, 110:210]
    assert np.array_equal(out, NOISE)


def test_half_a_mask_mixes_like_arithmetic():
    out = blend(patch(mask=100))[70:170, 110:210].astype(float)
    exact = 200 * 100 / 255 + NOISE[70:170, 110:210] * (155 / 255)
    assert np.abs(out - exact).max() <= 1


def test_what_lies_under_a_patch_takes_the_frames_place_below_it():
    """Where the mask lets something through, that is shown and not the driver's own pixels."""
    what = patch(mask=0)
    what.mask[40:60, 40:60] = 255
    moved = np.full((80, 90, 3), 33, np.uint8)
    out = blend(replace(what, under=Under(moved, 115, 75)))
    expected = NOISE.copy()
    expected[75:155, 115:205] = 33
    expected[110:130, 150:170] = 200
    assert np.array_equal(out, expected)


def test_what_lies_under_a_patch_shows_half_through_half_a_mask():
    out = blend(replace(patch(mask=128), under=Under(np.full((100, 100, 3), 40, np.uint8), 110, 70)))
    assert np.abs(out[70:170, 110:210].astype(float) - (200 * 128 + 40 * 127) / 255).max() <= 1


@pytest.mark.parametrize("place", [(-50, -50), (280, 200), (-50, 200), (280, -50)])
def test_patches_over_the_edge_are_clipped(place):
    out = blend(patch(*place))
    assert 0 < (out != NOISE).any(2).sum() <= 50 * 50


@pytest.mark.parametrize("place", [(-100, 0), (320, 0), (0, 240), (0, -100), (9000, 9000)])
@pytest.mark.parametrize("turn", [0, 0.3])
def test_patches_outside_change_nothing(place, turn):
    what = patch(*place, turn=0)
    if turn:
        what = Patch(what.image, what.mask, what.matrix + np.array([[1e-2, 0, 0], [0, 1e-2, 0]], np.float32))
        what.matrix[:, 2] = np.array(place) * 3
    before = blend(what) if not turn else blend(Patch(what.image, what.mask * 0, what.matrix))
    assert np.array_equal(before, NOISE)


def test_a_turned_and_scaled_patch_lands_where_its_matrix_says():
    what = patch(160, 120, size=41, turn=0.5, scale=1.5)
    what.image[18:23, 18:23] = 0
    x, y = np.round(what.matrix @ (20, 20, 1)).astype(int)
    out = blend(what)
    assert out[y, x].max() < 10
    assert (np.abs(out[y + 14, x].astype(int) - 200) < 3).all()


def test_affine_and_fast_path_agree_on_a_translation():
    fast, turned = patch(110, 70), patch(110, 70)
    turned.matrix[0, 0] += 2e-3
    inside = np.s_[75:165, 115:205]
    assert np.abs(blend(fast)[inside].astype(int) - blend(turned)[inside]).max() <= 1


def test_opacity_and_keep_mouth_let_the_driver_through():
    assert np.array_equal(blend(patch(), opacity=0), NOISE)
    kept = blend(patch(), keep_mouth=True)
    changed = (kept != NOISE).any(2)[70:170, 110:210].mean()
    assert 0.5 < changed < 0.999


def disc():
    what = patch(value=200)
    y, x = np.mgrid[:100, :100]
    what.mask[:] = np.where(np.hypot(x - 50, y - 50) < 35, 255, 30 * (np.hypot(x - 50, y - 50) < 45))
    return what


def share(**settings):
    return float(np.abs(blend(disc(), **settings).astype(int) - NOISE).mean())


def test_grow_and_shrink_move_the_edge():
    assert share(mask_grow=-0.1) < share() < share(mask_grow=0.1)


def test_the_mask_never_grows_beyond_the_content():
    out = blend(disc(), mask_grow=0.3, mask_blur=0.1)
    y, x = np.mgrid[:240, :320]
    outside = np.hypot(x - 160, y - 120) > 48
    assert np.array_equal(out[outside], NOISE[outside])


def test_blur_softens():
    assert share(mask_blur=0.2) < share()


def test_sharpen_raises_contrast_and_leaves_flat_alone():
    assert np.array_equal(blend(patch(), sharpen=1), blend(patch()))
    step = patch()
    step.image[:, 50:] = 100
    assert blend(step, sharpen=1)[120, 150:170].max() > 200


@pytest.mark.parametrize("kind", [Colour.mean_deviation, Colour.covariance, Colour.histogram])
def test_colour_transfer_reaches_the_scene(kind):
    rng = np.random.default_rng(0)
    scene = np.clip(rng.normal((60, 90, 140), (10, 20, 30), (100, 100, 3)), 0, 255).astype(np.uint8)
    ours = np.clip(rng.normal((180, 160, 150), (25, 15, 12), (100, 100, 3)), 0, 255).astype(np.uint8)
    mask = np.full((100, 100), 255, np.uint8)
    colours = colour.fit(kind, ours, scene, mask)
    out = colour.apply(colours, ours, np.empty_like(ours)).astype(float)
    assert np.abs(out.mean((0, 1)) - scene.mean((0, 1))).max() < 4
    weights = np.eye(3) if kind is not Colour.mean_deviation else np.array([[0.114, 0.587, 0.299]])
    assert np.abs((out @ weights.T).std((0, 1)) - (scene @ weights.T).std((0, 1))).max() < 4


def test_colour_transfer_ignores_what_is_outside_the_mask():
    mask = np.zeros((100, 100), np.uint8)
    mask[30:70, 30:70] = 255
    ours, scene = np.full((100, 100, 3), 100, np.uint8), np.zeros((100, 100, 3), np.uint8)
    scene[30:70, 30:70] = 50
    colours = colour.fit(Colour.mean_deviation, ours, scene, mask)
    assert np.abs(colour.apply(colours, ours, np.empty_like(ours)).astype(int) - 50).max() <= 1


def test_too_little_mask_gives_no_colours():
    empty = np.zeros((100, 100), np.uint8)
    assert colour.fit(Colour.covariance, NOISE[:100, :100], NOISE[:100, :100], empty) is None


def test_colours_are_averaged_over_frames_and_can_be_forgotten():
    blender = Blender()
    first, second = (np.full((240, 320, 3), value, np.uint8) for value in (40, 140))
    settings = Settings(colour=Colour.mean_deviation)
    blender(first, patch(), FACE, settings)
    blender(second, patch(), FACE, settings)
    assert second[120, 160, 0] < 80
    blender.forget()
    third = np.full((240, 320, 3), 140, np.uint8)
    blender(third, patch(), FACE, settings)
    assert abs(int(third[120, 160, 0]) - 140) < 4


def test_view_zooms_pans_and_mirrors():
    image = np.zeros((240, 320, 3), np.uint8)
    image[:, :160] = 200
    assert viewed(image, Settings()) is image
    assert viewed(image, Settings(mirror=True))[0, -1, 0] == 200
    left = viewed(image, Settings(zoom=2, pan_x=-1))
    assert left.shape == image.shape
    assert (left == 200).all()
    assert (viewed(image, Settings(zoom=2, pan_x=1)) == 0).all()


def test_landmarks_outside_the_picture_are_left_out():
    image = np.zeros((240, 320, 3), np.uint8)
    face = face_at(0, 0)
    face.landmarks[3] = np.nan
    draw_landmarks(image, (face,))
    assert 0 < image.any(2).sum() < 478 * 4


@pytest.mark.parametrize("size", [(100, 100), (640, 100), (10, 400), (1, 1)])
def test_letterbox_keeps_the_shape(size):
    out = letterbox(np.full((size[1], size[0], 3), 255, np.uint8), 320, 240)
    assert out.shape == (240, 320, 3)
    rows, columns = out[..., 0].any(1).sum(), out[..., 0].any(0).sum()
    assert rows == 240 or columns == 320
    assert abs(columns / rows - size[0] / size[1]) < 0.2 * size[0] / size[1]
