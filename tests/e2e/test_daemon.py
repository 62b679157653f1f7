"""``visard daemon`` as a process: it answers at once, is alone, keeps others out, and ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from daemons import Process, Start, answering, ended, raw
from fake_process import PROGRAM

from visard.daemon.api.client import Client
from visard.daemon.api.schema import State
from visard.daemon.errors import DaemonAbsent

pytestmark = pytest.mark.slow


def test_it_answers_without_camera_driver_and_configuration(daemons: Start, home: Path) -> None:
    process = daemons()
    with answering(process) as client:
        status = client.status()
        assert status.pid == process.pid
        assert not status.output.ok or status.output.where
        assert {problem.code for problem in status.problems} <= {
            "no-output", "no-camera", "camera-missing", "slow-processor"
        }  # fmt: skip
        assert len(client.personas()) == 6
        socket_, folder = home / "run/visard.sock", home / "run"
        assert [stat.S_IMODE(place.stat().st_mode) for place in (socket_, folder)] == [0o600, 0o700]
        assert not (home / "config/config.toml").exists()
        assert client.pause().state in (State.paused, State.problem)
        assert "paused = true" in (home / "config/config.toml").read_text()
    process.terminate()
    assert ended(process)[0] == 0
    assert not (home / "run/visard.sock").exists()
    assert "ended" in (home / "log/visard.log").read_text()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, None])
def test_it_ends_cleanly_whoever_still_reads(
    pretended: Process, home: Path, ending: signal.Signals | None
) -> None:
    idle = [raw(home, path) for path in ("/events", "/preview", "/events", "/status")]
    with Client() as client, client.events() as events:
        next(events)
        if ending is None:
            client.shutdown()
        else:
            pretended.send_signal(ending)
        assert {event.event for event in events} <= {"status"}
    assert ended(pretended) == (0, "")
    assert not (home / "run/visard.sock").exists()
    for connection in idle:
        connection.close()


def test_a_second_daemon_leaves_the_first_alone(pretended: Process, daemons: Start, home: Path) -> None:
    status, err = ended(daemons())
    assert status == 1
    assert err == "visard: a Visard daemon of yours is at work already; 'visard status' tells about it\n"
    with Client() as client:
        assert client.status().pid == pretended.pid


def test_what_a_killed_daemon_left_behind_is_replaced(pretended: Process, daemons: Start) -> None:
    with Client() as client:
        client.switch_persona("nico")
    pretended.kill()
    pretended.wait()
    with pytest.raises(DaemonAbsent):
        Client().status()
    again = daemons(str(PROGRAM))
    with answering(again) as client:
        assert client.status().persona == "nico"


@pytest.mark.parametrize(
    ("text", "words"),
    [("opacty = 1", "did you mean opacity?"), ("opacity =", "is not TOML"), ("zoom = 9", "zoom")],
)
def test_a_wrong_configuration_stops_it_with_one_line(
    daemons: Start, home: Path, text: str, words: str
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config/config.toml").write_text(text)
    status, err = ended(daemons())
    assert (status, err.count("\n")) == (1, 1)
    assert words in err
    assert str(home / "config/config.toml") in err


def test_a_folder_that_others_can_enter_is_refused(daemons: Start, home: Path) -> None:
    (home / "run").mkdir(parents=True)
    (home / "run").chmod(0o755)
    status, err = ended(daemons())
    assert status == 1
    assert "chmod 700" in err


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs root to become another user")
def test_another_user_is_refused(pretended: Process, home: Path) -> None:
    code = (
        "import os, socket, sys\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: s.connect(sys.argv[1]); print('in')\n"
        "except OSError as error: print(type(error).__name__)\n"
    )

    def attempt() -> str:
        command = [sys.executable, "-c", code, str(home / "run/visard.sock")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert attempt() == "PermissionError"
    opened = [place for place in (home / "run", *(home / "run").parents[:-2]) if place.stat().st_uid == 0]
    before = [place.stat().st_mode for place in opened]
    try:
        for place, mode in zip(opened, before, strict=True):
            place.chmod(mode | 0o055)
        assert attempt() == "PermissionError", "the socket's own mode keeps others out as well"
    finally:
        for place, mode in zip(opened, before, strict=True):
            place.chmod(mode)


def test_the_service_manager_hears_of_it(daemons: Start, tmp_path: Path) -> None:
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(place))
        ear.settimeout(30)
        process = daemons(str(PROGRAM), NOTIFY_SOCKET=str(place), WATCHDOG_USEC="4000000")
        heard: list[str] = []

        def until(message: str) -> None:
            while message not in heard:
                heard.append(ear.recv(500).decode())

        until("READY=1")
        until("STATUS=live, clara")
        with Client() as client:
            client.switch_persona("nico")
            until("STATUS=live, nico")
        assert process.stdin
        process.stdin.write("ill\n")
        process.stdin.flush()
        process.stdin.write("problem no-output\n")
        process.stdin.flush()
        until("STATUS=problem, nico; there is no virtual camera")
        heard.clear()
        process.terminate()
        until("STOPPING=1")
        assert "WATCHDOG=1" not in heard, "there is no sign of life from one that hangs"
