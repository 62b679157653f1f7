"""``visard daemon`` as a process: it answers at once, is alone, keeps others out, and ends."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from fake_process import PROGRAM

from visard.daemon.client import Client
from visard.daemon.errors import DaemonAbsent
from visard.daemon.protocol import State

pytestmark = pytest.mark.slow

Start = Callable[..., "subprocess.Popen[str]"]
LONG = 10.0
"""Seconds in which even a busy machine ends a daemon; how long it really takes is for tests/bench to say."""


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Start daemons: the real one, or the one without cameras when a program is given."""
    started: list[subprocess.Popen[str]] = []

    def run(*command: str, **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, *(command or ("-m", "visard.daemon", "daemon"))],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def fake(start: Start) -> "subprocess.Popen[str]":
    """A daemon without cameras that answers."""
    process = start(str(PROGRAM))
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def answering(process: "subprocess.Popen[str]") -> Client:
    """Wait until a daemon answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            client = Client()
            client.status()
        except DaemonAbsent:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return client


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=LONG)
    return process.returncode, err


def visard(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "visard.daemon", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def raw(home: Path, path: str = "/status", method: str = "GET") -> socket.socket:
    """Send one request by hand and leave the answer unread."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(str(home / "run/visard.sock"))
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: visard\r\n\r\n".encode())
    return connection


def test_it_answers_without_camera_driver_and_configuration(start: Start, home: Path) -> None:
    process = start()
    with answering(process) as client:
        status = client.status()
        assert status.pid == process.pid
        assert not status.output.ok or status.output.where
        assert {problem.code for problem in status.problems} <= {"no-output", "no-camera", "camera-missing"}
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
    fake: "subprocess.Popen[str]", home: Path, ending: signal.Signals | None
) -> None:
    idle = [raw(home, path) for path in ("/events", "/preview", "/events", "/status")]
    with Client() as client, client.events() as events:
        next(events)
        if ending is None:
            client.shutdown()
        else:
            fake.send_signal(ending)
        assert {event.event for event in events} <= {"status"}
    assert ended(fake) == (0, "")
    assert not (home / "run/visard.sock").exists()
    for connection in idle:
        connection.close()


def test_a_second_daemon_leaves_the_first_alone(
    fake: "subprocess.Popen[str]", start: Start, home: Path
) -> None:
    status, err = ended(start())
    assert status == 1
    assert err == "visard: a Visard daemon of yours is at work already; 'visard status' tells about it\n"
    with Client() as client:
        assert client.status().pid == fake.pid


def test_what_a_killed_daemon_left_behind_is_replaced(fake: "subprocess.Popen[str]", start: Start) -> None:
    with Client() as client:
        client.wear("nico")
    fake.kill()
    fake.wait()
    with pytest.raises(DaemonAbsent):
        Client().status()
    again = start(str(PROGRAM))
    with answering(again) as client:
        assert client.status().persona == "nico"


