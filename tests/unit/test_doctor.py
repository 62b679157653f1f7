"""The doctor tells what is wrong, goes on when a check fails, and knows what stops the main job."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from fake_process import fake_daemon
from networks import NETWORKS

import visard.models.assets
from visard.daemon.diagnostics import engine_checks
from visard.daemon.diagnostics.doctor import _daemon, examine
from visard.daemon.diagnostics.findings import Finding, FindingState, render, status
from visard.engines import load
from visard.engines.interfaces import backends
from visard.models.processor import swappers


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> Path:
    return home


def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine()}


def test_a_healthy_installation_can_do_the_main_job() -> None:
    found = findings()
    assert status(found.values()) == 0
    for name in ("python", "processor", "engine openvino", "engine onnxruntime", "networks", "personas"):
        assert found[name].state is FindingState.ok, found[name]


def test_findings_are_json() -> None:
    again = json.loads(json.dumps([asdict(finding) for finding in examine()]))
    assert all(set(finding) == {"name", "state", "detail", "fix"} for finding in again)
    assert all(finding["state"] in {"ok", "missing", "problem"} for finding in again)


def test_a_check_that_fails_is_a_finding_and_the_next_goes_on() -> None:
    def _broken() -> Iterator[Finding]:
        yield Finding("first", FindingState.ok, "fine")
        raise OSError("no such thing")

    found = examine([_broken, lambda: [Finding("second", FindingState.ok, "fine")]])
    assert [(f.name, f.state) for f in found] == [
        ("broken", FindingState.problem),
        ("second", FindingState.ok),
    ]
    assert "no such thing" in found[0].detail
    assert status(found) == 1


def test_missing_parts_do_not_stop_the_main_job() -> None:
    assert status([Finding("camera", FindingState.missing, "none")]) == 0


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_damaged_network_is_a_problem_with_a_fix(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "assets"
    shutil.copytree(visard.models.assets.asset("SHA256SUMS").parent, copy)
    network = copy / "mp_face_landmarks_v2_478.onnx"
    network.chmod(0o600)
    network.write_bytes(network.read_bytes()[:1000])
    if harm == "gone":
        network.unlink()
    monkeypatch.setattr(visard.models.assets, "FOLDER", copy)
    found = findings()["networks"]
    assert found.state is FindingState.problem
    assert "mp_face_landmarks_v2_478.onnx" in found.detail
    assert found.fix


def test_one_engine_is_enough_and_none_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino, onnxruntime = backends.get("openvino"), backends.get("onnxruntime")
    monkeypatch.setattr(type(openvino), "unavailable", lambda _: "no CPU device")
    found = findings()
    assert (found["engine openvino"].state, found["engine openvino"].detail) == (
        FindingState.missing,
        "no CPU device",
    )
    assert "engines" not in found
    monkeypatch.setattr(type(onnxruntime), "open", lambda *_args, **_: 1 / 0)
    found = findings()
    assert "ZeroDivisionError" in found["engine onnxruntime"].detail
    assert found["engines"].state is FindingState.problem


def test_compiled_networks_are_counted_and_one_of_another_version_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(NETWORKS["fomm_keypoints"](tmp_path / "own.onnx", 1 / 16), backend="onnxruntime")
    monkeypatch.setattr(type(backends.get("onnxruntime")), "version", lambda _: "99")
    total, *others = [
        found for found in examine([engine_checks.compiled]) if found.name == "compiled networks"
    ]
    assert total.detail.startswith("1 in ")
    (stale,) = others
    assert "own.onnx for onnxruntime cpu fp32: made by version" in stale.detail
    assert "here is 99" in stale.detail


def test_a_plugin_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backends.broken, "tensorrt", "ImportError: no such library")
    found = findings()["plugin tensorrt"]
    assert found.state is FindingState.missing
    assert "no such library" in found.detail


def test_nothing_to_swap_with_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swappers, "all", dict)
    found = findings()["swappers"]
    assert found.state is FindingState.problem
    assert found.fix


def test_a_damaged_persona_is_named(home: Path) -> None:
    folder = home / "data/personas/broken"
    folder.mkdir(parents=True)
    found = findings()
    assert found["personas"].state is FindingState.ok
    assert found["persona broken"].fix == "visard personas remove broken"


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**20))
    assert findings()["own files"].state is FindingState.missing


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISARD_HOME", str(tmp_path / "file"))
    assert findings()["own files"].state is FindingState.problem


def test_a_fix_has_a_line_of_its_own() -> None:
    text = render(
        [Finding("a", FindingState.ok, "fine"), Finding("longer", FindingState.missing, "none", "sudo x --y")]
    )
    assert text.plain.splitlines() == [
        "a       ok       fine",
        "longer  missing  none",
        "                 sudo x --y",
    ]


def test_a_daemon_that_does_not_run_is_told_how_to_start(home: Path) -> None:
    found = findings()
    assert (found["daemon"].state, found["daemon"].fix) == (FindingState.missing, "visard daemon")
    assert found["settings"].state is FindingState.ok


def test_a_running_daemon_tells_its_problems(home: Path) -> None:
    with fake_daemon(home) as tell:
        tell("problem no-output")
        found = examine([_daemon])
    assert "is version 0.0.fake" in found[0].detail
    assert (found[1].detail, found[1].fix) == ("there is no virtual camera", "sudo modprobe v4l2loopback")


@pytest.mark.parametrize("text", ["opacty = 1", "opacity = 7", "opacity 7"])
def test_a_wrong_configuration_is_a_problem_that_names_the_file(home: Path, text: str) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config/config.toml").write_text(text)
    found = findings()["settings"]
    assert found.state is FindingState.problem
    assert str(home / "config/config.toml") in found.detail
