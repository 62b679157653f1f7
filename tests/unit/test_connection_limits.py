"""Who asks for nothing is hung up on, and never leaves the daemon without descriptors."""

import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import psutil
import pytest
from control import fake
from limits import soft_limit
from pages import cookie, running, visitor

from visard.daemon.server.protocol import LimitedProtocol
from visard.daemon.service import descriptors


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running(fake(tmp_path_factory.mktemp("page"))) as page, visitor(page.link()) as client:
        yield client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "timeout", 0.1)


@contextmanager
def connection(client: httpx.Client, text: str = "") -> Iterator[socket.socket]:
    """Connect and send this, with the session and names of the visitor where it is a whole request."""
    port = int(client.base_url.port or 0)
    with closing(socket.create_connection(("127.0.0.1", port), 60)) as there:
        text = text.replace("HOST", f"Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}")
        there.sendall(text.replace("COOKIE", f"Cookie: {cookie(client)}").encode())
        yield there


def rest(there: socket.socket) -> bytes:
    """Read until the page hangs up."""
    pieces = []
    try:
        while piece := there.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


GET = "GET /icon.svg HTTP/1.1\r\nHOST\r\n\r\n"
BODY = "POST /{} HTTP/1.1\r\nHOST\r\n{}Content-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize("text", ["", "GET / HT", "GET / HTTP/1.1\r\nHOST\r\n", GET, GET + "GET"])
def test_who_asks_for_nothing_more_is_hung_up_on(client: httpx.Client, impatient: None, text: str) -> None:
    with connection(client, text) as there:
        assert rest(there).count(b"200 OK") == text.count(GET)


@pytest.mark.parametrize(
    ("text", "drop"),
    [
        ("GET / HTTP/1.1\r\nHOST\r\nX: ", b"x"),
        (GET + "GET / HTTP/1.1\r\nHOST\r\nX: ", b"x"),
        (BODY.format("pause", ""), b"x"),  # refused, and its body goes on
        (BODY.format("nonsense", "COOKIE\r\n"), b"x"),
    ],
)
def test_who_sends_drop_by_drop_is_hung_up_on(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, text: str, drop: bytes
) -> None:
    monkeypatch.setattr(LimitedProtocol, "timeout", 0.5)
    with connection(client, text) as there:
        there.settimeout(0.05)
        for _ in range(1000):  # fifty seconds
            try:
                there.sendall(drop)
                if not there.recv(65536):
                    return
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return
    raise AssertionError("the page still listens")


def test_who_gets_an_answer_may_take_their_time(client: httpx.Client, impatient: None) -> None:
    with connection(client, "GET /result HTTP/1.1\r\nHOST\r\nCOOKIE\r\n\r\n") as there:
        pictures = 0
        while pictures < 5:  # ten come in a second
            piece = there.recv(1 << 20)
            assert piece
            pictures += piece.count(b"Content-Type: image/jpeg")


def test_only_so_many_at_once_and_again_when_one_has_gone(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptors, "limit", lambda: 12)
    client.get("/status", headers={"Connection": "close"})
    with connection(client, GET) as one, connection(client, GET) as other, connection(client, GET) as third:
        for there in (one, other, third):
            assert there.recv(65536)
        with connection(client, GET) as fourth:
            assert fourth.recv(65536).startswith(b"HTTP/1.1 200 OK")
            with connection(client) as fifth:
                assert rest(fifth).startswith(b"HTTP/1.1 503 ")
        _until_admitted(client)


def _until_admitted(client: httpx.Client) -> None:
    for _ in range(1000):
        with connection(client, GET) as there:
            if there.recv(65536).startswith(b"HTTP/1.1 200 OK"):
                return
    raise AssertionError("the place of who has gone is not given to others")


def test_the_limit_of_descriptors_is_raised_and_never_lowered() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = descriptors.WANTED if hard == resource.RLIM_INFINITY else min(hard, descriptors.WANTED)
    with soft_limit(resource.RLIMIT_NOFILE, most // 2):
        descriptors.provide()
        assert descriptors.limit() == most
    with soft_limit(resource.RLIMIT_NOFILE, most):
        descriptors.provide()
        assert descriptors.limit() == most


def test_an_error_for_want_of_descriptors_is_known() -> None:
    wrapped = ValueError("model.onnx cannot be read")
    wrapped.__cause__ = OSError(errno.EMFILE, os.strerror(errno.EMFILE), "model.onnx")
    silent = ValueError("no face")
    assert descriptors.caused(wrapped)
    assert not descriptors.caused(silent)
    with soft_limit(resource.RLIMIT_NOFILE, psutil.Process().num_fds() + descriptors.SPARE // 2):
        assert descriptors.caused(silent)
