"""What strangers may try on the preview page, who have a session and still are strangers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from attacker import AS_NOBODY
from control import fake
from fake_service import FakeService
from pages import Running, cookie, raw, running, visitor

from visard.daemon.config.settings import Mode


class Everything(NamedTuple):
    service: FakeService
    page: Running
    client: httpx.Client


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    """One page and one visitor for all: what is refused leaves no trace."""
    service = fake(tmp_path_factory.mktemp("page"))
    with running(service) as page, visitor(page.link()) as client:
        yield Everything(service, page, client)


@pytest.fixture
def service(everything: Everything) -> FakeService:
    everything.service.switch_persona("clara", Mode.swap)
    everything.service.calls.clear()
    return everything.service


@pytest.fixture
def client(everything: Everything, service: FakeService) -> httpx.Client:
    return everything.client


def _ours(client: httpx.Client) -> dict[str, str]:
    return {"Origin": f"http://127.0.0.1:{client.base_url.port}", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    ("path", "body", "calls"),
    [
        ("/persona", {"name": "hanna"}, ["wear hanna"]),
        ("/persona", {"name": "hanna", "mode": "animate"}, ["wear hanna"]),
        ("/pause", None, ["pause"]),
        ("/resume", None, ["resume"]),
        ("/hide", None, ["reveal False"]),
    ],
)
def test_our_own_page_may_change_this(
    client: httpx.Client, service: FakeService, path: str, body: object, calls: list[str]
) -> None:
    answer = client.post(path, json=body, headers=_ours(client))
    assert answer.status_code == 200
    assert answer.json()["persona"] == service.status().persona
    assert service.calls == calls


FOREIGN_READS = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1"},
    {"Host": "127.0.0.1:80"},
    {"Host": "127.0.0.1.evil.example:{port}"},
    {"Host": "LOCALHOST:{port}."},
    {"Host": ""},
    {"Host": "evil.example", "X-Forwarded-Host": "127.0.0.1:{port}"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "https://127.0.0.1:{port}"},
    {"Origin": "http://localhost:{port}"},  # ours too, but not the one that was asked
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    {"Sec-Fetch-Site": "nonsense"},
]
FOREIGN_WRITES = [
    *FOREIGN_READS,
    {"Origin": ""},
    {"Sec-Fetch-Site": "none"},
    {"Origin": None},
]


def _filled(headers: dict[str, str | None], client: httpx.Client) -> dict[str, str]:
    """Our own headers with an attack's laid over; None takes one away."""
    port = client.base_url.port
    attack = {key: None if text is None else text.format(port=port) for key, text in headers.items()}
    return {key: text for key, text in (_ours(client) | attack).items() if text is not None}


@pytest.mark.parametrize("headers", FOREIGN_READS, ids=str)
def test_others_cannot_read(client: httpx.Client, headers: dict[str, str | None]) -> None:
    assert client.get("/status", headers=_filled(headers, client)).status_code in (400, 403)


@pytest.mark.parametrize("headers", FOREIGN_WRITES, ids=str)
def test_others_cannot_change(
    client: httpx.Client, service: FakeService, headers: dict[str, str | None]
) -> None:
    filled = _filled(headers, client)
    assert client.post("/pause", headers=filled).status_code in (400, 403)
    assert client.post("/persona", json={"name": "hanna"}, headers=filled).status_code in (400, 403)
    assert service.calls == []


def test_a_link_may_be_followed_from_anywhere(client: httpx.Client) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=followed).status_code == 200


def test_both_names_of_this_computer_are_good(client: httpx.Client) -> None:
    name = f"localhost:{client.base_url.port}"
    headers = {"Host": name, "Origin": f"http://{name}"}
    assert client.get("/status", headers=headers).status_code == 200
    assert client.post("/pause", headers=headers).status_code == 200


