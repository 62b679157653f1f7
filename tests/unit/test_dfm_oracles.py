"""Trained faces against the outputs of DeepFaceLab's and DeepFaceLive's own code, where those lie beside."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from visard.daemon.config.settings import Settings
from visard.daemon.pipeline.blend import Blender
from visard.engines import load
from visard.engines.cache.cache import Cache
from visard.engines.errors import ModelRefused
from visard.models import align
from visard.models.face import Face
from visard.models.processor import Patch
from visard.models.swap.dfm import crop_steps as picture
from visard.models.swap.dfm import inspect
from visard.models.swap.dfm.onnx_file import convert
from visard.models.swap.dfm.options import DfmOptions
from visard.models.swap.dfm.swapper import FLAGS, DfmNetwork, Swapped, inputs, merge_mask, merge_matrix

MODELS = "amp_96", "amp_96_quantized", "saehd_df-ud_64", "saehd_liae-udt_96", "saehd_liae-udt_96_quantized"
SAEHD = [name for name in MODELS if name.startswith("saehd")]
AMP = [name for name in MODELS if name.startswith("amp")]
MORPHS = 0.0, 0.1, 0.3, 0.5, 0.7, 0.75, 0.999, 1.0
SHOWN = np.s_[::2, 1::2]
NAMES = {
    "face_mask_source": "mask_source", "face_mask_celeb": "mask_celeb", "face_mask_lmrks": "mask_landmarks",
    "face_mask_erode": "erode", "face_mask_blur": "blur", "color_transfer": "colour_transfer",
}  # fmt: skip
ELSEWHERE = "device", "color_compression", "face_opacity"
"""Settings that are not this swapper's."""

Data = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    if not (shared / "oracles" / "dfm").is_dir():
        pytest.skip("needs the outputs of the original programs in shared/oracles/dfm")
    return shared / "oracles" / "dfm"


