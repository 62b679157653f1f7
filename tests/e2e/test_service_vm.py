"""Visard as people have it: installed from its package, up after a login, in a call, without camera, removed.

Set VISARD_VM=1 to run it: as root on x86-64 Debian it installs what it needs and boots a machine under QEMU.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vm.judge import Match, Pair, has_face, match, pairs, read
from vm.machine import SYSTEMD
from vm.pattern import is_red

pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.timeout(3600)]

BACK = 5.0
"""Seconds from a daemon's death to the face on a real machine; the guest takes longer as measured."""
WIDTH, HEIGHT = 320, 180


@pytest.fixture(scope="module")
def guest(play: Callable[..., Path], request: pytest.FixtureRequest) -> Path:
    """The folder of pictures and findings after one run of the whole scenario."""
    package = request.getfixturevalue("deb")  # asked for only when there is a guest for it

    def fill(job: Path) -> None:
        (job / "out").mkdir()
        (job / "visard.deb").symlink_to(package)

    return play("service.py", limit=2700, out="/vm/job/out", fill=fill, system=SYSTEMD) / "out"


@pytest.fixture(scope="module")
def demo() -> list[Pair]:
    """The demo driver as the first persona shows it, made on this machine."""
    return list(pairs("clara", WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def slower(guest: Path, repository: Path) -> float:
    """How many times slower the guest is at what a daemon does from its start to the first face."""
    times = []
    for _ in range(3):
        start = time.monotonic()
        subprocess.run([sys.executable, repository / "tests/e2e/vm/work.py"], check=True)
        times.append(time.monotonic() - start)
    return float(found(guest, "slowness")["work"] / min(times))


def found(guest: Path, act: str) -> dict[str, Any]:
    result = json.loads((guest / "acts.json").read_text())[act]
    assert "error" not in result, result["error"]
    return dict(result)


def is_persona(seen: Match) -> bool:
    """Whether a picture shows the persona's face in the driver's scene, and not the driver."""
    return seen.persona < seen.driver / 2 and seen.driver > 10 and seen.scene < 8


def test_the_package_brings_the_camera(guest: Path) -> None:
    installed = found(guest, "install")
    assert installed["device"] == ["/dev/video60", "Visard Camera"]
    assert installed["files"] > 100


def test_at_login_everything_is_up_by_itself(guest: Path) -> None:
    login = found(guest, "login")
    assert re.fullmatch(r"\s*\S+ \d+ tester seat0 tty1\s*", login["session"])
    assert (login["unit"]["ActiveState"], login["unit"]["UnitFileState"]) == ("active", "enabled")
    assert login["unit"]["NRestarts"] == "0"
    status = login["status"]
    assert status["state"] in ("live", "sleeping")
    assert status["pid"] == int(login["unit"]["MainPID"])
    assert status["output"]["ok"]
    assert status["output"]["where"] == "Visard Camera (/dev/video60)"


def test_who_sits_at_the_machine_may_write_the_camera_and_nobody_else(guest: Path) -> None:
    login = found(guest, "login")
    assert login["may write"] == [True, False]
    assert "video" not in login["groups"]


def test_the_command_drives_the_daemon(guest: Path) -> None:
    status, said, complaints = found(guest, "login")["command"]
    assert (status, complaints) == (0, "")
    assert '"Visard Camera (/dev/video60)"' in said


def test_another_user_is_shut_out(guest: Path) -> None:
    tried = found(guest, "shut_out")
    assert (tried["status"], tried["answer"]) == (7, "")
    assert "Permission denied" in tried["said"]
    assert tried["modes"] == ["tester 700", "tester 600"]


@pytest.mark.parametrize("end", ["near", "far"])
def test_both_ends_of_a_call_see_the_persona_and_not_the_driver(
    guest: Path, demo: list[Pair], end: str
) -> None:
    status = found(guest, "call")["status"]
    assert (status["persona"], status["camera"]["demo"]) == ("clara", True)
    picture = read(guest / f"{end}.png")
    assert has_face(picture)
    assert is_persona(match(picture, demo)), match(picture, demo)


def test_a_killed_daemon_comes_back_under_the_same_reader(guest: Path, slower: float) -> None:
    """The act fails in the guest when the reader ends or complains, or sees no card before the face."""
    killed = found(guest, "killed")
    assert killed["after"]["MainPID"] not in ("0", killed["before"]["MainPID"])
    assert (killed["before"]["NRestarts"], killed["after"]["NRestarts"]) == ("0", "1")
    assert killed["back"] < BACK * slower, f"the guest is {slower:.0f} times slower"


def test_a_restart_never_shows_the_driver(guest: Path, demo: list[Pair]) -> None:
    kept = found(guest, "killed")["kept"]
    assert kept >= 1
    names = ["killed-before", *(f"killed-{number}" for number in range(kept))]
    seen = [match(read(guest / f"{name}.png"), demo) for name in names]
    assert all(map(is_persona, seen)), seen


def test_an_unplugged_camera_leaves_the_card(guest: Path) -> None:
    replug = found(guest, "replug")
    assert replug["missing"]["message"]
    card = read(guest / "unplugged.png")
    assert np.median(card.reshape(-1, 3), 0).tolist() == pytest.approx([38, 34, 30], abs=4)
    assert not is_red(card)


def test_a_camera_comes_back_by_itself_under_another_number(guest: Path) -> None:
    """vivid shows red, which goes out blurred since there is no face; the reader went on all the while."""
    replug = found(guest, "replug")
    assert not set(replug["before"]) & {replug["after"][0]}
    assert is_red(read(guest / "plugged.png"))
    assert is_red(read(guest / "replugged.png"))


def test_without_readers_the_webcam_is_let_go(guest: Path) -> None:
    sleep = found(guest, "sleep")
    assert sleep["camera"]["state"] == "asleep"
    assert sleep["holds"] == []
    assert len(sleep["holds awake"]) == 1


def test_a_sleeping_daemon_does_nothing(guest: Path, slower: float) -> None:
    """At most 0.5 % of a processor on a real machine."""
    sleep = found(guest, "sleep")
    assert sleep["spent"] / sleep["over"] < 0.005 * slower


def test_it_wakes_for_a_reader(guest: Path, slower: float) -> None:
    sleep = found(guest, "sleep")
    assert sleep["camera awake"]["state"] == "ok"
    assert sleep["awake after"] < 1.5 * slower


def test_after_the_next_login_it_is_up_again(guest: Path) -> None:
    again = found(guest, "log_out_and_in")
    assert again["unit"]["ActiveState"] == "active"
    assert again["unit"]["MainPID"] != again["before"]
    assert again["status"]["output"]["ok"]


def test_a_purge_leaves_nothing_but_what_people_made(guest: Path) -> None:
    removed = found(guest, "remove")
    assert removed["left"] == []
    assert [path for path in removed["named"] if not path.startswith("/run/user/")] == []
    assert removed["processes"] == ""
    assert removed["unit"]["LoadState"] == "not-found"
    assert not removed["device"]
    assert removed["own"]
