"""``visard install`` for one person under a real systemd: up at once, back after a crash, then gone.

Set VISARD_VM=1 to run it: as root on x86-64 Debian it installs what it needs and boots a machine under QEMU.
"""

import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from vm.machine import SYSTEMD

pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.timeout(3600)]


FOLDERS = {".config", ".cache", ".local", ".local/share", ".local/state"}
"""Everybody's, and made by whoever comes first."""


@pytest.fixture(scope="module")
def found(play: Callable[..., Path], request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the scenario in the guest found out."""
    package = request.getfixturevalue("deb")  # asked for only when there is a guest for it

    def fill(job: Path) -> None:
        subprocess.run(["dpkg-deb", "--extract", package, job / "tree"], check=True)

    return dict(
        json.loads((play("account.py", limit=2400, fill=fill, system=SYSTEMD) / "acts.json").read_text())
    )


def act(found: dict[str, Any], name: str) -> dict[str, Any]:
    assert "error" not in found[name], found[name]["error"]
    return dict(found[name])


def test_install_returns_with_the_daemon_up(found: dict[str, Any]) -> None:
    installed = act(found, "install")
    assert installed["state"] == "active"
    assert installed["pid"] > 1
    assert ".config/systemd/user/default.target.wants/visard.service" in installed["files"]


def test_installing_again_finds_all_as_it_should_be(found: dict[str, Any]) -> None:
    steps = json.loads(act(found, "install")["again"])["steps"]
    assert steps == ["run systemctl --user daemon-reload"]


def test_a_killed_daemon_comes_back(found: dict[str, Any]) -> None:
    crashed = act(found, "crash")
    assert crashed["before"] == act(found, "install")["pid"]
    assert crashed["pid"] not in (0, crashed["before"])


def test_a_daemon_that_cannot_run_is_tried_again_slowly_and_for_ever(found: dict[str, Any]) -> None:
    """Five times at once, for a call may be going on; then a rest of a minute, and so on."""
    starts = act(found, "crash_loop")["starts"]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    rests = [gap for gap in gaps if gap > 40]
    assert len(starts) >= 6, "it was given up"
    assert len(starts) <= 15, "it spins"
    assert rests
    assert max(rests) < 130, "and it rested longer than an emulated machine explains"


def test_uninstall_leaves_nothing(found: dict[str, Any]) -> None:
    gone = act(found, "uninstall")
    assert gone["state"] == "inactive"
    assert set(gone["files"]) <= set(act(found, "log_in")["before"]) | FOLDERS