@pytest.fixture(scope="module")
def data(folder: Path) -> Data:
    with np.load(folder / "dfm.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def cases(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "dfm.json").read_text())


@pytest.fixture(scope="module", params=["onnxruntime", "openvino"])
def network(request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return an engine by the name of a model."""
    place, opened = tmp_path_factory.mktemp("rewritten"), {}

    def get(name: str):
        if name not in opened:
            path = place / f"{name}.onnx"
            path.write_bytes(convert(folder / f"{name}.dfm").SerializeToString())
            opened[name] = load(path, "cpu", "fp32", backend=request.param, cache=Cache(place / "cache"))
        return opened[name]

    return get


def assert_near(made: np.ndarray, wanted: np.ndarray, most: float, mean: float | None = None) -> None:
    apart = np.abs(made.astype(np.float64) - wanted)
    assert made.shape == wanted.shape
    assert apart.max() <= most
    assert mean is None or apart.mean() <= mean


def assert_numbers(name: str, made: np.ndarray, wanted: np.ndarray) -> None:
    if name.endswith("_quantized"):
        assert_near(made, wanted, 4e-3, 2e-4)
    else:
        assert_near(made, wanted, 2e-5)


@pytest.mark.parametrize("name", SAEHD)
def test_networks_of_one_identity(network: Any, data: Data, name: str) -> None:
    for number, crop in enumerate(data[f"{name}/in_face_u8"]):
        made = [output.copy() for output in network(name)(*inputs(crop, crop.shape[0], 0, 0.0))]
        for output, part in zip(made, ("face_mask", "celeb_face", "celeb_face_mask"), strict=True):
            assert_numbers(name, output[0], data[f"{name}/out_{part}"][number])


@pytest.mark.parametrize("morph", MORPHS)
@pytest.mark.parametrize("name", AMP)
def test_networks_that_morph(network: Any, data: Data, name: str, morph: float) -> None:
    crop = data[f"{name}/in_face_u8"][0]
    own, image, mask = network(name)(*inputs(crop, 96, 40, morph))
    assert_numbers(name, own, data[f"{name}/out_face_mask"])
    for output, part in ((image, "celeb_face"), (mask, "celeb_face_mask")):
        assert_numbers(name, output[:, ::2, 1::2], data[f"{name}/morph_{morph}/out_{part}"])


@pytest.mark.parametrize("name", ["amp_96", "saehd_liae-udt_96"])
def test_quantized_files_are_near_the_others(network: Any, data: Data, name: str) -> None:
    crop = data[f"{name}/in_face_u8"][0]
    given = inputs(crop, 96, 40 if name in AMP else 0, 0.75)
    exact = [output.copy() for output in network(name)(*given)]
    for made, wanted in zip(network(f"{name}_quantized")(*given), exact, strict=True):
        assert_near(made, wanted, 4e-3, 2.5e-4)  # those of amp_96 that were written down are 2.3e-4 apart


@pytest.mark.parametrize("two_pass", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_a_crop_of_another_size(network: Any, data: Data, name: str, two_pass: bool) -> None:
    made = DfmNetwork(network(name))(data["wrapper_crop_u8"], 0.75, two_pass=two_pass)
    part = f"{name}/wrapper/" + ("two_pass_" if two_pass else "")
    for output, wanted in (
        (made.image, data[f"{part}celeb_u8"]),
        (made.celeb_mask, data[f"{part}celeb_mask_u8"][..., 0]),
        (made.source_mask, data[f"{name}/wrapper/face_mask_u8"][..., 0]),
    ):
        assert_near(output[SHOWN], wanted, 6, 0.3)


def test_before_the_network(data: Data) -> None:
    crop = data["wrapper_crop_u8"]
    for power in (0.5, 3.0):
        assert_near(picture.sharpen(crop, power)[SHOWN], data[f"sharpen_{power}"], 6, 0.3)
    made = picture.gamma(crop, blue=1.5, green=0.8, red=1.2)
    assert_near(made[SHOWN], data["gamma_r1.2_g0.8_b1.5"], 6, 0.3)


@pytest.mark.parametrize("case", ["default", "all_points", "cov1.6_off", "head_mode_yaw0.3", "freeze_z"])
@pytest.mark.parametrize("face", ["drv_a0", "drv_b1", "drv_a2", "src_a"])
def test_alignment(data: Data, cases: dict[str, Any], face: str, case: str) -> None:
    how, landmarks = cases["align_cases"][case], data[f"{face}/landmarks468"]
    aside = how.get("x_offset", 0.0) + align.behind_the_face(how.get("head_yaw", 0.0))
    made = align.align(
        landmarks,
        how["output_size"],
        coverage=how["coverage"],
        offset=(aside, how["y_offset"]),
        still=how["exclude_moving_parts"],
        upright=how.get("freeze_z_rotation", False),
    )
    apart = align.apply(made, landmarks) - align.apply(data[f"{face}/align/{case}/mat"], landmarks)
    if case == "default":  # our own choice of the points that do not move
        assert np.sqrt((apart**2).sum(1).mean()) < 1.1
    else:
        assert np.abs(apart).max() < 1e-3


def test_the_crop(folder: Path, data: Data) -> None:
    frame = cv2.imread(str(folder.parent / "inputs" / "drv_a0.png"))
    made = align.crop(frame, data["drv_a0/align/default/mat"].astype(np.float64), 224)
    assert_near(made, data["drv_a0/align/default/crop"], 6, 0.3)


@pytest.mark.parametrize(
    "case",
    [
        "default",
        "no_color_transfer",
        "erode-20_blur60",
        "erode40_blur0_lmrks",
        "lanczos_shift_scale_opacity",
        "no_masks",
    ],
)
def test_merging(folder: Path, data: Data, cases: dict[str, Any], case: str) -> None:
    how = {**cases["merge_defaults"], **cases["merge_cases"][case]}
    options = DfmOptions(**{NAMES.get(k, k): v for k, v in how.items() if k not in ELSEWHERE})
    frame = cv2.imread(str(folder.parent / "inputs" / "drv_a0.png"))
    matrix = data["drv_a0/align/default/mat"].astype(np.float64)
    landmarks = data["drv_a0/landmarks468"]
    swapped = Swapped(
        data["merge/align_mask_u8"][..., 0], data["merge/swap_u8"], data["merge/swap_mask_u8"][..., 0]
    )
    mask = merge_mask(swapped, align.apply(matrix, landmarks), options)
    image = swapped.image
    if options.colour_transfer == "rct":
        image = picture.transfer(image, data["drv_a0/align/default/crop"], mask, mask.size)
    back = merge_matrix(matrix, options)
    np.testing.assert_allclose(back, data[f"merge/{case}/mat"], atol=1e-3)
    patch = Patch(image, mask, back.astype(np.float32), interpolation=FLAGS[options.interpolation])
    face = Face(1, np.pad(landmarks, ((0, 10), (0, 1))), np.zeros(52, np.float32))
    result = frame.copy()
    Blender()(result, patch, face, Settings(colour="scene", opacity=how["face_opacity"]))
    made, wanted = compressed(result / 255, how["color_compression"]), data[f"merge/{case}/result_f16"]
    apart = np.abs((made if wanted.shape == made.shape else made[SHOWN]) - wanted)
    if options.interpolation == "lanczos4":
        # It overshoots next to hard edges. We cut that off before blending, DeepFaceLive afterwards.
        wide = cv2.warpAffine(image.astype(np.float32), back, (256, 256), flags=cv2.INTER_LANCZOS4)
        apart[((wide < 0) | (wide > 255))[SHOWN]] = 0
    assert apart.max() <= 2e-2
    assert apart.mean() <= 2e-3


def compressed(picture_: np.ndarray, strength: float) -> np.ndarray:
    """Fewer colours, as DeepFaceLive gives the whole frame; we do not."""
    steps = max(4, 127 - strength)
    return picture_ if strength == 0 else np.floor(steps * picture_) / steps + 2 / steps


REFUSED = {
    "inswapper_shaped.dfm": "is not a DFM: found inputs target [1,3,128,128], source [1,512] and outputs",
    "nchw.dfm": "is not a DFM: found inputs in_face:0 [N,3,64,64] and outputs",
    "not_onnx.dfm": "is not an ONNX file",
    "not_square.dfm": "is not a DFM: found inputs in_face:0 [N,64,96,3] and outputs",
    "three_inputs.dfm": "in_face:0 [N,64,64,3], morph_value:0 [1], extra:0 [1] and outputs",
    "truncated.dfm": "is truncated, 20000 of at least 1351513 bytes",
    "xseg_like.onnx": "found inputs in_face:0 [N,256,256,3] and outputs out_mask:0",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ModelRefused) as refused:
        inspect(folder / "refuse" / name)
    text = str(refused.value)
    assert text.startswith(f"{name} is ")
    assert REFUSED[name] in text
    assert ("expected are in_face [N,R,R,3]" in text) == ("not a DFM" in text)
    assert {path.name for path in (folder / "refuse").iterdir()} == set(REFUSED)