@pytest.mark.parametrize(
    ("text", "words"),
    [("opacty = 1", "did you mean opacity?"), ("opacity =", "is not TOML"), ("zoom = 9", "zoom")],
)
def test_a_wrong_configuration_stops_it_with_one_line(
    start: Start, home: Path, text: str, words: str
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config/config.toml").write_text(text)
    status, err = ended(start())
    assert (status, err.count("\n")) == (1, 1)
    assert words in err
    assert str(home / "config/config.toml") in err


def test_a_folder_that_others_can_enter_is_refused(start: Start, home: Path) -> None:
    (home / "run").mkdir(parents=True)
    (home / "run").chmod(0o755)
    status, err = ended(start())
    assert status == 1
    assert "chmod 700" in err


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs root to become another user")
def test_another_user_is_refused(fake: "subprocess.Popen[str]", home: Path) -> None:
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


def test_a_client_that_never_reads_holds_nobody_up(fake: "subprocess.Popen[str]", home: Path) -> None:
    watched = psutil.Process(fake.pid)
    deaf = [raw(home, path) for path in ("/events", "/preview") for _ in range(5)]
    with Client() as client:
        for round_ in range(4):
            for number in range(60):
                client.change({"opacity": number / 60})
            if round_ == 0:
                before = watched.memory_info().rss
        assert watched.memory_info().rss - before < 20 << 20
        assert client.status().state is State.live
    for connection in deaf:
        connection.close()


def test_two_hundred_clients_at_once_and_nothing_is_left_of_them(
    fake: "subprocess.Popen[str]", home: Path
) -> None:
    watched = psutil.Process(fake.pid)
    with Client() as client:
        client.status()
        threads, files = watched.num_threads(), watched.num_fds()
        readers = [raw(home, "/events") for _ in range(200)]
        assert all(b"200 OK" in reader.recv(300) for reader in readers)
        with ThreadPoolExecutor(50) as pool:
            names = list(pool.map(lambda _: client.next().persona, range(200)))
        assert len(names) == 200
        assert client.status().persona == ("clara", "hanna", "marco", "nico", "robin", "walter")[200 % 6]
        assert watched.num_threads() < threads + 60
        for reader in readers:
            reader.close()
        deadline = time.monotonic() + 30
        while watched.num_fds() > files + 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert watched.num_fds() <= files + 2


def request(home: Path, body: Any, **headers: str) -> tuple[int, Any]:
    """PATCH the settings with a body of any kind; gives the status and the code of the error."""
    connection = http.client.HTTPConnection("visard")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    connection.sock.connect(str(home / "run/visard.sock"))
    connection.request(
        "PATCH", "/settings", body, {"Content-Type": "application/json", **headers},
        encode_chunked="Transfer-Encoding" in headers,
    )  # fmt: skip
    answer = connection.getresponse()
    text = json.loads(answer.read())
    connection.close()
    return answer.status, text.get("error", {}).get("code")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_hundred_megabytes_are_refused_and_not_kept(
    fake: "subprocess.Popen[str]", home: Path, chunked: bool
) -> None:
    watched = psutil.Process(fake.pid)
    with Client() as client:
        client.status()
        before = watched.memory_info().rss
        pieces = (b"x" * (1 << 20) for _ in range(100))
        if chunked:
            found = request(home, pieces, **{"Transfer-Encoding": "chunked"})
        else:
            found = request(home, pieces, **{"Content-Length": str(100 << 20)})
        assert found == (413, "too-large")
        assert watched.memory_info().rss - before < 30 << 20
        assert client.status().state is State.live


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x00\xff" * 500,
        b"\r\n" * 100,
        b"POST /status HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_is_not_even_http_is_refused(fake: "subprocess.Popen[str]", home: Path, rubbish: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(home / "run/visard.sock"))
        connection.sendall(rubbish)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert answer == b"" or (b" 400 " in head and json.loads(body)["error"]["code"] == "bad-request")
    with Client() as client:
        assert client.status().state is State.live


def test_the_service_manager_hears_of_it(start: Start, tmp_path: Path) -> None:
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(place))
        ear.settimeout(30)
        process = start(str(PROGRAM), NOTIFY_SOCKET=str(place), WATCHDOG_USEC="4000000")
        heard: list[str] = []

        def until(message: str) -> None:
            while message not in heard:
                heard.append(ear.recv(500).decode())

        until("READY=1")
        until("STATUS=live, clara")
        with Client() as client:
            client.wear("nico")
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


def test_commands_drive_it_and_say_so_when_it_is_not_there(fake: "subprocess.Popen[str]", home: Path) -> None:
    assert visard("persona", "marco", "--mode", "animate") == (0, "marco is on\n", "")
    assert visard("next") == (0, "nico is on\n", "")
    assert visard("previous")[1] == "marco is on\n"
    assert visard("pause")[1] == "marco is on, paused\n"
    assert visard("resume")[1] == "marco is on\n"
    assert "hide it with: visard reveal --off" in visard("reveal")[1]
    assert visard("reveal", "--off")[1] == "marco is on\n"
    assert visard("settings", "set", "opacity", "0.5") == (0, "opacity = 0.5\n", "")
    assert visard("settings", "set", "camera=0")[1] == "camera = 0\n"
    assert visard("settings", "get", "camera")[1] == "0\n"
    assert visard("settings", "unset", "camera")[1] == "camera = auto\n"
    assert "mode = animate\n" in visard("settings", "get")[1]
    assert visard("settings", "set", "opacty=1") == (
        1,
        "",
        "visard: there is no setting 'opacty'; did you mean opacity?\n",
    )
    assert json.loads(visard("settings", "get", "zoom", "--json")[1]) == {"zoom": 1.0}
    assert "Acme Webcam (usb-Acme" in visard("cameras")[1]
    assert json.loads(visard("status", "--json")[1])["persona"] == "marco"
    assert visard("status")[1].startswith(
        "state     live\npersona   marco (animate)\ncamera    Acme Webcam\n"
    )
    assert visard("preview")[1].startswith("http://127.0.0.1:")
    assert visard("daemon", "--stop") == (0, "", "")
    assert ended(fake) == (0, "")
    for command in (["status"], ["next"], ["settings", "get"], ["events"], ["preview"], ["daemon", "--stop"]):
        assert visard(*command) == (1, "", "visard: no Visard daemon answers; start it with: visard daemon\n")


def test_events_are_lines(fake: "subprocess.Popen[str]") -> None:
    command = [sys.executable, "-m", "visard.daemon", "events"]
    with (
        subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as machine,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as person,
        Client() as client,
    ):
        assert machine.stdout
        assert person.stdout
        assert json.loads(machine.stdout.readline())["data"]["persona"] == "clara"
        assert person.stdout.readline() == "live      clara is on\n"
        client.wear("robin")
        while json.loads(machine.stdout.readline())["data"]["persona"] != "robin":
            pass
        while person.stdout.readline() != "live      robin is on\n":
            pass
        client.shutdown()
        assert (machine.wait(LONG), person.wait(LONG)) == (0, 0)
