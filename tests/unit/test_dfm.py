"""Trained faces: reading and rewriting files, what surrounds the network, and a face that runs."""

from pathlib import Path
from typing import Any

import cv2
import dfm_files
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from people import driver, moved, shown
from pydantic import ValidationError

from visard.engines.errors import EngineError, ModelRefused
from visard.models import align
from visard.models.processor import Material, ProcessorFailed, Report, find_processor
from visard.models.swap.dfm import DfmInfo, inspect, picture
from visard.models.swap.dfm.graph import convert
from visard.models.swap.dfm.morph import MASK, morph_mask
from visard.models.swap.dfm.options import DfmOptions
from visard.models.swap.dfm.swapper import Swapped, crop_matrix, inputs, merge_mask, merge_matrix

ARCHIS: list[dict[str, bool]] = [{}, {"d": True}, {"c": True}, {"c": True, "d": True}, {"quantized": True}]
MORPHS = [0.0, 0.1, 0.3, 0.7, 0.75, 0.999, 1.0]
Session = onnxruntime.InferenceSession


def crop(side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def session(model: Path | onnx.ModelProto) -> Session:
    content = model.read_bytes() if isinstance(model, Path) else model.SerializeToString()
    return Session(content, providers=["CPUExecutionProvider"])


def run(network: Session, *arrays: np.ndarray) -> list[Any]:
    return network.run(None, {port.name: a for port, a in zip(network.get_inputs(), arrays, strict=True)})


# Files


@pytest.mark.parametrize("archi", ARCHIS, ids=str)
@pytest.mark.parametrize("side", [48, 64, 96])
def test_a_model_computes_what_its_file_does(tmp_path: Path, side: int, archi: dict[str, bool]) -> None:
    path = dfm_files.saehd(tmp_path / "a.dfm", side, **archi)
    assert inspect(path) == DfmInfo(side, morphable=False)
    given = inputs(crop(side), side, 0, 0.0)
    for made, wanted in zip(run(session(convert(path)), *given), run(session(path), *given), strict=True):
        np.testing.assert_allclose(made, wanted, atol=2e-5)


@pytest.mark.parametrize("archi", ARCHIS, ids=str)
@pytest.mark.parametrize("channels", [20, 37])
def test_a_mask_morphs_as_the_split_does(tmp_path: Path, channels: int, archi: dict[str, bool]) -> None:
    path = dfm_files.amp(tmp_path / "a.dfm", 64, channels, **archi)
    assert inspect(path) == DfmInfo(64, morphable=True)
    before, after = session(path), session(convert(path))
    seen = []
    for morph in MORPHS:
        picture_, mask = inputs(crop(64), 64, channels, morph)
        wanted = run(before, picture_, np.array([morph], np.float32))
        for made, want in zip(run(after, picture_, mask), wanted, strict=True):
            np.testing.assert_allclose(made, want, atol=2e-5)
        seen.append(wanted[1])
    assert np.abs(seen[0] - seen[-1]).max() > 1e-3, "the morph has to show"


@pytest.mark.parametrize("write", [dfm_files.saehd, dfm_files.amp])
def test_all_shapes_are_fixed_and_nothing_is_left_over(tmp_path: Path, write: Any) -> None:
    model = convert(write(tmp_path / "a.dfm", d=True))
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model).graph
    for value in [*inferred.value_info, *inferred.input, *inferred.output]:
        assert all(dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim), value.name
    assert len(inferred.value_info) >= len(inferred.node) - len(inferred.output)
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used
    assert "Slice" not in {node.op_type for node in model.graph.node}


def test_the_mask_of_a_morph() -> None:
    assert morph_mask(40, 0.75).ravel().tolist() == [1.0] * 30 + [0.0] * 10
    assert morph_mask(40, 0.999).sum() == 39
    assert morph_mask(40, 1.0).all()
    assert not morph_mask(40, 0.0).any()
    assert morph_mask(1024, 0.1).shape == (1, 1024, 1, 1)


def test_a_morph_of_another_kind_is_refused(tmp_path: Path) -> None:
    wanted = r"a\.dfm uses morph_value in a way that is not known here; expected is a split of two tensors"
    with pytest.raises(ModelRefused, match=wanted):
        convert(dfm_files.scaled_by_morph(tmp_path / "a.dfm"))
    with pytest.raises(ModelRefused, match=wanted):
        convert(dfm_files.amp(tmp_path / "a.dfm", count=dfm_files.rounded_up))


