"""The store of models: what comes in, what is recognised, what is refused, what is remembered."""

import json
import shutil
import struct
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from model_files import checkpoint, keys_of, onnx_file, sha256

from visard.engines.errors import ModelRefused
from visard.models.errors import (
    LicenceNotAccepted,
    ModelDamaged,
    ModelError,
    ModelMissing,
    ModelUnknown,
    NetworkUnavailable,
)
from visard.models.store import Store, open_store
from visard.models.store.recognise import expected, identify
from visard.models.store.spec import TASKS, catalogue

ORACLES = Path(__file__).parents[3] / "shared" / "oracles"
SPECS = catalogue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


# The catalogue.


def test_the_catalogue_is_sane() -> None:
    names = [file.name for spec in SPECS.values() for file in spec.files]
    assert len(set(names)) == len(names) == len(SPECS) + 4
    for spec in SPECS.values():
        assert spec.task in TASKS
        assert spec.licence.ask is not spec.licence.commercial
        assert spec.source.startswith("https://")
        for file in spec.files:
            assert all(url.startswith("https://") and url.endswith(f"/{file.name}") for url in file.urls)
            assert all(len(digest) == 64 for digest in (file.sha256, *file.also) if digest)
            assert bool(file.signature.inputs) is not bool(file.signature.keys)
            assert expected(file)


def test_it_holds_every_family() -> None:
    counts = {task: sum(spec.task == task for spec in SPECS.values()) for task in TASKS}
    assert tuple(counts.values()) == (13, 1, 3, 9, 5, 8, 1)
    assert len(SPECS["liveportrait"].files) == 5
    assert SPECS["ghost_1_256"].licence.commercial
    assert not SPECS["fomm_taichi"].fetchable


# What a file is.

UNIQUE = (
    "simswap_unofficial_512", "blendswap_256", "uniface_256", "arcface_w600k_r50", "codeformer",
    "gpen_bfr_256", "gpen_bfr_1024", "gpen_bfr_2048", "inswapper_128",
)  # fmt: skip


@pytest.mark.parametrize("name", UNIQUE)
def test_a_network_is_known_by_what_goes_in_and_out(tmp_path: Path, name: str) -> None:
    path = onnx_file(tmp_path / "holiday photo.jpg", name)
    assert identify(path, SPECS).spec.name == name


def test_half_precision_is_another_model(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "x", "inswapper_128", half=True)
    assert identify(path, SPECS).spec.name == "inswapper_128_fp16"


def test_alike_models_are_told_apart_by_the_person(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "ghost_2_256.onnx", "ghost_2_256")
    with pytest.raises(ModelRefused, match=r"ghost_1_256, .*hififace.*say which it is.*--as ghost_2_256"):
        identify(path, SPECS)
    assert identify(path, SPECS, by_name=True).spec.name == "ghost_2_256"
    assert identify(path, SPECS, "simswap_256").spec.name == "simswap_256"
    with pytest.raises(ModelRefused, match=r"is not xseg_1: found an ONNX network with inputs target"):
        identify(path, SPECS, "xseg_1")


def test_a_name_never_decides_alone(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "ghost_2_256.onnx", "blendswap_256")
    assert identify(path, SPECS, by_name=True).spec.name == "blendswap_256"


def test_a_published_file_is_known_by_its_hash(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "x", "xseg_2")
    specs = dict(SPECS)
    file = replace(SPECS["xseg_2"].files[0], sha256=sha256(path.read_bytes()))
    specs["xseg_2"] = replace(SPECS["xseg_2"], files=(file,))
    found = identify(path, specs)
    assert (found.spec.name, found.published) == ("xseg_2", True)
    with pytest.raises(ModelRefused, match=r"is xseg_2 as it is published, not xseg_1"):
        identify(path, specs, "xseg_1")


@pytest.mark.parametrize("number", range(5))
def test_each_file_of_liveportrait_is_known(tmp_path: Path, number: int) -> None:
    spec = SPECS["liveportrait"]
    path = checkpoint(tmp_path / "x.bin", keys_of(spec, number))
    assert identify(path, SPECS).file.name == spec.files[number].name


