"""``visard personas``: what comes in, what is seen, what is undone; with a daemon and without one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from model_files import onnx_file
from PIL import Image
from test_client import running
from wcwidth import wcswidth

from visard.daemon.api import address
from visard.daemon.cli import main
from visard.daemon.cli.table import table
from visard.daemon.personas.library import SHIPPED, Library
from visard.daemon.personas.record import PICTURE
from visard.daemon.sources.demo import CLIP
from visard.models.picture_file import read_picture
from visard.models.store import open_store

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(("personas", *arguments))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def shipped(name: str) -> str:
    return str(SHIPPED / name / PICTURE)


def group(folder: Path) -> str:
    faces = [read_picture(SHIPPED / name / PICTURE) for name in ("hanna", "marco")]
    path = folder / "group.png"
    Image.fromarray(np.hstack(faces)[:, :, ::-1]).save(path)
    return str(path)


def test_columns_align_whatever_the_script() -> None:
    rows = [("clara", "x"), ("陈静", "x"), ("👩\u200d👩\u200d👧", "x"), ("e\u0301", "x"), ("شادي", "x")]
    lines = table(rows).splitlines()
    assert {wcswidth(line.removesuffix("x")) for line in lines} == {7}


def test_a_face_of_a_group_photo_is_asked_for_by_its_number(call: Call, tmp_path: Path) -> None:
    photo = group(tmp_path)
    status, _, err = call("add", photo, "--name", "m", "--consent", "generated")
    assert status == 1
    assert "holds 2 faces" in err
    place = Path(err.split("; ")[-1].removesuffix(" shows the numbers\n"))
    assert read_picture(place).shape[1] == 1024
    assert call("add", photo, "--face", "2", "--name", "m", "--consent", "generated")[0] == 0
    assert read_picture(Library().get("m").picture).shape[1] < 1024  # type: ignore[arg-type]
    status, _, err = call("add", photo, "--face", "3", "--name", "n", "--consent", "generated")
    assert (status, "no face 3" in err) == (1, True)


def test_several_photos_and_their_changes(call: Call) -> None:
    two = (shipped("hanna"), shipped("marco"))
    status, out, _ = call("add", *two, "--name", "两", "--consent", "generated", "--json")
    added = json.loads(out)
    assert (status, added["title"], len(added["photos"])) == (0, "两", 2)
    assert call("photos", "两")[1].count(".jpg") == 2
    status, out, _ = call("photos", "两", "--add", shipped("nico"), "--remove", "1", "--first", "2", "--json")
    assert [Path(each).name for each in json.loads(out)["photos"]] == ["photo-3.jpg", "photo-2.jpg"]
    assert "a photo" in call("bin")[1]
    assert call("restore", added["name"])[0] == 0
    assert len(Library().get("两").photos) == 3
    assert call("photos", "两", "--remove", "9")[0] == 1


def test_a_clip_gives_its_best_frame_or_that_of_a_time(call: Call, tmp_path: Path) -> None:
    clip = str(shutil.copy(CLIP, tmp_path / "clip.mp4"))
    for name, at in (("best", ()), ("at", ("--at", "0:00.8"))):
        assert call("add", clip, *at, "--name", name, "--consent", "generated")[0] == 0
    best, turned = (Library().get(name).record.warnings for name in ("best", "at"))
    assert any("turned 2" in remark for remark in turned)
    assert not any("turned" in remark for remark in best)
    assert "no frame at 99 s" in call("add", clip, "--at", "99", "--name", "x", "--consent", "self")[2]
    photo = ("add", shipped("nico"), "--name", "x", "--consent", "self")
    assert "no clip" in call(*photo, "--at", "1")[2]
    assert call(*photo, "--at", "soon")[0] == 2


def test_a_trial_shows_and_keeps_nothing(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "trial.png"
    status, said, _ = call("try", shipped("nico"), "--out", str(out), "--json")
    assert (status, json.loads(said)["picture"]) == (0, str(out))
    with Image.open(out) as picture:
        assert picture.size == (5 * 360, 360)
        tiles = np.asarray(picture.convert("RGB"), np.int16).reshape(360, 5, 360, 3)
    nico = read_picture(SHIPPED / "nico" / PICTURE, 360)[:, :, ::-1].astype(np.int16)
    assert np.abs(tiles[:, 0] - nico).mean() < 4
    frames = [tiles[:, number] for number in range(1, 5)]
    assert all(np.abs(one - other).mean() > 4 for one in frames for other in frames if one is not other)
    assert len(Library().entries()) == 6
    assert call("add", shipped("nico"), "--try")[0] == 0
    assert len(Library().entries()) == 6
    assert call("add", shipped("nico"))[0] == 2
    assert call("try")[0] == 2
    assert call("try", shipped("nico"), "--out", str(tmp_path / "trial.txt"))[0] == 2


def test_without_a_camera_there_is_no_snapshot(call: Call) -> None:
    status, _, err = call("add", "--snapshot", "--name", "me", "--consent", "self")
    assert status == 1
    assert "camera" in err


def test_what_is_seen_is_changed_and_listed(call: Call) -> None:
    assert call("rename", "clara", "Клара") == (0, "clara is now clara (Клара)\n", "")
    assert call("hide", "Клара")[0] == 0
    assert call("move", "walter", "--before", "Клара")[1].startswith("walter, clara, hanna")
    assert call("move", "nico", "--first")[1].startswith("nico, walter")
    assert json.loads(call("move", "hanna", "--last", "--json")[1])["order"][-1] == "hanna"
    lines = call("list")[1].splitlines()
    assert lines[2].split() == ["clara", "Клара", "generated", "ships", "with", "Visard", "hidden"]
    assert call("unhide", "clara")[0] == 0
    assert "hidden" not in call("list")[1]
    for wrong in (("move", "nico"), ("move", "nico", "--first", "--last"), ("rename", "nico")):
        assert call(*wrong)[0] == 2


def test_remarks_are_marked_and_shown(call: Call, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Image.open(shipped("nico")).resize((180, 180)).save(small)
    status, out, _ = call("add", str(small), "--name", "tiny", "--consent", "generated")
    assert (status, "note: the face is small" in out) == (0, True)
    assert "\N{WARNING SIGN} 1" in call("list")[1]
    assert "the face is small" in call("show", "tiny")[1]


def test_the_bin_is_emptied_after_a_question(call: Call) -> None:
    assert call("bin") == (0, "the bin is empty\n", "")
    call("add", shipped("nico"), "--name", "me", "--title", "我", "--consent", "self")
    call("remove", "我", "--yes")
    assert call("bin")[1].split()[:2] == ["me", "我"]
    status, _, err = call("bin", "--empty")
    assert (status, "--yes" in err) == (2, True)
    assert json.loads(call("bin", "--empty", "--yes", "--json")[1])["deleted"][0]["name"] == "me"
    assert call("restore", "me")[0] == 1


def test_a_running_daemon_does_it_so_that_it_follows(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "find", lambda: address.unix(tmp_path / "run"))
    with running(tmp_path) as (service, _):
        assert call("hide", "hanna")[0] == 0
        assert call("rename", "clara", "--title", "Клара")[0] == 0
        assert call("move", "nico", "--first")[0] == 0
        status, out, err = call("add", "--snapshot", "--try")  # the service in memory sees hanna
        assert (status, err) == (0, "")
        assert service.calls == ["hide hanna", "rename clara Клара", "move nico clara"]
    assert service.trials._trials == {}
    assert Path(out.split()[4]).is_file()


def test_a_persona_that_lacks_a_model_says_so_and_the_others_go_on(call: Call, tmp_path: Path) -> None:
    assert call("add", shipped("hanna"), "--name", "m", "--consent", "generated")[0] == 0
    command = "visard models fetch blendswap_256"
    out = call("set", "m", "--processor", "one_shot", "--option", "model=blendswap_256")[1]
    assert f"note: one_shot with blendswap_256 lacks blendswap_256; get it with: {command}" in out
    listed = call("list")[1]
    (row,) = [line for line in listed.splitlines() if line.endswith("  lacks a model")]
    assert row.startswith("m ")
    assert "'visard personas show NAME' says what gets it" in listed
    assert command in call("show", "m")[1]
    known = {each["name"]: each["missing"] for each in json.loads(call("list", "--json")[1])}
    assert command in known.pop("m")
    assert set(known.values()) == {None}
    open_store().import_(onnx_file(tmp_path / "x", "blendswap_256"), accept_licence=True)
    assert "lacks a model" not in call("list")[1]
    out = call("set", "m", "--processor", "fomm")[1]
    assert "note: the model fomm_vox_adv is not here; get it with: visard models fetch fomm_vox_adv" in out
    out = call("set", "m", "--processor", "liveportrait")[1]
    assert "note: the model liveportrait is not here; get it with: visard models fetch liveportrait" in out
    assert "note" not in call("set", "m", "--processor", "mesh")[1]
