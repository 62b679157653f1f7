"""Files that were tampered with: none is taken, none runs anything, none unfolds to more than it has."""

import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from model_files import checkpoint, keys_of, onnx_file
from onnx import TensorProto, helper, numpy_helper

from visard.engines.errors import ModelRefused
from visard.models.store import open_store
from visard.models.store.recognise import identify
from visard.models.store.spec import catalogue

SPECS = catalogue()
PLACES = ("../weights", "/etc/passwd", "weights", "link")


@pytest.mark.parametrize("place", PLACES)
def test_weights_in_other_files_are_refused_wherever_they_are(tmp_path: Path, place: str) -> None:
    """Also beside it: a model is one file, so that its hash covers all of it."""
    folder = tmp_path / "models"
    folder.mkdir()
    for each in (tmp_path / "weights", folder / "weights"):
        each.write_bytes(bytes(4 * 16))
    (folder / "link").symlink_to("/etc/passwd")
    path = onnx_file(folder / "x.onnx", "inswapper_128")
    model = onnx.load(path)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=place)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefused, match=r"x.onnx keeps weights in other files; one that"):
        open_store(tmp_path / "store").import_(folder / "x.onnx", accept_licence=True)
    assert not list((tmp_path / "store").rglob("*.onnx*"))


@pytest.mark.parametrize("inside", ["weight", "node", "subgraph"])
def test_a_tensor_that_says_it_is_huge_is_refused(tmp_path: Path, inside: str) -> None:
    path = onnx_file(tmp_path / "x.onnx", "inswapper_128")
    model = onnx.load(path)
    huge = numpy_helper.from_array(np.zeros(4, np.float32), "huge")
    del huge.dims[:]
    huge.dims.extend([1 << 20, 1 << 20])
    node = helper.make_node("Constant", [], ["huge"], value=huge)
    if inside == "weight":
        model.graph.initializer.append(huge)
    elif inside == "node":
        model.graph.node.append(node)
    else:
        body = helper.make_graph([node], "body", [], [])
        model.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefused, match=rf"a tensor of {1 << 40} numbers, which cannot be in \d+ bytes"):
        identify(path, SPECS)


def test_a_tensor_with_dimensions_without_end_is_refused(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "x.onnx", "inswapper_128")
    model = onnx.load(path)
    model.graph.initializer[0].dims.extend([1] * 100_000)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefused, match=r"is damaged"):
        identify(path, SPECS)


@pytest.mark.parametrize("half", [np.float16, np.int8, np.float32])
def test_constants_of_any_kind_are_no_harm(tmp_path: Path, half: type) -> None:
    """They count neither as weights nor as half precision, whatever their names."""
    path = onnx_file(tmp_path / "x.onnx", "inswapper_128")
    model = onnx.load(path)
    for number in range(5):
        value = numpy_helper.from_array(np.zeros(7, half), "target")
        model.graph.node.append(helper.make_node("Constant", [], [f"c{number}"], value=value))
    path.write_bytes(model.SerializeToString())
    assert identify(path, SPECS).spec.name == "inswapper_128"


class _Evil:
    """A pickle of this makes a file."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> object:
        return os.mkdir, (str(self._place),)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("packed", [False, True])
def test_a_pickle_that_runs_something_runs_nothing(tmp_path: Path, protocol: int, packed: bool) -> None:
    trap, path = tmp_path / "trap", tmp_path / "vox-adv-cpk.pth.tar"
    data = pickle.dumps({"kp_detector": _Evil(trap)}, protocol)
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", data)
    else:
        head = [pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
        path.write_bytes(b"".join([*head, data]))
    with pytest.raises(ModelRefused, match=r"vox-adv-cpk.pth.tar is not taken: it would run '\w+ mkdir'"):
        open_store(tmp_path / "store").import_(path, name="fomm_vox_adv", accept_licence=True)
    assert not trap.exists()


def test_a_checkpoint_that_unfolds_is_refused(tmp_path: Path) -> None:
    """A gigabyte of zeros is a megabyte when it is packed; PyTorch packs nothing."""
    path = checkpoint(tmp_path / "x.pth", keys_of(SPECS["fomm_mgif"]))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/1", bytes(1 << 24))
    with pytest.raises(ModelRefused, match=r"is packed, which PyTorch's checkpoints are not"):
        identify(path, SPECS)


def test_the_files_of_pytorch_itself_are_known(tmp_path: Path) -> None:
    """What a real ``torch.save`` writes, in both containers, with the names of the official files."""
    torch = pytest.importorskip("torch")
    held: dict[str, object] = {}
    for key, shape in keys_of(SPECS["fomm_vox_adv"]).items():
        *parts, last = key.split("/")
        place = held
        for part in parts:
            place = place.setdefault(part, {})  # type: ignore[assignment]
        place[last] = torch.zeros(shape)
    for new in (True, False):
        path = tmp_path / f"{new}.bin"
        torch.save(held, path, _use_new_zipfile_serialization=new)
        assert identify(path, SPECS, "fomm_vox_adv").spec.name == "fomm_vox_adv"
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 3 // 4])
        with pytest.raises(ModelRefused, match=r"truncated"):
            identify(path, SPECS, "fomm_vox_adv")


def test_a_file_of_another_family_is_told_with_what_was_found_and_expected(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "inswapper_128.onnx", keys_of(SPECS["fomm_mgif"]))
    with pytest.raises(ModelRefused) as raised:
        open_store(tmp_path / "store").import_(path, name="inswapper_128", accept_licence=True)
    words = str(raised.value)
    assert "inswapper_128.onnx is not inswapper_128: found a checkpoint of" in words
    assert "expected an ONNX network with inputs target [N,3,128,128]" in words


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises((ModelRefused, OSError)):
        open_store(tmp_path / "store").import_(tmp_path / "pipe.onnx")
