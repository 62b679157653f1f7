"""Reading, checking and rewriting trained faces' files."""

from pathlib import Path
from typing import Any

import dfm_files
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from visard.engines.errors import ModelRefused
from visard.models.swap.dfm import DfmInfo, inspect
from visard.models.swap.dfm.morph import morph_mask
from visard.models.swap.dfm.onnx_file import convert
from visard.models.swap.dfm.swapper import inputs

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