@pytest.mark.parametrize("legacy", [False, True])
def test_checkpoints_of_first_order_motion(tmp_path: Path, legacy: bool) -> None:
    path = checkpoint(tmp_path / "a", keys_of(SPECS["fomm_mgif"]), legacy=legacy)
    assert identify(path, SPECS).spec.name == "fomm_mgif"
    path = checkpoint(tmp_path / "b", keys_of(SPECS["fomm_vox_adv"]), legacy=legacy)
    with pytest.raises(ModelRefused, match=r"may be any of fomm_vox_adv, fomm_taichi_adv"):
        identify(path, SPECS)
    assert identify(path, SPECS, "fomm_vox_adv").spec.name == "fomm_vox_adv"


@pytest.mark.skipif(not ORACLES.exists(), reason="the oracles are not here")
def test_real_files_of_torch_and_others() -> None:
    assert identify(ORACLES / "inswapper" / "tiny_inswapper.onnx", SPECS).spec.name == "inswapper_128"
    assert identify(ORACLES / "inswapper" / "tiny_inswapper_emap16.onnx", SPECS).spec.family == "inswapper"
    stitching = ORACLES / "liveportrait" / "stitching_retargeting_module.pth"
    assert identify(stitching, SPECS).file.name == stitching.name
    with pytest.raises(ModelRefused, match=r"fomm_vox_adv, fomm_taichi_adv"):
        identify(ORACLES / "fomm" / "tiny-a.pth.tar", SPECS)
    with pytest.raises(
        ModelRefused,
        match=r"no model that Visard knows: .* inputs in_face.*personas add",
    ):
        identify(ORACLES / "dfm" / "amp_96.dfm", SPECS)


# What is refused.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        (b"\x20\0\0\0\0\0\0\0{\"a\":1}", "safetensors"),
        (b"MZ\x90", "something else"),
        (b"\x08\x07\x12\x04abcd\xff\xff", "not an ONNX file"),
        (b"PK\x03\x04 and no more", "damaged or truncated"),
        (b"\x80\x02}q\x00.", "not a PyTorch checkpoint"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "inswapper_128.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=words):
        identify(path, SPECS)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["onnx", "zip", "legacy"])
def test_what_is_truncated_is_told(tmp_path: Path, kind: str, share: float) -> None:
    whole, path = tmp_path / "whole", tmp_path / "part"
    if kind == "onnx":
        onnx_file(whole, "inswapper_128")
    else:
        checkpoint(whole, keys_of(SPECS["fomm_mgif"]), legacy=kind == "legacy")
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelRefused, match=r"truncated|not an ONNX file|damaged"):
        identify(path, SPECS)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("call", ["os system", "builtins eval", "torch load", "numpy.core.multiarray scalar"])
def test_a_checkpoint_that_would_run_something_is_refused(tmp_path: Path, legacy: bool, call: str) -> None:
    path = checkpoint(tmp_path / "x", keys_of(SPECS["fomm_mgif"]), legacy=legacy, evil=call)
    with pytest.raises(ModelRefused, match=f"would run '{call}'"):
        identify(path, SPECS)


@pytest.mark.parametrize("hidden", [False, True])
def test_weights_in_other_files_are_refused(tmp_path: Path, hidden: bool) -> None:
    path = onnx_file(tmp_path / "x.onnx", "inswapper_128")
    model = onnx.load(path)
    tensor = model.graph.node[0].attribute[0].t if hidden else model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefused, match=r"keeps weights in other files"):
        identify(path, SPECS)


def test_bytes_that_make_no_sense_never_hang_or_crash(tmp_path: Path) -> None:
    data = bytearray(onnx_file(tmp_path / "whole", "codeformer").read_bytes())
    path = tmp_path / "x"
    for place in range(min(len(data), 120)):
        spoiled = bytearray(data)
        spoiled[place] ^= 0xFF
        path.write_bytes(spoiled)
        with suppress(ModelRefused):
            identify(path, SPECS)