FACE: dict[str, dfm_files.Shape] = {"in_face:0": ("N", 64, 64, 3)}
MADE: dict[str, dfm_files.Shape] = {
    "out_face_mask:0": ("N", 64, 64, 1),
    "out_celeb_face:0": ("N", 64, 64, 3),
    "out_celeb_face_mask:0": ("N", 64, 64, 1),
}
EXPECTED = (
    "; expected are in_face [N,R,R,3], for AMP models also morph_value [1], and three outputs: "
    "masks [N,R,R,1] first and third, the face [N,R,R,3] second, all float32"
)
WRONG = [
    ({"target": (1, 3, 128, 128), "source": (1, 512)}, {"output": (1, 3, 128, 128)},
     "inputs target [1,3,128,128], source [1,512] and outputs output [1,3,128,128]"),
    ({"in_face:0": ("N", 3, 64, 64)}, MADE, "inputs in_face:0 [N,3,64,64] and outputs "),
    ({"in_face:0": ("N", 64, 96, 3)}, MADE, "inputs in_face:0 [N,64,96,3] and outputs "),
    ({"in_face:0": ("N", "h", "w", 3)}, MADE, "inputs in_face:0 [N,N,N,3] and outputs "),
    ({"picture": ("N", 64, 64, 3)}, MADE, "inputs picture [N,64,64,3] and outputs "),
    ({**FACE, "morph_value:0": (1,), "extra:0": (1,)}, MADE,
     "inputs in_face:0 [N,64,64,3], morph_value:0 [1], extra:0 [1] and outputs "),
    ({**FACE, "other": (1,)}, MADE, "inputs in_face:0 [N,64,64,3], other [1] and outputs "),
    ({**FACE, "morph_value:0": (2,)}, MADE, "inputs in_face:0 [N,64,64,3], morph_value:0 [2] and outputs "),
    (FACE, {"out_mask:0": ("N", 64, 64, 1)},
     "inputs in_face:0 [N,64,64,3] and outputs out_mask:0 [N,64,64,1]"),
    (FACE, {**MADE, "more": (1,)},
     "outputs out_face_mask:0 [N,64,64,1], out_celeb_face:0 [N,64,64,3], "
     "out_celeb_face_mask:0 [N,64,64,1], more [1]"),
    (FACE, {**MADE, "out_celeb_face:0": ("N", 32, 32, 3)}, ", out_celeb_face:0 [N,32,32,3], "),
]  # fmt: skip


@pytest.mark.parametrize(("came", "go", "found"), WRONG)
def test_other_networks_are_refused(tmp_path: Path, came: Any, go: Any, found: str) -> None:
    path = dfm_files.stub(tmp_path / "a.dfm", came, go)
    for read in (inspect, convert):
        with pytest.raises(ModelRefused) as refused:
            read(path)
        assert str(refused.value).startswith("a.dfm is not a DFM: found inputs ")
        assert found in str(refused.value)
        assert str(refused.value).endswith(EXPECTED)


def test_other_numbers_are_refused(tmp_path: Path) -> None:
    path = dfm_files.stub(tmp_path / "a.dfm", FACE, MADE, TensorProto.FLOAT16)
    with pytest.raises(ModelRefused, match=r"found inputs in_face:0 \[N,64,64,3\] float16 and"):
        inspect(path)


def test_names_of_outputs_do_not_count_and_open_sizes_are_taken(tmp_path: Path) -> None:
    go = {"a": ("N", "h", 64, 1), "b": ("N", 64, 64, 3), "c": ("N", 64, 64, 1)}
    assert inspect(dfm_files.stub(tmp_path / "a.dfm", FACE, go)) == DfmInfo(64, morphable=False)


@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>" * 9, b"PK\x03\x04" * 9, b"\x12\x04junk", b"\xff" * 40]
)
def test_what_is_no_onnx_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.dfm"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"^a\.dfm is not an ONNX file, as a DFM is; get it again$"):
        inspect(path)


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    path = dfm_files.saehd(tmp_path / "a.dfm")
    whole = path.read_bytes()
    for length in (100, len(whole) // 2, len(whole) - 1000):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelRefused, match=rf"^a\.dfm is truncated, {length} of at least \d+ bytes"):
            inspect(path)


def test_a_file_that_is_damaged_inside(tmp_path: Path) -> None:
    path = dfm_files.saehd(tmp_path / "a.dfm")
    content = bytearray(path.read_bytes())
    content[60:400] = b"\xff" * 340
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"a\.dfm is not an ONNX file"):
        inspect(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"a\.dfm cannot be read: No such file"):
        inspect(tmp_path / "a.dfm")


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    path = dfm_files.saehd(tmp_path / "a.dfm")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(ModelRefused, match=r"a\.dfm keeps its weights in other files"):
        inspect(path)


# Around the network


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


# Options


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


# A face that runs


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dfm_files.amp(tmp_path_factory.mktemp("dfm") / "person.dfm", 64)


