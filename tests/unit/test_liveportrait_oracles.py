"""LivePortrait against the outputs of its authors' code, where those lie beside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import liveportrait_files
import numpy as np
import pytest

from visard.engines import load
from visard.engines.cache.cache import Cache
from visard.models.animate.liveportrait.animator import LivePortraitNetwork
from visard.models.animate.liveportrait.controls import Openness, choices
from visard.models.animate.liveportrait.crops import LARGE, Upright, cut, paste_mask, reduced
from visard.models.animate.liveportrait.graphs import GRAPHS
from visard.models.animate.liveportrait.options import LivePortraitOptions

ANGLES = "pitch", "yaw", "roll"
EYES = {5: ([0], [1]), 9: ([0, 1], [2, 3]), 68: ([36, 39], [42, 45]),
        106: ([33, 35, 40, 39], [87, 89, 94, 93]), 203: ([0, 6, 12, 18], [24, 30, 36, 42])}  # fmt: skip
LIPS = {5: [3, 4], 9: [5, 6], 68: [48, 54], 106: [52, 61], 203: [48, 66]}
"""Landmarks of these many that eyes and lips are in the middle of."""


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    if not (shared / "oracles" / "liveportrait").is_dir():
        pytest.skip("needs the outputs of the original programs in shared/oracles/liveportrait")
    return shared / "oracles" / "liveportrait"


def picture(folder: Path, name: str) -> np.ndarray:
    return np.asarray(cv2.imread(str(folder.parent / "inputs" / f"{name}.png")))


# Crops.


@pytest.fixture(scope="module")
def crops(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "crop.npz") as file:
        return dict(file)


def square(crops: dict[str, np.ndarray], count: int, scale: float, down: float) -> Upright:
    points = crops[f"pts{count}"]
    eyes = (points[EYES[count][0]].mean(0) + points[EYES[count][1]].mean(0)) / 2
    return Upright.around(points, eyes, points[LIPS[count]].mean(0), scale, down)


@pytest.mark.parametrize("count", EYES)
def test_squares_are_the_originals(crops: dict[str, np.ndarray], count: int) -> None:
    source = square(crops, count, 2.3, -0.125)
    wanted = {"src": source.matrix(LARGE), "src_norot": source.matrix(LARGE, turned=False),
              "lmk224": square(crops, count, 1.5, -0.1).matrix(224)}  # fmt: skip
    driver = square(crops, count, 2.2, -0.1)
    wanted["drv"] = driver.matrix(LARGE, turned=False)
    for name, matrix in wanted.items():
        np.testing.assert_allclose(matrix, crops[f"pts{count}_{name}_M_o2c"][:2], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose((driver.x, driver.y), crops[f"pts{count}_drv_center"], atol=1e-3)
    assert driver.side == pytest.approx(crops[f"pts{count}_drv_size"][0], abs=1e-3)
    assert driver.angle == pytest.approx(float(crops[f"pts{count}_drv_angle"]), abs=1e-4)


def assert_alike(made: np.ndarray, wanted: np.ndarray) -> None:
    """Compare with an older OpenCV, which rounds otherwise."""
    apart = np.abs(made.astype(int) - wanted)
    assert apart.mean() <= 0.3
    assert apart.max() <= 6


def test_crops_and_what_is_pasted_back_are_the_originals(folder: Path, crops: dict[str, np.ndarray]) -> None:
    portrait = picture(folder, "src_a")[:, :, ::-1].copy()
    matrix = square(crops, 203, 2.3, -0.125).matrix(LARGE)
    crop = cut(portrait, matrix)
    assert_alike(crop[3::8, 5::8], crops["pts203_crop512_s8"])
    assert_alike(reduced(crop)[0], crops["pts203_crop256"])
    driver = square(crops, 203, 2.2, -0.1).matrix(LARGE, turned=False)
    assert_alike(cut(portrait, driver)[3::8, 5::8], crops["drv_crop_s8"])
    five = square(crops, 5, 2.3, -0.125).matrix(LARGE)
    assert_alike(reduced(cut(portrait, five))[0][1::4, 2::4], crops["pts5_crop256"])
    back = cv2.invertAffineTransform(matrix)
    mask = cv2.warpAffine(paste_mask().astype(np.float32) / 255, back, (256, 256))
    assert np.abs(mask[::2, 1::2] - crops["mask_ori_s2"]).mean() < 1e-3


# Networks.


class Case(NamedTuple):
    """The original files and what came of them."""

    files: Path
    told: dict[str, Any]
    data: dict[str, np.ndarray]
    pictures: list[np.ndarray]
    """The portrait, and three drivers, uint8 [1, 256, 256, 3]."""


@pytest.fixture(scope="module")
def case(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    pytest.importorskip("torch", reason="checkpoints are read with PyTorch: the extra 'export'")
    told = json.loads((folder / "liveportrait.json").read_text())
    files = tmp_path_factory.mktemp("liveportrait")
    liveportrait_files.save(files, told["salt"], *liveportrait_files.published(folder))
    with np.load(folder / "liveportrait.npz") as file:
        data = dict(file)
    pictures = [picture(folder, name)[None] for name in (told["source"], *told["driving"])]
    yield Case(files, told, data, pictures)
    for path in files.iterdir():
        path.unlink()


@pytest.fixture(scope="module")
def modules(case: Case) -> Any:
    from visard.models.animate.liveportrait.export import modules

    return modules(case.files)


def tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(np.asarray(array, np.float32))


@pytest.fixture(scope="module")
def state(case: Case, modules: Any) -> tuple[Any, ...]:
    import torch

    with torch.inference_mode():
        return modules[0](torch.from_numpy(case.pictures[0]), tensor(case.data["lip_ratio_source"]))


@pytest.fixture(scope="module")
def motions(case: Case, modules: Any) -> list[Any]:
    """What is seen of the portrait and of each driver: raw, motion, own keypoints."""
    import torch

    from visard.models.animate._torch_layers import to_picture

    extractor = modules[0].extractor
    with torch.inference_mode():
        seen = [to_picture(torch.from_numpy(each)) for each in case.pictures]
        return [(extractor.raw(each), *extractor(each)) for each in seen]


def test_motions_are_the_originals(case: Case, motions: list[Any]) -> None:
    from visard.models.animate.liveportrait.motion import degrees

    for number, (raw, motion, own) in enumerate(motions):
        for name, values in raw.items():
            np.testing.assert_allclose(values[0], case.data[f"M_raw_{name}"][number], atol=1e-4)
        for name in ANGLES:
            np.testing.assert_allclose(degrees(raw[name])[0, 0], case.data[f"deg_{name}"][number], atol=1e-3)
        np.testing.assert_allclose(motion.rotation[0], case.data["R"][number], atol=1e-5)
        np.testing.assert_allclose(motion.applied(own)[0], case.data["x_transformed"][number], atol=1e-5)


def test_features_are_the_originals(case: Case, state: tuple[Any, ...]) -> None:
    np.testing.assert_allclose(state[0][0, ::4, 1::4, 3::8, 5::8], case.data["f_s_sub"], atol=1e-4)
    np.testing.assert_allclose(state[3][0], case.data["x_s"], atol=1e-5)


def test_corrections_are_the_originals(case: Case, modules: Any) -> None:
    import torch

    from visard.models.animate.liveportrait.motion import stitched

    corrections, data = modules[1].driving.corrections, case.data
    source, driver = tensor(data["x_transformed"][:1]), tensor(data["x_transformed"][2:3])
    with torch.inference_mode():
        told = corrections.stitching(source, driver.reshape(1, -1))
        np.testing.assert_allclose(told[0], data["head_stitch_delta65"], atol=1e-5)
        moved = driver + stitched(corrections.stitching, source, driver)
        np.testing.assert_allclose(moved[0], data["head_stitching_result"], atol=1e-5)
        for name, correction in (("eye", corrections.eyes), ("lip", corrections.lips)):
            for number, ratios in enumerate(tensor(data[f"combined_{name}_ratio"])):
                delta = correction.delta(source, ratios)
                np.testing.assert_allclose(delta[0], data[f"head_{name}_delta"][number], atol=1e-5)


def chosen(case: Case, mode: str) -> LivePortraitOptions:
    """Return a mode's settings as our options."""
    flags = case.told["modes"][mode]
    return LivePortraitOptions(
        motion="relative" if flags["flag_relative_motion"] else "absolute",
        animation_region=flags["animation_region"],
        driving_option=flags["driving_option"],
        driving_multiplier=flags["driving_multiplier"],
        stitching=flags["flag_stitching"],
        eye_retargeting=flags["flag_eye_retargeting"],
        lip_retargeting=flags["flag_lip_retargeting"],
        normalize_lip=flags["flag_normalize_lip"],
    )