def test_a_small_file_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    """Five levels of dicts with a thousand keys each, all of which lead to the same next one."""

    def text(words: str) -> bytes:
        return b"X" + struct.pack("<I", len(words)) + words.encode()

    pickled = b"\x80\x02}q\x00"
    for level in range(1, 6):
        entries = b"".join(text(str(key)) + b"h" + bytes([level - 1]) for key in range(1000))
        pickled += b"}(" + entries + b"uq" + bytes([level])
    path = tmp_path / "x"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled + b".")
    with pytest.raises(ModelRefused, match="damaged"):
        identify(path, SPECS)


# Coming in.


def test_a_licence_is_accepted_before_anything_is_imported(store: Store, tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "x", "inswapper_128")
    with pytest.raises(LicenceNotAccepted, match=r"non-commercial.*--accept-licence"):
        store.import_(path)
    assert not store.get("inswapper_128").here
    assert not list(store.folder.rglob("*.onnx"))
    store.import_(path, accept_licence=True)
    held = store.get("inswapper_128")
    assert held.here
    assert held.accepted
    accepted = json.loads((store.folder / "inswapper_128" / "record.json").read_text())["accepted"]
    assert accepted["licence"] == "InsightFace-NC"
    assert accepted["sha256"] == held.spec.licence.sha256
    assert accepted["when"].endswith("+00:00")
    assert store.path("inswapper_128").read_bytes() == path.read_bytes()
    assert store.path("inswapper_128").stat().st_mode & 0o077 == 0
    store.remove("inswapper_128")
    store.import_(path)  # it is asked once


def test_a_free_one_needs_no_acceptance(store: Store, tmp_path: Path) -> None:
    store.import_(onnx_file(tmp_path / "x", "ghost_1_256"), name="ghost_1_256")
    assert store.get("ghost_1_256").here


def test_what_is_missing_says_how_to_get_it(store: Store) -> None:
    with pytest.raises(ModelMissing, match=r"visard models fetch ghost_1_256$"):
        store.path("ghost_1_256")
    with pytest.raises(ModelMissing, match=r"visard models import FILE --as fomm_taichi"):
        store.path("fomm_taichi")
    with pytest.raises(ModelUnknown, match=r"did you mean ghost_1_256"):
        store.path("ghost_1_25")
    with pytest.raises(NetworkUnavailable, match=r"no program can fetch it \(https://github.com/Aliaksandr"):
        store.fetch("fomm_taichi")


def test_a_folder_brings_all_that_it_holds(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "deep").mkdir(parents=True)
    spec = SPECS["liveportrait"]
    for number in range(5):
        checkpoint(folder / "deep" / f"{number}.pth", keys_of(spec, number))
    (folder / "read me.txt").write_text("hello")
    onnx_file(folder / "a.onnx", "gpen_bfr_1024")
    onnx_file(folder / "ghost_3_256.onnx", "ghost_3_256")
    with pytest.raises(LicenceNotAccepted, match=r"gpen_bfr_1024"):
        store.import_(folder)
    findings = store.import_(folder, accept_licence=True, by_name=True)
    assert {each.what.spec.name for each in findings.found} == {
        "liveportrait",
        "gpen_bfr_1024",
        "ghost_3_256",
    }
    assert [path.name for path, _ in findings.refused] == ["read me.txt"]
    assert store.path("liveportrait") == store.folder / "liveportrait"
    assert store.path("liveportrait", "warping_module.pth").exists()
    assert store.get("ghost_3_256").here


def test_half_a_model_is_missing(store: Store, tmp_path: Path) -> None:
    spec = SPECS["liveportrait"]
    store.import_(checkpoint(tmp_path / "x", keys_of(spec, 4)))
    assert len(store.get("liveportrait").missing) == 4
    assert store.path("liveportrait", spec.files[4].name).exists()
    with pytest.raises(ModelMissing):
        store.path("liveportrait")


def test_a_folder_without_models_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelRefused, match=r"is an empty folder"):
        store.import_(tmp_path / "empty")
    for name in "ab":
        (tmp_path / "empty" / name).write_text("text")
    with pytest.raises(ModelRefused, match=r"holds no model among its 2 files"):
        store.import_(tmp_path / "empty")
    with pytest.raises(OSError, match=r"No such file"):
        store.look(tmp_path / "nothing")


