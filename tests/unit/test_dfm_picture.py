"""What surrounds the network of a trained face: the crop, its colours, masks, and the options."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from visard.models import align
from visard.models.swap.dfm import crop_steps as picture
from visard.models.swap.dfm.options import DfmOptions
from visard.models.swap.dfm.swapper import Swapped, crop_matrix, merge_mask, merge_matrix


def crop(side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def test_sharpening_changes_edges_alone() -> None:
    image = np.full((40, 40, 3), 80, np.uint8)
    image[:, 20:] = 160
    sharp = picture.sharpen(image, 1.0)
    assert sharp[20, 18:22, 0].tolist() == sorted(sharp[20, 18:22, 0].tolist(), key=lambda v: v > 100)
    assert sharp[20, 19, 0] < 80
    assert sharp[20, 20, 0] > 160
    assert np.abs(sharp[:, :10].astype(int) - 80).max() <= 1
    assert picture.sharpen(image, 0) is image


@pytest.mark.parametrize("channel", range(3))
def test_gamma_moves_the_channel_it_names(channel: int) -> None:
    image, powers = crop(32), [1.0, 1.0, 1.0]
    powers[channel] = 2.0
    made = picture.gamma(image, *powers)
    wanted = np.floor(np.sqrt(image[..., channel] / 255) * 255)
    assert np.abs(made[..., channel] - wanted).max() <= 1
    rest = [c for c in range(3) if c != channel]
    np.testing.assert_array_equal(made[..., rest], image[..., rest])


@pytest.mark.parametrize(
    ("erode", "blur"), [(5, 25), (0, 0), (1, 0), (-1, 0), (-20, 60), (40, 0), (400, 400)]
)
def test_masks_shrink_grow_and_soften(erode: int, blur: int) -> None:
    """As on a canvas three times as large, in exact numbers."""
    mask = np.zeros((96, 96), np.uint8)
    mask[:60, 20:70] = 255
    canvas = np.zeros((288, 288), np.float32)
    canvas[96:192, 96:192] = mask / 255
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for _ in range(max(1, abs(erode) // 2) if erode else 0):
        canvas = (cv2.erode if erode > 0 else cv2.dilate)(canvas, cross)
    if blur:
        inner, rim = np.zeros_like(canvas), blur // 2
        part = slice(96 + rim, max(192 - rim, 96 + rim))
        inner[part, part] = canvas[part, part]
        canvas = cv2.GaussianBlur(inner, (0, 0), blur / 4)
    assert np.abs(picture.soften(mask, erode, blur) / 255 - canvas[96:192, 96:192]).max() < 0.02


def test_the_mask_after_erode_and_blur_is_deepfacelives(repository: Path) -> None:
    with np.load(repository / "tests" / "data" / "dfm.npz") as data:
        masks = data["merge.align_mask_u8"], data["merge.swap_mask_u8"]
        wanted = data["merge.mask_after_erode_blur_f16"].astype(np.float32)
        hull = np.unpackbits(data["drv_a0.hull_mask_packed"]).reshape(224, 224) * 255
        points = align.apply(data["drv_a0.align.default.mat"], data["drv_a0.landmarks468"])
    swapped = Swapped(masks[0], crop(224), masks[1])
    made = merge_mask(swapped, points, DfmOptions())
    assert np.abs(made / 255 - wanted).max() < 0.02
    assert np.abs(made / 255 - wanted).mean() < 0.002
    only = DfmOptions(mask_source=False, mask_celeb=False, mask_landmarks=True, erode=0, blur=0)
    np.testing.assert_array_equal(merge_mask(swapped, points, only), hull)


def test_masks_become_one() -> None:
    a, b = np.full((8, 8), 128, np.uint8), np.full((8, 8), 200, np.uint8)
    swapped, points = Swapped(a, crop(8), b), np.array([[1, 1], [6, 1], [6, 6.0]])
    plain = {"erode": 0, "blur": 0}

    def made(**options: Any) -> np.ndarray:
        return merge_mask(swapped, points, DfmOptions(**plain, **options))

    assert (made() == 100).all()
    assert (made(mask_mode="minimum") == 128).all()
    assert (made(mask_source=False) == 200).all()
    assert (made(mask_celeb=False) == 128).all()
    assert (made(mask_source=False, mask_celeb=False) == 255).all()
    with_hull = made(mask_landmarks=True)
    assert with_hull[2, 5] == 100
    assert with_hull[7, 0] == 0


def test_what_a_mask_shows() -> None:
    mask = np.zeros((40, 50), np.uint8)
    assert picture.shown(mask) == ((slice(0, 1), slice(0, 1)), (0, 0))
    mask[10:20, 2:30] = 7
    part, corner = picture.shown(mask)
    assert corner == (0, 6)
    assert mask[part].shape == (18, 34)
    assert mask[part].sum() == mask.sum()


def test_colours_become_the_scenes() -> None:
    rng, mask = np.random.default_rng(2), np.full((64, 64), 255, np.uint8)
    image = rng.normal((90, 110, 160), 12, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    scene = rng.normal((120, 90, 80), 20, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    lab = [
        cv2.cvtColor(each.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
        for each in (picture.transfer(image, scene, mask, mask.size), scene)
    ]
    np.testing.assert_allclose(*(each.mean((0, 1)) for each in lab), atol=1)
    np.testing.assert_allclose(*(each.std((0, 1)) for each in lab), atol=1)


def test_what_the_mask_hides_counts_as_black_in_both() -> None:
    image, scene, mask = crop(32, 1), crop(32, 2), np.zeros((32, 32), np.uint8)
    mask[:16] = 255
    image2, scene2 = image.copy(), scene.copy()
    image2[16:], scene2[16:] = 0, 0
    whole = picture.transfer(image2, scene2, np.full_like(mask, 255), mask.size)
    np.testing.assert_allclose(picture.transfer(image, scene, mask, mask.size)[:16], whole[:16], atol=1)
    upper = picture.transfer(image[:16], scene[:16], mask[:16], mask.size)
    np.testing.assert_allclose(upper, whole[:16], atol=1)
    assert picture.transfer(image, scene, np.zeros_like(mask), mask.size) is image


def test_options_are_those_of_the_field() -> None:
    options = DfmOptions()
    assert options.face_type == "whole_face"
    assert (options.resolution, options.morph_factor, options.erode, options.blur) == (224, 0.75, 5, 25)
    assert all(field.description for field in DfmOptions.model_fields.values())
    bounds = {"x_offset": (-10, 10), "y_offset": (-10, 10), "coverage": (0.1, 8), "resolution": (16, 1024),
              "morph_factor": (0, 1), "presharpen": (0, 10), "pre_gamma_red": (0.01, 4),
              "post_gamma_blue": (0.01, 4), "face_x_offset": (-0.5, 0.5), "face_y_offset": (-0.5, 0.5),
              "face_scale": (0.5, 1.5), "erode": (-400, 400), "blur": (0, 400)}  # fmt: skip
    for name, (low, high) in bounds.items():
        for value in (low, high):
            assert getattr(DfmOptions(**{name: value}), name) == value
        for value in (low - 16, high + 16):
            with pytest.raises(ValidationError):
                DfmOptions(**{name: value})
    for wrong in ({"resolution": 225}, {"nothing": 1}, {"face_type": "ear"}):
        with pytest.raises(ValidationError):
            DfmOptions(**wrong)


@pytest.mark.parametrize(
    ("options", "coverage", "down"),
    [
        ({}, 2.2, -0.08),
        ({"face_type": "half"}, 1.0, 0),
        ({"face_type": "mid_full"}, 1.191, 0),
        ({"face_type": "full"}, 1.597, 0),
        ({"face_type": "head"}, 2.980, -0.5),
        ({"face_type": "head", "head_mode": True}, 2.980, -0.5),
        ({"head_mode": True}, 3.2, -0.58),
        ({"coverage": 1.6, "y_offset": 0.1}, 1.6, 0.02),
    ],
)
def test_face_types(options: dict[str, Any], coverage: float, down: float) -> None:
    """The crop's side in the frame, and where the middle of the mean face lies in it."""
    landmarks = frontal()
    matrix = crop_matrix(landmarks, DfmOptions(**options))
    square = align.similarity(
        landmarks[align.still_points().nonzero()[0], :2], align.mean_face()[align.still_points()]
    )
    ratio = np.linalg.det(square[:, :2]) / np.linalg.det(matrix[:, :2])
    assert 224 * np.sqrt(ratio) == pytest.approx(coverage, rel=1e-3)
    middle = align.apply(align.invert(square), np.array([[0.5, 0.5]]))
    assert align.apply(matrix, middle)[0, 1] == pytest.approx(112 - down * 224 / coverage, abs=0.2)


def frontal() -> np.ndarray:
    """A head seen from the front, 478 landmarks."""
    from visard.models.geometry.pose import canonical_upright

    points = canonical_upright() * 10 + np.array([300, 250, 0], np.float32)
    return np.concatenate([points, np.repeat(points[:1], 10, 0)]).astype(np.float32)


def test_the_result_moves_and_grows_about_its_middle() -> None:
    matrix = np.array([[2.0, 0, -30], [0, 2, -50]])
    back = merge_matrix(matrix, DfmOptions())
    np.testing.assert_allclose(back, align.invert(matrix))
    changed = merge_matrix(matrix, DfmOptions(face_x_offset=0.25, face_y_offset=-0.5, face_scale=1.5))
    middle = np.array([[112.0, 112.0]])
    apart = align.apply(changed, middle) - align.apply(back, middle)
    np.testing.assert_allclose(apart, [[0.25 * 112, -0.5 * 112]])
    np.testing.assert_allclose(changed[:, :2], back[:, :2] * 1.5)
