"""The preview page on a real port: its links, its answers, its end."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from control import fake
from fake_processor import drop_in
from fake_service import FakeService
from pages import Running, cookie, running, visitor


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    return fake(tmp_path)


@pytest.fixture
def page(service: FakeService) -> Iterator[Running]:
    with running(service) as started:
        yield started


@pytest.fixture
def client(page: Running) -> Iterator[httpx.Client]:
    with visitor(page.link()) as inside:
        yield inside


# The link.


def test_a_link_becomes_a_session_and_is_spent(page: Running) -> None:
    link = page.link()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", link)
    with httpx.Client(trust_env=False) as client:
        first = client.get(link)
        assert (first.status_code, first.headers["location"]) == (303, "/")
        name, _, rest = first.headers["set-cookie"].partition("=")
        assert name == f"visard-{httpx.URL(link).port}"
        assert {"httponly", "samesite=strict", "path=/"} <= set(rest.lower().split("; "))
        assert client.get(httpx.URL(link).join("/")).status_code == 200
        again = client.get(link)
    assert again.status_code == 403
    assert "visard preview --open" in again.text
    assert "<script" not in again.text


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=wrong", "/?token=a&token=b"])
def test_without_a_good_token_there_is_a_friendly_page(page: Running, path: str) -> None:
    answer = httpx.get(httpx.URL(page.link()).join(path), trust_env=False)
    assert answer.status_code == 403
    assert "A new link is needed" in answer.text
    assert "set-cookie" not in answer.headers


def test_several_look_at_once(page: Running) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(visitor(page.link())) for _ in range(3)]
        assert [client.get("/").status_code for client in clients] == [200] * 3
        assert len({client.base_url.port for client in clients}) == 1


@pytest.mark.parametrize("path", ["/status", "/events", "/driver", "/result", "/thumbnail/clara", "/page.js"])
def test_nothing_is_told_without_a_session(page: Running, path: str) -> None:
    answer = httpx.get(httpx.URL(page.link()).join(path), trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "session")


# What a visitor gets.


HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    "path", ["/", "/status", "/page.js", "/page.css", "/nowhere", "/thumbnail/clara", "/?token=x", "/driver"]
)
def test_every_answer_forbids_what_is_not_needed(client: httpx.Client, path: str) -> None:
    with client.stream("GET", path) as answer:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert "server" not in answer.headers


def test_nothing_of_the_page_comes_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/").text
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert client.get(address).status_code == 200, address
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", page)  # the policy would refuse it


@pytest.mark.parametrize("path", ["/driver", "/result"])
def test_pictures_come_as_motion_jpeg(client: httpx.Client, path: str, service: FakeService) -> None:
    with client.stream("GET", path) as answer:
        assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=visard-frame"
        seen = b""
        for piece in answer.iter_bytes():
            seen += piece
            if seen.count(b"\xff\xd8\xff") >= 2:
                break


def test_the_page_chooses_a_processor_and_options(
    client: httpx.Client, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in(monkeypatch)
    origin = {"Origin": str(client.base_url).rstrip("/")}
    names = [each["name"] for each in client.get("/processors").json()]
    assert {"mesh", "puppet", "tint"} <= set(names)
    body = {"processor": "tint", "options": {"strength": 0.5}}
    answer = client.patch("/persona/clara", json=body, headers=origin)
    assert (answer.status_code, answer.json()["processor"]) == (200, "tint")
    assert service.persona("clara").options == {"tint": {"strength": 0.5}}
    wrong = client.patch("/persona/clara", json={"options": {"strength": 5}}, headers=origin)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "persona")
    assert client.patch("/persona/clara", json={"name": "other"}, headers=origin).status_code == 422
    service.prepare("hanna")
    assert client.delete("/jobs/0", headers=origin).json()["wanted"] is None


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/persona/clara"), ("DELETE", "/jobs/0")])
def test_only_the_page_itself_may_choose(
    client: httpx.Client, service: FakeService, method: str, path: str
) -> None:
    service.prepare("hanna")
    for headers in ({}, {"Origin": "http://example.org"}):
        answer = client.request(method, path, json={"processor": "puppet"}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin")
    assert service.calls == []


def test_events_begin_with_the_status(client: httpx.Client) -> None:
    with client.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line)
        assert next(lines) == "event: status"
        assert '"persona": "clara"' in next(lines)


# The end.


def test_the_page_closes_when_nobody_looks_and_opens_again(service: FakeService) -> None:
    with running(service, idle=0.3) as page:
        link = page.link()
        with visitor(link) as client, client.stream("GET", "/result") as answer:
            pieces = answer.iter_bytes()
            for _ in range(15):  # longer than the quiet time, at ten pictures a second
                next(pieces)
        _refused(httpx.URL(link).port)
        with visitor(page.link()) as client:
            assert client.get("/").status_code == 200


def test_open_streams_do_not_hold_up_the_end(page: Running, client: httpx.Client) -> None:
    with client.stream("GET", "/result") as pictures, client.stream("GET", "/events") as events:
        next(pictures.iter_bytes())
        next(events.iter_bytes())
        page.close()  # waits for the server
        _refused(client.base_url.port)
    assert not [thread for thread in threading.enumerate() if "page" in thread.name]


def test_a_reader_who_does_not_read_does_not_hold_up_the_end(page: Running, client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", int(client.base_url.port or 0))) as idle:
        host = f"127.0.0.1:{client.base_url.port}"
        idle.sendall(f"GET /driver HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie(client)}\r\n\r\n".encode())
        idle.recv(100)
        page.close()


def test_closing_twice_or_before_opening_is_fine(page: Running) -> None:
    page.close()
    page.link()
    page.close()
    page.close()


def _refused(port: int | None) -> None:
    """Wait until nobody listens there any more."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.settimeout(5)
            if probe.connect_ex(("127.0.0.1", int(port or 0))):
                return
        threading.Event().wait(0.05)
    raise AssertionError("the page is still open")