def test_what_is_here_is_not_replaced_by_another_file(store: Store, tmp_path: Path) -> None:
    first, second = onnx_file(tmp_path / "1", "xseg_1"), onnx_file(tmp_path / "2", "xseg_1", fill=1)
    store.import_(first, name="xseg_1")
    store.import_(first, name="xseg_1")
    with pytest.raises(ModelRefused, match=r"is another xseg_1.onnx than the one that is here"):
        store.import_(second, name="xseg_1")
    assert store.path("xseg_1").read_bytes() == first.read_bytes()


def test_two_of_one_model_in_a_folder(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    onnx_file(folder / "a", "uniface_256")
    onnx_file(folder / "b", "uniface_256", fill=1)
    findings = store.import_(folder, accept_licence=True)
    assert [each.path.name for each in findings.found] == ["a"]
    assert "is uniface_256 too" in findings.refused[0][1]


def test_another_file_than_the_pinned_one_is_refused(store: Store, tmp_path: Path) -> None:
    first, second = onnx_file(tmp_path / "1", "xseg_1"), onnx_file(tmp_path / "2", "xseg_1", fill=1)
    store.import_(first, name="xseg_1")
    store.remove("xseg_1")
    with pytest.raises(ModelRefused, match=r"is not the xseg_1.onnx that was first used here.*--forget"):
        store.import_(second, name="xseg_1")
    store.remove("xseg_1", forget=True)
    store.import_(second, name="xseg_1")


def test_a_full_disk_is_told(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = onnx_file(tmp_path / "x", "xseg_1")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match=r"there is no room for xseg_1.onnx"):
        store.import_(path, name="xseg_1")
    assert not list((store.folder / "xseg_1").glob("*.onnx*"))


def test_importing_can_be_cancelled(store: Store, tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "x", "xseg_1")

    def stop(_share: float, step: str) -> None:
        if step.startswith("copying"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.import_(path, stop, name="xseg_1")
    assert not store.get("xseg_1").here
    assert [each.name for each in (store.folder / "xseg_1").iterdir()] == []


# Being here.


def test_a_changed_file_is_found(store: Store, tmp_path: Path) -> None:
    store.import_(onnx_file(tmp_path / "x", "xseg_1"), name="xseg_1")
    store.verify("xseg_1")
    path = store.path("xseg_1")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelDamaged, match=r"xseg_1 is not as it was when it came: xseg_1.onnx"):
        store.verify("xseg_1")
    path.write_bytes(data[:-1])
    with pytest.raises(ModelMissing):
        store.path("xseg_1")
    with pytest.raises(ModelMissing):
        store.verify("xseg_2")


def test_a_record_that_cannot_be_read_is_told_and_removed(store: Store, tmp_path: Path) -> None:
    store.import_(onnx_file(tmp_path / "x", "xseg_1"), name="xseg_1")
    (store.folder / "xseg_1" / "record.json").write_text("{")
    with pytest.raises(ModelError, match=r"record.json cannot be read"):
        store.path("xseg_1")
    store.remove("xseg_1")
    assert not store.get("xseg_1").here


def test_a_graph_is_made_once_of_a_file_and_goes_with_it(store: Store, tmp_path: Path) -> None:
    store.import_(onnx_file(tmp_path / "x", "xseg_1"), name="xseg_1")
    source, made = store.path("xseg_1"), []

    def make(path: Path) -> None:
        made.append(path)
        path.write_bytes(b"graph")

    first = store.exported(source, "step", make)
    assert store.exported(source, "step", make) == first
    assert store.exported(source, "prepare", make) != first
    assert len(made) == 2
    assert first.read_bytes() == b"graph"
    store.remove("xseg_1")
    assert not first.exists()
    with pytest.raises(ValueError, match=r"cannot be part"):
        store.exported(tmp_path / "x", "../up", make)


def test_a_graph_that_fails_leaves_nothing(store: Store, tmp_path: Path) -> None:
    source = onnx_file(tmp_path / "x", "xseg_1")

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.exported(source, "step", fail)
    assert list((store.folder / "exported").iterdir()) == []