HULL = {"mask_source": False, "mask_celeb": False, "mask_landmarks": True}


@pytest.fixture
def face(model: Path):
    made = prepared(model, **HULL)
    yield made
    made.close()


def prepared(model: Path, **options: Any):
    return find_processor("dfm").prepare(
        Material(model=model), DfmOptions(**options), lambda share, text: None
    )


def patches(face: Any, frame: np.ndarray, *faces: Any, **how: Any) -> list[Any]:
    return list(face.submit(frame, faces, **how).result(60))


def test_a_frame_is_swapped(face: Any) -> None:
    frame, seen = driver()[0]
    before = frame.copy()
    (patch,) = patches(face, frame, seen)
    np.testing.assert_array_equal(frame, before)
    assert patch.image.shape == (*patch.mask.shape, 3)
    assert max(patch.mask.shape) < 210, "only what shows"
    assert patch.mask.max() > 250
    change = np.abs(shown(frame, patch, seen).astype(int) - frame).max(2)
    ys, xs = np.nonzero(change)
    left, top, right, bottom = seen.box
    assert xs.min() > left - 0.2 * seen.size
    assert xs.max() < right + 0.2 * seen.size
    assert ys.min() > top - 0.2 * seen.size
    assert ys.max() < bottom + 0.2 * seen.size
    assert face.bytes > 10_000


def test_faces_come_in_their_order(face: Any) -> None:
    frame, seen = driver()[0]
    other = moved(seen, 30, -10, 0.8, id_=4)
    one, two = patches(face, frame, seen, other)
    np.testing.assert_array_equal(two.matrix, patches(face, frame, other)[0].matrix)
    np.testing.assert_array_equal(one.image, patches(face, frame, seen)[0].image)
    assert patches(face, frame) == []


@pytest.mark.parametrize(
    "change",
    [
        {"morph_factor": 0.1}, {"presharpen": 5.0}, {"pre_gamma_red": 2.0}, {"two_pass": True},
        {"post_gamma_green": 2.0}, {"colour_transfer": "none"}, {"y_offset": 0.1}, {"coverage": 1.5},
        {"exclude_moving_parts": False}, {"face_type": "full"},
    ],
    ids=str,
)  # fmt: skip
def test_options_change_while_it_runs(face: Any, change: dict[str, Any]) -> None:
    frame, seen = driver()[0]
    before = shown(frame, patches(face, frame, seen)[0], seen)
    assert face.adjust(DfmOptions(**HULL, **change))
    after = shown(frame, patches(face, frame, seen)[0], seen)
    assert np.abs(before.astype(int) - after).max() > 2
    assert face.adjust(DfmOptions(**HULL))
    np.testing.assert_array_equal(shown(frame, patches(face, frame, seen)[0], seen), before)


def test_green_after_the_network_is_green(face: Any) -> None:
    frame, seen = driver()[0]
    face.adjust(DfmOptions(**HULL, colour_transfer="none"))
    (before,) = patches(face, frame, seen)
    face.adjust(DfmOptions(**HULL, colour_transfer="none", post_gamma_green=2.0))
    (after,) = patches(face, frame, seen)
    changed = np.abs(before.image.astype(int) - after.image).max((0, 1))
    assert changed[0] == changed[2] == 0
    assert changed[1] > 20


def test_without_relighting_the_colours_are_the_networks(face: Any) -> None:
    frame, seen = driver()[0]
    (own,) = patches(face, frame, seen, relight=False)
    face.adjust(DfmOptions(**HULL, colour_transfer="none"))
    np.testing.assert_array_equal(patches(face, frame, seen)[0].image, own.image)


def test_the_result_may_be_scaled_more_sharply(face: Any) -> None:
    frame, seen = driver()[0]
    results = {}
    for way in ("bilinear", "bicubic", "lanczos4"):
        face.adjust(DfmOptions(**HULL, interpolation=way))
        results[way] = shown(frame, patches(face, frame, seen)[0], seen)
    flags = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "lanczos4": cv2.INTER_LANCZOS4}
    assert patches(face, frame, seen)[0].interpolation == flags["lanczos4"]
    assert len({result.tobytes() for result in results.values()}) == 3


@pytest.fixture(scope="module")
def tinted(tmp_path_factory: pytest.TempPathFactory):
    made = prepared(dfm_files.tinted(tmp_path_factory.mktemp("tinted") / "person.dfm"))
    yield made
    made.close()


