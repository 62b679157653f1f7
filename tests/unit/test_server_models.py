"""Models over the control API and the preview page: lists, licences, jobs and how they end."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import pytest
from control import ask, fake
from fake_service import FakeService
from model_files import Behaviour, Server, onnx_file, serving
from pages import running, visitor

from visard.models.store import Store, download

Ask = Callable[..., tuple[int, Any]]


class DiskUsage(NamedTuple):
    free: int


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture
def service(tmp_path: Path, server: Server) -> Iterator[FakeService]:
    service = fake(tmp_path)
    service.change({"models_mirror": server.url})
    yield service
    service.stop()


@pytest.fixture
def call(service: FakeService) -> Ask:
    def send(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = ask(service, method, path, **({} if body is None else {"json": body}))
        return answer.status_code, answer.json() if answer.content else None

    return send


def ended(service: FakeService, number: int) -> Any:
    """Wait for the end of a job."""
    for _ in range(3000):
        job = next(each for each in service.status().jobs if each.id == number)
        if job.done:
            return job
        time.sleep(0.02)
    raise AssertionError(f"{job} does not end")


def test_models_are_told_of(call: Ask) -> None:
    status, models = call("GET", "/models")
    assert status == 200
    assert len(models) == 40
    status, model = call("GET", "/models/inswapper_128")
    assert (status, model["licence"]["commercial"], model["here"]) == (200, False, False)
    status, answer = call("GET", "/models/nobody")
    assert (status, answer["error"]["code"]) == (404, "model-unknown")


def test_a_fetch_wants_the_licence_accepted(
    call: Ask, service: FakeService, server: Server, tmp_path: Path
) -> None:
    server.paths["/codeformer.onnx"] = [Behaviour(onnx_file(tmp_path / "x", "codeformer").read_bytes())]
    status, answer = call("POST", "/models/codeformer/fetch")
    assert (status, answer["error"]["code"]) == (409, "licence-not-accepted")
    assert "S-Lab License 1.0" in answer["error"]["message"]
    assert server.asked == []
    status, job = call("POST", "/models/codeformer/fetch", {"accept_licence": True})
    assert (status, job["model"], job["cancellable"]) == (202, "codeformer", True)
    assert ended(service, job["id"]).error is None
    model = call("GET", "/models/codeformer")[1]
    assert (model["here"], model["licence"]["accepted"], model["files"][0]["pinned"]) == (True, True, True)
    status, job = call("POST", "/models/codeformer/verify")
    assert (status, ended(service, job["id"]).error) == (202, None)
    status, model = call("DELETE", "/models/codeformer?forget=true")
    assert (status, model["here"], model["licence"]["accepted"]) == (200, False, False)


def test_a_failed_fetch_is_told(call: Ask, service: FakeService) -> None:
    job = call("POST", "/models/xseg_1/fetch", {})[1]
    assert "does not have it any more (404)" in ended(service, job["id"]).error


def test_a_fetch_is_given_up(call: Ask, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on = Event(), Event()

    def slow(store: Store, name: str, report: Callable[[float, str], None], **_: Any) -> None:
        report(0.25, "1 of 4 MB")
        began.set()
        assert go_on.wait(60)
        report(0.5, "2 of 4 MB")

    monkeypatch.setattr(Store, "fetch", slow)
    number = call("POST", "/models/xseg_1/fetch")[1]["id"]
    assert began.wait(60)
    told = next(each for each in service.status().jobs if each.id == number)
    assert (told.progress, told.step) == (0.25, "1 of 4 MB")
    assert call("POST", "/models/xseg_1/fetch")[0] == 409
    assert call("DELETE", "/models/xseg_1")[0] == 409
    assert call("DELETE", f"/jobs/{number}")[0] == 200
    go_on.set()
    assert ended(service, number).error == "it was given up"
    assert call("DELETE", f"/jobs/{number}")[0] == 409


def test_files_of_this_machine_are_imported(call: Ask, service: FakeService, tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "x", "xseg_1")
    status, answer = call("POST", "/models/import", {"path": str(path)})
    assert (status, answer["error"]["code"]) == (409, "model-refused")
    assert "xseg_1, xseg_2, xseg_3" in answer["error"]["message"]
    status, job = call("POST", "/models/import", {"path": str(path), "name": "xseg_2"})
    assert (status, ended(service, job["id"]).error) == (202, None)
    assert call("GET", "/models/xseg_2")[1]["here"]
    assert call("POST", "/models/import", {"path": str(tmp_path / "nothing")})[0] == 409
    assert call("POST", "/models/import", {"path": str(path), "name": "nobody"})[0] == 404


def left_over(service: FakeService) -> list[Path]:
    """Return what uploads left beside the models."""
    return list(service.models.store.folder.glob(".half-*"))


def send(service: FakeService, path: str, data: Any) -> tuple[int, Any]:
    headers = {"Content-Type": "application/octet-stream"}
    answer = ask(service, "POST", path, content=data, headers=headers)
    return answer.status_code, answer.json()


def test_a_file_is_sent_and_imported(service: FakeService, call: Ask, tmp_path: Path) -> None:
    data = onnx_file(tmp_path / "x", "gfpgan_1.4").read_bytes()
    assert len(data) > 2 << 20, "in more than one piece, and larger than other bodies may be"
    status, job = send(service, "/models/gfpgan_1.4/file?file_name=../my.onnx", data)
    assert (status, ended(service, job["id"]).error) == (202, None)
    assert call("GET", "/models/gfpgan_1.4")[1]["files"][0]["size"] == len(data)
    assert left_over(service) == []


def test_a_file_that_is_another_model_is_refused_by_its_name(service: FakeService, tmp_path: Path) -> None:
    data = onnx_file(tmp_path / "x", "xseg_1").read_bytes()
    status, answer = send(service, "/models/gfpgan_1.4/file?file_name=my.onnx", data)
    assert (status, answer["error"]["code"]) == (409, "model-refused")
    assert answer["error"]["message"].startswith("my.onnx is not gfpgan_1.4")
    assert left_over(service) == []


def test_a_licence_is_accepted_before_a_file_is_taken(service: FakeService, tmp_path: Path) -> None:
    data = onnx_file(tmp_path / "x", "codeformer").read_bytes()
    status, answer = send(service, "/models/codeformer/file", data)
    assert (status, answer["error"]["code"]) == (409, "licence-not-accepted")
    status, job = send(service, "/models/codeformer/file?accept_licence=true", data)
    assert (status, ended(service, job["id"]).error) == (202, None)
    assert send(service, "/models/nobody/file", data)[0] == 404


def test_a_file_that_fills_the_disk_is_told_and_leaves_nothing(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: DiskUsage(free=1 << 20))
    data = onnx_file(tmp_path / "x", "xseg_1").read_bytes()
    status, answer = send(service, "/models/xseg_1/file", data)
    assert (status, answer["error"]["code"]) == (409, "model")
    assert "there is no room" in answer["error"]["message"]
    assert left_over(service) == []


def test_a_file_that_breaks_off_leaves_nothing(service: FakeService) -> None:
    with running(service) as page, visitor(page.link()) as client:
        url = client.base_url
        with socket.create_connection((url.host, url.port)) as connection:
            cookies = "; ".join(f"{key}={value}" for key, value in client.cookies.items())
            connection.sendall(
                f"POST /models/xseg_1/file HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nCookie: {cookies}\r\n"
                f"Origin: http://{url.host}:{url.port}\r\nContent-Length: 9000000\r\n\r\n".encode()
                + bytes(2_000_000)
            )
            until(lambda: left_over(service) != [])
        until(lambda: left_over(service) == [])
    assert not service.models.store.get("xseg_1").here


def until(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it does not come true")


def test_the_page_fetches_but_reads_no_paths(service: FakeService, server: Server, tmp_path: Path) -> None:
    server.paths["/xseg_1.onnx"] = [Behaviour(onnx_file(tmp_path / "x", "xseg_1").read_bytes())]
    with running(service) as page, visitor(page.link()) as client:
        ours = {"Origin": str(client.base_url).rstrip("/")}
        assert len(client.get("/models").json()) == 40
        job = client.post("/models/xseg_1/fetch", json={}, headers=ours).json()
        assert ended(service, job["id"]).error is None
        assert client.get("/models/xseg_1").json()["here"]
        assert client.post("/models/import", json={"path": "/etc/passwd"}, headers=ours).status_code == 405
        path = "/models/xseg_2/file?file_name=my.onnx"
        job = client.post(path, content=onnx_file(tmp_path / "y", "xseg_1").read_bytes(), headers=ours).json()
        assert ended(service, job["id"]).error is None
        assert client.get("/models/xseg_2").json()["here"]
        assert client.post(path, content=b"x").status_code == 403, "another page may send nothing"
