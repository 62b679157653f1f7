"""Many clients, deaf clients and hostile ones: the daemon serves the others and keeps nothing of them."""

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from daemons import Process, raw

from visard.daemon.api.client import Client
from visard.daemon.api.schema import State

pytestmark = pytest.mark.slow


def test_a_client_that_never_reads_holds_nobody_up(pretended: Process, home: Path) -> None:
    watched = psutil.Process(pretended.pid)
    deaf = [raw(home, path) for path in ("/events", "/preview") for _ in range(5)]
    with Client() as client:
        for round_ in range(4):
            for number in range(60):
                client.change({"opacity": 1 - number / 600})
            if round_ == 0:
                before = watched.memory_info().rss
        assert watched.memory_info().rss - before < 20 << 20
        assert client.status().state is State.live
    for connection in deaf:
        connection.close()


def test_two_hundred_clients_at_once_and_nothing_is_left_of_them(pretended: Process, home: Path) -> None:
    watched = psutil.Process(pretended.pid)
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
def test_a_hundred_megabytes_are_refused_and_not_kept(pretended: Process, home: Path, chunked: bool) -> None:
    watched = psutil.Process(pretended.pid)
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
def test_what_is_not_even_http_is_refused(pretended: Process, home: Path, rubbish: bytes) -> None:
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
