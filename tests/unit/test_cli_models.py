"""``visard models``: what is listed, shown, fetched, imported, checked and removed."""

import hashlib
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from model_files import Behaviour, onnx_file, serving

from visard.daemon.cli import main
from visard.models.store import open_store

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(("models", *arguments))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_models_are_listed(call: Call) -> None:
    status, out, _ = call("list")
    assert status == 0
    assert "inswapper_128            one_shot      InsightFace-NC  554 MB" in out
    listed = json.loads(call("list", "--task", "enhance", "--json")[1])
    assert {each["task"] for each in listed} == {"enhance"}
    assert call("list", "--here")[1] == "there is none\n"
    status, _, err = call("list", "--task", "juggle")
    assert (status, "is none of one_shot, identity" in err) == (2, True)


def test_what_is_not_published_is_said(call: Call) -> None:
    assert "no commercial use, to be accepted first" in call("show", "inswapper_128")[1]
    assert "it is pinned at the first use" in call("show", "ghost_1_256")[1]
    out = call("show", "fomm_taichi")[1]
    assert "it has to be imported" in out
    assert "visard models import FILE --as fomm_taichi" in out
    assert "but md5 8a45a24037871c045fbb8a6a8aa95ebc" in call("show", "fomm_vox_adv")[1]
    assert "did you mean ghost_1_256?" in call("show", "ghost_1_25")[2]


def test_what_a_model_needs_is_said_with_its_licence(call: Call, tmp_path: Path) -> None:
    out = call("show", "ghost_1_256")[1]
    assert "Apache License 2.0 (Apache-2.0): any use" in out
    assert "needs      arcface_w600k_r50 (InsightFace-NC: no commercial use), not here" in out
    assert "needs      crossface_ghost (Unknown: no commercial use), not here" in out
    assert "with what it needs there is no commercial use" in out
    open_store().import_(onnx_file(tmp_path / "x", "arcface_w600k_r50"), accept_licence=True)
    assert (
        "needs      arcface_w600k_r50 (InsightFace-NC: no commercial use), here"
        in call("show", "ghost_1_256")[1]
    )
    assert "needs" not in call("show", "blendswap_256")[1]


def test_a_file_comes_and_goes(call: Call, tmp_path: Path) -> None:
    path = str(onnx_file(tmp_path / "holiday.jpg", "simswap_unofficial_512"))
    status, out, _ = call("import", path, "--json")
    assert (status, json.loads(out)["error"]["code"]) == (1, "licence-not-accepted")
    status, out, err = call("import", path, "--accept-licence")
    pinned = "nobody publishes its hash: it is pinned as it is from now on"
    more = "to be used it needs more: visard models fetch arcface_w600k_r50 crossface_simswap"
    assert (status, out) == (0, f"holiday.jpg is simswap_unofficial_512; {pinned}\n{more}\n")
    assert "https://github.com/neuralchen/SimSwap" in err  # where its authors say what they allow
    assert "Non-commercial use, as its authors say" in err  # it is shown also when it is accepted at once
    assert "pinned at the first use" in call("show", "simswap_unofficial_512")[1]
    assert call("verify")[1] == "simswap_unofficial_512 is as it came\n"
    place = open_store().path("simswap_unofficial_512")
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    status, out, _ = call("verify", "simswap_unofficial_512", "--json")
    assert (status, json.loads(out)["error"]["code"]) == (1, "model-damaged")
    status, out, _ = call("remove", "simswap_unofficial_512")
    assert out.endswith("get it back with: visard models fetch simswap_unofficial_512\n")
    assert not place.exists()


def test_a_licence_is_asked_for_where_somebody_can_answer(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(onnx_file(tmp_path / "x", "codeformer"))

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert call("import", path, "--no-progress")[0] == 130
    assert not open_store().get("codeformer").here
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    status, _, err = call("import", path, "--no-progress")
    assert status == 0
    assert "S-Lab License 1.0" in err
    assert open_store().get("codeformer").accepted


def test_a_folder_tells_what_it_left_out(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    onnx_file(folder / "xseg_3.onnx", "xseg_3")
    (folder / "a.txt").write_text("text")
    status, _, err = call("import", str(folder))
    assert status == 1
    assert "holds no model among its 2 files" in err
    assert "say which it is: --as xseg_3, as its name says and --by-name believes" in err
    status, out, _ = call("import", str(folder), "--by-name", "--json")
    told = json.loads(out)
    assert [each["model"] for each in told["imported"]] == ["xseg_3"]
    assert [Path(each["path"]).name for each in told["refused"]] == ["a.txt"]
    assert status == 0  # notes may lie beside models


def test_good_ones_come_and_each_bad_one_is_listed(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    good = onnx_file(folder / "a.onnx", "gpen_bfr_256").read_bytes()
    onnx_file(folder / "z", "uniface_256")
    (folder / "cut.onnx").write_bytes(good[:-10])
    (folder / "page.pth").write_bytes(b"<html>not found</html>")
    onnx_file(folder / "other.onnx", "gpen_bfr_256", fill=1)
    status, out, _ = call("import", str(folder), "--accept-licence")
    assert status == 1
    assert "a.onnx is gpen_bfr_256" in out
    assert "z is uniface_256" in out
    assert "left out: cut.onnx is" in out
    assert (
        "left out: page.pth is neither an ONNX file nor a PyTorch checkpoint: it seems to be a web page"
        in out
    )
    assert "other.onnx is gpen_bfr_256 too" in out
    assert open_store().get("gpen_bfr_256").here
    assert open_store().get("uniface_256").here


def test_what_is_accepted_is_remembered_with_its_date_and_what_was_shown(
    call: Call, home: Path, tmp_path: Path
) -> None:
    path = str(onnx_file(tmp_path / "x", "codeformer"))
    status, _, err = call("import", path, "--no-progress")
    assert status == 1
    assert "the licence has to be accepted first" in err
    assert "--accept-licence" in err
    before = datetime.now(UTC).replace(microsecond=0)
    assert call("import", path, "--accept-licence")[0] == 0
    record = json.loads((open_store().folder / "codeformer" / "record.json").read_text())["accepted"]
    licence = open_store().get("codeformer").spec.licence
    shown = "\n".join((licence.id, licence.name, licence.url, licence.text))
    assert record["licence"] == "S-Lab-1.0"
    assert record["sha256"] == hashlib.sha256(shown.encode()).hexdigest()
    assert before <= datetime.fromisoformat(record["when"]) <= datetime.now(UTC)


def test_models_are_fetched_from_the_mirror_of_the_settings(
    call: Call, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as server:
        server.paths["/xseg_1.onnx"] = [Behaviour(onnx_file(tmp_path / "x", "xseg_1").read_bytes())]
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "config" / "config.toml").write_text(f'models_mirror = "{server.url}"\n')
        status, out, _ = call("fetch", "xseg_1", "--json")
        assert status == 0
        assert json.loads(out)[0]["here"] is True
        status, out, _ = call("fetch", "xseg_2", "--json")
        assert (status, json.loads(out)["error"]["code"]) == (1, "network-unavailable")
    (home / "config" / "config.toml").write_text('models_mirror = "ftp://x"\n')
    assert "begins with https:// or http://" in call("list")[2]
