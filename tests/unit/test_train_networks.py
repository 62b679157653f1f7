"""Networks that are trained equal DeepFaceLab's, and so do the files that are written of them."""

from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="face models are trained with PyTorch: the extra 'train'")

from dfm_weights import DfmWeights  # noqa: E402

from visard.models.swap.dfm import inspect  # noqa: E402
from visard.models.train.errors import ExportWrong  # noqa: E402
from visard.models.train.export import compare, export, sample_faces  # noqa: E402
from visard.models.train.networks import build  # noqa: E402
from visard.models.train.networks.amp import morph_mask  # noqa: E402
from visard.models.train.options import TrainOptions, make_options  # noqa: E402

DIMS = {"ae_dims": 16, "e_dims": 6, "d_dims": 4, "d_mask_dims": 4, "inter_dims": 40}
ORACLES = {
    "saehd_df-ud_64": {"archi": "df-ud", "resolution": 64, "ae_dims": 24, "d_dims": 6},
    "saehd_liae-udt_96": {"archi": "liae-udt", "resolution": 96},
    "amp_96": {"archi": "amp", "resolution": 96},
}
PARTS = "face_mask", "celeb_face", "celeb_face_mask"
MORPHS = 0.0, 0.1, 0.3, 0.5, 0.7, 0.75, 0.999, 1.0
ARCHIS = [
    f"{kind}{'-' * bool(flags)}{flags}" for kind in ("df", "liae") for flags in ("", "u", "d", "t", "udtc")
] + ["amp"]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    if not (shared / "oracles" / "dfm").is_dir():
        pytest.skip("needs files of the original exporter in shared/oracles/dfm")
    return shared / "oracles" / "dfm"


@pytest.fixture(params=ORACLES)
def theirs(request: pytest.FixtureRequest, folder: Path):
    """A network with the weights of a file, and what the original made of two pictures."""
    options = make_options(DIMS | ORACLES[request.param])
    network = build(options)
    missing = DfmWeights(folder / f"{request.param}.dfm").fill(network)
    assert all(name.startswith("decoder_dst.") and "upscalem" not in name for name in missing)
    with np.load(folder / "dfm.npz") as file:
        data = {name.removeprefix(f"{request.param}/"): file[name] for name in file if request.param in name}
    return network, options, data


def swapped(network, faces: np.ndarray, morph: float | None) -> list[np.ndarray]:
    own = None if morph is None else morph_mask(network.morph_channels, morph)
    with torch.no_grad():
        made = network.swap(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255, own)
    return [each.permute(0, 2, 3, 1).numpy() for each in made]


def test_outputs_are_the_originals(theirs) -> None:
    network, _, data = theirs
    faces = data["in_face_u8"]
    if not network.morph_channels:
        for made, part in zip(swapped(network, faces, None), PARTS, strict=True):
            assert np.abs(made - data[f"out_{part}"]).max() < 2e-5
        return
    for morph in MORPHS:
        own, *others = swapped(network, faces[:1], morph)
        assert np.abs(own - data["out_face_mask"]).max() < 2e-5
        for made, part in zip(others, PARTS[1:], strict=True):
            assert np.abs(made[:, ::2, 1::2] - data[f"morph_{morph}/out_{part}"]).max() < 2e-5


@pytest.mark.parametrize("half", [False, True])
def test_with_their_weights_files_are_near(theirs, tmp_path: Path, half: bool) -> None:
    network, options, data = theirs
    faces = (data["in_face_u8"] / 255).astype(np.float32)
    done = export(network, options, tmp_path / "face.dfm", half=half, faces=faces)
    assert done.most < (1e-2 if half else 2e-5)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("archi", ARCHIS)
def test_every_kind_is_written_and_read(tmp_path: Path, archi: str, half: bool) -> None:
    options = make_options(DIMS | {"archi": archi, "resolution": 64})
    done = export(build(options), options, tmp_path / "face.dfm", half=half)
    assert inspect(done.path).resolution == 64
    assert inspect(done.path).morphable == (archi == "amp")
    assert done.bytes == done.path.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["face.dfm"]


def test_the_format(tmp_path: Path) -> None:
    options = make_options(DIMS | {"archi": "amp", "resolution": 64})
    model = onnx.load(export(build(options), options, tmp_path / "face.dfm").path)
    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 12)]
    assert [value.name for value in model.graph.input] == ["in_face:0", "morph_value:0"]
    names = [value.name for value in model.graph.output]
    assert names == ["out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert {each.key: each.value for each in model.metadata_props}["face_type"] == "whole_face"


def test_half_precision_is_half_as_large(tmp_path: Path) -> None:
    options = make_options(DIMS | {"resolution": 64})
    whole, half = (export(build(options), options, tmp_path / f"{h}.dfm", half=h) for h in (False, True))
    assert half.bytes < 0.6 * whole.bytes


def test_a_wrong_file_is_noticed_and_not_kept(tmp_path: Path) -> None:
    options = make_options(DIMS | {"resolution": 64})
    network, path = build(options), tmp_path / "face.dfm"
    export(network, options, path)
    kept = path.read_bytes()
    other = build(TrainOptions.model_validate(options.model_dump() | {"seed": 1}))
    with pytest.raises(ExportWrong, match=r"^out_\w+:0 of the exported file is .* off"):
        compare(other, path, sample_faces(64), half=False)
    with torch.no_grad():
        network.decoder.out_conv.bias.fill_(float("nan"))
    with pytest.raises(ExportWrong):
        export(network, options, path)
    assert path.read_bytes() == kept
    assert len(list(tmp_path.iterdir())) == 1