def test_only_the_face_changes(tinted: Any) -> None:
    frame, seen = driver()[0]
    (patch,) = patches(tinted, frame, seen)
    edge = patch.mask[0], patch.mask[-1], patch.mask[:, 0], patch.mask[:, -1]
    assert max(side.max() for side in edge) == 0
    ys, xs = np.nonzero(patch.mask > 127)
    where = np.column_stack([xs, ys, np.ones_like(xs)]) @ patch.matrix.T
    assert np.abs(where.mean(0) - seen.centre).max() < 0.15 * seen.size
    change = np.abs(shown(frame, patch, seen).astype(int) - frame).max(2)
    assert (change > 5).sum() > 0.1 * seen.size**2
    outside = np.ones(change.shape, bool)
    left, top, right, bottom = (round(v) for v in seen.box)
    reach = round(0.2 * seen.size)
    outside[max(top - reach, 0) : bottom + reach, max(left - reach, 0) : right + reach] = False
    assert change[outside].max() == 0


def test_its_light_is_the_scenes(tinted: Any) -> None:
    frame, seen = driver()[0]
    lights = []
    for share in (1.0, 0.5):
        dimmed = (frame * share).astype(np.uint8)
        (patch,) = patches(tinted, dimmed, seen)
        left, top, right, bottom = map(round, seen.box)
        area = slice(max(top, 0), bottom), slice(max(left, 0), right)
        assert shown(dimmed, patch, seen)[area].mean() == pytest.approx(dimmed[area].mean(), rel=0.12)
        lights.append(patch.image[patch.mask > 127].mean())
        (own,) = patches(tinted, dimmed, seen, relight=False)
        assert np.abs(own.image.astype(int) - patch.image).mean() > 5
    assert lights[1] < 0.65 * lights[0]


@pytest.mark.parametrize(
    ("x", "y", "scale"), [(-500, 0, 1), (0, 900, 1), (5000, 5000, 1), (0, 0, 0.02), (0, 0, 4)]
)
def test_faces_at_every_place_and_size(tinted: Any, x: float, y: float, scale: float) -> None:
    frame, seen = driver()[0][0].copy(), driver()[0][1]
    frame.flags.writeable = False
    face_ = moved(seen, x, y, scale)
    (patch,) = patches(tinted, frame, face_)
    assert np.isfinite(patch.matrix).all()
    assert patch.image.shape == (*patch.mask.shape, 3)
    assert shown(frame, patch, face_).shape == frame.shape
    (patch,) = patches(tinted, frame[:1, :1], face_)
    assert patch.mask.max() > 200


def test_after_close_it_raises(model: Path) -> None:
    face = prepared(model)
    face.close()
    face.close()
    with pytest.raises(ProcessorFailed, match="closed"):
        patches(face, *driver()[0])


def test_the_rewritten_network_is_kept_and_made_once(
    home: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(model).close()
    (kept,) = (home / "cache" / "engines" / "kept" / "dfm-1").iterdir()
    assert kept.name.startswith("person-")
    assert MASK in {value.name for value in onnx.load(kept).graph.input}
    monkeypatch.setattr("visard.models.swap.dfm.swapper.convert", lambda path: pytest.fail("made again"))
    prepared(model).close()


def test_other_weights_in_a_file_of_the_same_name(home: Path, tmp_path: Path) -> None:
    frame, seen = driver()[0]
    images = []
    for seed in (1, 2):
        face = prepared(dfm_files.saehd(tmp_path / "a.dfm", 48, seed=seed))
        images.append(patches(face, frame, seen)[0].image)
        face.close()
    assert np.abs(images[0].astype(int) - images[1]).max() > 2


def test_preparing_can_be_cancelled(home: Path, model: Path) -> None:
    class Enough(Exception):
        pass

    told: list[float] = []

    def until(last: float) -> Report:
        def report(share: float, text: str) -> None:
            told.append(share)
            if share == last:
                raise Enough

        return report

    for last in (0.0, 0.3, 0.5, 0.7, 1.0):
        with pytest.raises(Enough):
            find_processor("dfm").prepare(Material(model=model), DfmOptions(), until(last))
        assert told[-1] == last
    assert told == [0, 0, 0.3, 0, 0.3, 0.5, 0, 0.5, 0.7, 0, 0.5, 0.7, 1]


def test_what_it_cannot_prepare(home: Path, tmp_path: Path, model: Path) -> None:
    with pytest.raises(ModelRefused, match=r"dfm needs a trained model, a file that ends in \.dfm"):
        find_processor("dfm").prepare(Material(), DfmOptions(), lambda share, text: None)
    with pytest.raises(ModelRefused, match="missing"):
        prepared(tmp_path / "none.dfm")
    (home / "cache" / "engines").mkdir(parents=True)
    (home / "cache" / "engines" / "kept").write_text("in the way")
    with pytest.raises(EngineError, match=r"person\.dfm could not be written for engines: "):
        prepared(model)