def opened(case: Case, number: int | None) -> Openness:
    """Return how open the portrait's eyes and lips are, or those of a driver."""
    which, place = ("source", np.s_[0]) if number is None else ("driving", np.s_[number, 0])
    left, right = case.data[f"eye_ratio_{which}"][place]
    return Openness((float(left), float(right)), float(case.data[f"lip_ratio_{which}"][place][0]))


MODES = (
    "cli_default", "pose_friendly", "no_stitch", "absolute", "absolute_no_stitch", "lip_normalized",
    "eye_lip_retarget", "eye_retarget_absolute", "multiplier_1.5", "region_exp", "region_pose", "region_lip",
    "region_eyes",
)  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_driving_keypoints_are_the_originals(
    case: Case, modules: Any, motions: list[Any], state: tuple[Any, ...], mode: str
) -> None:
    import torch

    from visard.models.animate.liveportrait.motion import Motion

    assert set(MODES) == set(case.told["modes"])
    options, source = chosen(case, mode), opened(case, None)
    still = Motion(*state[5:9])
    reference = still if options.motion == "absolute" else motions[1][1]
    for number, driver in enumerate(case.pictures[1:]):
        given = map(torch.from_numpy, choices(options, source, opened(case, number)))
        with torch.inference_mode():
            made, _ = modules[1].driving(
                torch.from_numpy(driver), state[3], state[4], still, state[9], reference, *given
            )
        np.testing.assert_allclose(made[0], case.data[f"final_{mode}"][number], atol=1e-5)