def test_a_request_with_two_hosts_or_origins_is_refused(client: httpx.Client) -> None:
    host, origin = (
        f"Host: 127.0.0.1:{client.base_url.port}",
        f"Origin: http://127.0.0.1:{client.base_url.port}",
    )
    said = [
        raw(client, "POST /pause HTTP/1.1", *lines, "Content-Length: 0", "Connection: close").partition(
            b"\r\n"
        )[0]
        for lines in (
            (host, origin),
            (host, "Host: evil.example", origin),
            (host, origin, "Origin: http://evil.example"),
            (origin,),
        )
    ]
    assert said == [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 400 Bad Request",
        b"HTTP/1.1 403 Forbidden",
        b"HTTP/1.1 400 Bad Request",
    ]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD"])
def test_other_methods_do_nothing(client: httpx.Client, service: FakeService, method: str) -> None:
    for path in ("/pause", "/persona", "/status"):
        assert client.request(method, path, headers=_ours(client)).status_code in (405, 501)
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    assert client.request(method, "/pause", headers=preflight).status_code in (403, 405)
    assert client.get("/pause").status_code == 405
    assert service.calls == []


@pytest.mark.parametrize(
    "path",
    ["/reveal", "/shutdown", "/settings", "/personas", "/preview", "/calibrate", "/openapi.json", "/docs",
     "/cameras", "/persona/next", "/web/page.js", "/%2e%2e/__init__.py"],
)  # fmt: skip
def test_nothing_else_of_the_api_is_here(client: httpx.Client, service: FakeService, path: str) -> None:
    assert client.get(path).status_code in (404, 405)
    assert client.post(path, json={}, headers=_ours(client)).status_code in (404, 405)
    assert service.calls == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"x" * 5000, "application/json", 413),
        (b'{"name": "hanna", "pad": "' + b"x" * 5000 + b'"}', "application/json", 413),
        (b"{", "application/json", 422),
        (b'{"name": "hanna", "more": 1}', "application/json", 422),
        (b'{"name": "hanna"}', "text/plain", 422),
        (b'{"name": "nobody"}', "application/json", 404),
        (b'{"name": "../clara"}', "application/json", 404),
    ],
)
def test_wrong_bodies(
    client: httpx.Client, service: FakeService, content: bytes, kind: str, status: int
) -> None:
    headers = _ours(client) | {"Content-Type": kind}
    answer = client.post("/persona", content=content, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    pieces = client.post("/persona", content=iter([content]), headers=headers)
    assert pieces.status_code == status
    assert service.status().persona == "clara"


@pytest.mark.parametrize("name", ["nobody", "%2e%2e", "%2e%2e%2fclara", "a" * 3000])
def test_thumbnails_are_only_of_personas(client: httpx.Client, name: str) -> None:
    assert client.get(f"/thumbnail/{name}").status_code == 404
    assert client.get("/thumbnail/clara").content.startswith(b"\xff\xd8")


BEING_NOBODY = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="becomes another user: needs root on Linux"
)


@BEING_NOBODY
@pytest.mark.parametrize("how", ["stay", "half-close", "close", "reset"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_another_user_is_kept_out_even_with_the_cookie(
    everything: Everything, service: FakeService, client: httpx.Client, host: str, how: str
) -> None:
    command = [*AS_NOBODY, host, str(client.base_url.port), how, cookie(client)]
    with (
        everything.page.held(),  # so that all was sent, and the end begun, before any of it is looked at
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger,
    ):
        assert stranger.stdout
        assert stranger.stdout.readline() == "sent\n"
        everything.page.release()
        told, _ = stranger.communicate("\n")
    assert client.get("/status").status_code == 200  # the same cookie, the right user, and after the other
    assert service.calls == []
    if how in ("stay", "half-close"):
        assert told.startswith("HTTP/1.1 403")
        assert "belongs to another user" in told


@BEING_NOBODY
def test_another_user_takes_no_place_and_no_descriptor(client: httpx.Client) -> None:
    """Every one of many that ask for nothing is sent away, while the page goes on."""
    command = [*AS_NOBODY, "127.0.0.1", str(client.base_url.port), "idle", "300"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as strangers:
        assert strangers.stdout
        assert strangers.stdout.readline() == "300 sent away\n"
        assert client.get("/status").status_code == 200
        strangers.communicate("\n")
