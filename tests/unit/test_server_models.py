"""Models over the control API and the preview page: lists, licences, jobs and how they end."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from control import ask, fake
from fake_service import FakeService
from model_files import Behaviour, Server, onnx_file, serving
from pages import running, visitor

from visard.models.store import Store

Ask = Callable[..., tuple[int, Any]]


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


def test_the_page_fetches_but_reads_no_paths(service: FakeService, server: Server, tmp_path: Path) -> None:
    server.paths["/xseg_1.onnx"] = [Behaviour(onnx_file(tmp_path / "x", "xseg_1").read_bytes())]
    with running(service) as page, visitor(page.link()) as client:
        ours = {"Origin": str(client.base_url).rstrip("/")}
        assert len(client.get("/models").json()) == 40
        job = client.post("/models/xseg_1/fetch", json={}, headers=ours).json()
        assert ended(service, job["id"]).error is None
        assert client.get("/models/xseg_1").json()["here"]
        assert client.post("/models/import", json={"path": "/etc/passwd"}, headers=ours).status_code == 405
        assert "models" in client.get("/models.js").text