@pytest.mark.parametrize("frame", [1, 2])
def test_pictures_are_the_originals(case: Case, modules: Any, state: tuple[Any, ...], frame: int) -> None:
    import torch

    warping, data = modules[1].warping, case.data
    volume, small, near, posed = state[:4]
    driving = tensor(data["final_cli_default"][frame][None])
    with torch.inference_mode():
        places, shown, share = warping.motion(small, near, posed, driving)
        features = warping(volume, small, near, posed, driving)
        made = modules[1].generator(features)[0].numpy()
    wanted = f"cli_default_f{frame}"
    np.testing.assert_allclose(places[0, 1::3, 2::8, 3::8], data[f"{wanted}_deformation_sub"], atol=1e-4)
    np.testing.assert_allclose(shown[0, 0], data[f"{wanted}_occlusion"], atol=1e-4)
    np.testing.assert_allclose(share[0, :, 1::5, 2::8, 3::8], data[f"{wanted}_mask_sub"], atol=1e-4)
    np.testing.assert_allclose(made[:, 1::4, 2::4], data[f"{wanted}_out_s4"], atol=5e-4)
    if frame == 1:
        np.testing.assert_allclose(made, data["cli_default_f1_out_q16"] / 65535, atol=5e-4)


@pytest.mark.full_size
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_exported_graphs_move_as_the_originals(case: Case, tmp_path: Path, backend: str) -> None:
    from visard.models.animate.liveportrait.export import write

    engines = {}
    for graph in GRAPHS:
        path = tmp_path / f"{graph}.onnx"
        write(case.files, graph, path)
        engines[graph] = load(path, "cpu", "fp32", backend=backend, cache=Cache(tmp_path / "cache"))
        path.unlink()
    source = opened(case, None)
    state = tuple(
        np.array(each) for each in engines["prepare"](case.pictures[0], case.data["lip_ratio_source"])
    )
    network = LivePortraitNetwork(engines["step"], state, source)
    reference = network.reference(case.pictures[1])
    np.testing.assert_allclose(reference[0][0], case.data["R"][1], atol=1e-5)
    made = network.move(case.pictures[2], reference, chosen(case, "cli_default"), opened(case, 1))
    apart = np.abs(made[3::8, 5::8, ::-1].astype(int) - case.data["cli_default_f1_uint8_s8"])
    assert apart.max() <= 1, "only a number next to a whole one may be cut off to the other"
    assert np.count_nonzero(apart) < 0.02 * apart.size
