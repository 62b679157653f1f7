"""Every route does what its line in protocol.py says, and every error has one form."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from control import ask, fake, run, served
from fake_processor import drop_in
from fake_service import NAMES, FakeService
from PIL import Image

from visard.daemon.api import schema
from visard.daemon.api.schema import ErrorBody, Status
from visard.daemon.errors import (
    BackendUnavailable,
    ConfigError,
    DaemonAbsent,
    EngineError,
    FaceUnusable,
    ModelRefused,
    PersonaUnknown,
    ProcessorUnknown,
    VisardError,
    WouldReveal,
)
from visard.daemon.server.app import build
from visard.daemon.server.deps import Api
from visard.daemon.server.error_handlers import STATUS, status_of

Ask = Callable[..., Any]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[FakeService]:
    service = fake(tmp_path)
    yield service
    service.stop()


@pytest.fixture
def call(service: FakeService) -> Ask:
    """Send a request; gives the status and what the body holds."""

    def send(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = ask(service, method, path, **({} if body is None else {"json": body}))
        return answer.status_code, answer.json() if answer.content else None

    return send


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(path)
    return str(path)


def test_the_table_in_the_protocol_is_what_there_is(service: FakeService) -> None:
    lines = re.findall(r"^(GET|POST|PATCH|DELETE) +(/\S+.*?)  ", schema.__doc__ or "", re.MULTILINE)
    told = set()
    for method, places in lines:
        first, *others = places.split(", ")
        told |= {(method, first)} | {(method, f"{first.rpartition('/')[0]}{other}") for other in others}
    paths = build(Api(service, lambda: None)).openapi()["paths"]
    assert told == {(method.upper(), path) for path, item in paths.items() for method in item}


def test_status_is_the_whole_snapshot(call: Ask, service: FakeService) -> None:
    code, body = call("GET", "/status")
    assert code == 200
    assert Status.model_validate(body).persona == NAMES[0]


@pytest.mark.parametrize(
    ("path", "body", "key", "value"),
    [
        ("/persona", {"name": "Marco"}, "persona", "marco"),
        ("/persona", {"name": "nico", "mode": "animate"}, "mode", "animate"),
        ("/persona/next", None, "persona", "hanna"),
        ("/persona/previous", None, "persona", "walter"),
        ("/pause", None, "state", "paused"),
        ("/reveal", None, "state", "revealed"),
        ("/reveal", {"on": True}, "revealed", True),
        ("/reveal", {"on": False}, "revealed", False),
        ("/calibrate", None, "state", "live"),
    ],
)
def test_what_is_worn_changes_and_the_answer_is_the_status(
    call: Ask, path: str, body: Any, key: str, value: Any
) -> None:
    code, status = call("POST", path, body)
    assert (code, status[key]) == (200, value)


def test_resume_ends_pause_and_reveal(call: Ask, service: FakeService) -> None:
    call("POST", "/pause")
    assert call("POST", "/resume")[1]["state"] == "live"
    assert service.calls == ["pause", "resume"]


def test_personas_come_and_go(call: Ask, photo: str) -> None:
    assert [persona["name"] for persona in call("GET", "/personas")[1]] == list(NAMES)
    code, added = call(
        "POST", "/personas", {"path": photo, "name": "Ada", "consent": "self", "title": "Ada L."}
    )
    assert (code, added["name"], added["title"]) == (201, "ada", "Ada L.")
    assert call("PATCH", "/personas/ada", {"name": "Grace"})[1]["name"] == "grace"
    assert call("GET", "/personas/grace")[1]["consent"] == "self"
    assert call("DELETE", "/personas/grace") == (204, None)
    assert call("GET", "/personas/grace")[0] == 404
    assert call("POST", "/personas/grace/restore")[1]["name"] == "grace"
    assert call("DELETE", "/personas/grace?forever=true") == (204, None)
    assert call("POST", "/personas/grace/restore")[0] == 404


def test_the_driver_is_enrolled_and_forgotten(call: Ask, service: FakeService) -> None:
    assert call("GET", "/enrolment") == (200, {"enrolled": False, "views": 0})
    code, job = call("POST", "/enrolment")
    assert (code, job["step"]) == (202, "look straight ahead")
    code, answer = call("POST", "/enrolment", {"path": "/me.jpg"})
    assert (code, answer["error"]["code"]) == (409, "enrolment")
    assert not call("GET", "/status")[1]["enrolled"]
    service.advance(job["id"], 1)
    assert call("GET", "/status")[1]["enrolled"]
    assert call("DELETE", "/enrolment") == (204, None)
    assert not call("GET", "/status")[1]["enrolled"]
    for path in (7, "a\nb.jpg", "a\0.jpg", "x" * 5000):
        assert call("POST", "/enrolment", {"path": path})[0] == 422


def test_a_processor_and_its_options_are_chosen(call: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_in(monkeypatch)
    code, found = call("GET", "/processors")
    assert code == 200
    tint = next(each for each in found if each["name"] == "tint")
    assert (tint["kind"], tint["accepts"]) == ("swap", ["photo", "tint"])
    assert tint["options"]["properties"]["steps"]["multipleOf"] == 16
    change = {"processor": "tint", "options": {"strength": 0.5, "soft": True}}
    code, clara = call("PATCH", "/personas/clara", change)
    assert (code, clara["processor"]) == (200, "tint")
    assert clara["options"] == {"tint": {"strength": 0.5, "soft": True}}
    assert call("GET", "/status")[1]["processor"] == "tint"
    assert call("PATCH", "/personas/clara", {"options": {"soft": None}})[1]["options"]["tint"] == {
        "strength": 0.5
    }
    assert call("PATCH", "/personas/clara", {})[1]["processor"] == "tint"
    assert call("PATCH", "/personas/clara", {"options": None})[1]["options"] == {}
    assert call("PATCH", "/personas/clara", {"processor": None})[1]["processor"] == "auto"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"processor": "nonsense"}, 409, "there is no processor 'nonsense'; choose auto or one of:"),
        ({"processor": "dfm"}, 409, "dfm needs dfm, and clara is made of photo"),
        ({"processor": "tint", "options": {"strength": 2}}, 409, "less than or equal to 1, not 2"),
        ({"processor": "tint", "options": {"strenght": 1}}, 409, "tint has no option 'strenght'"),
        ({"processor": "tint", "options": {"strenght": None}}, 409, "tint has no option 'strenght'"),
        ({"processor": "tint", "options": {"strength": [1]}}, 422, "options"),
        ({"procesor": "tint"}, 422, "procesor"),
    ],
)
def test_a_choice_that_cannot_be_is_told_and_changes_nothing(
    call: Ask, monkeypatch: pytest.MonkeyPatch, body: Any, status: int, words: str
) -> None:
    drop_in(monkeypatch)
    code, answer = call("PATCH", "/personas/clara", body)
    assert code == status
    assert words in answer["error"]["message"]
    assert call("GET", "/personas/clara")[1]["processor"] == "auto"


def test_a_new_persona_comes_with_its_choice(call: Ask, photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_in(monkeypatch)
    new = {
        "path": photo,
        "name": "Ada",
        "consent": "self",
        "processor": "tint",
        "options": {"shade": "green"},
    }
    code, ada = call("POST", "/personas", new)
    assert (code, ada["processor"], ada["options"]) == (201, "tint", {"tint": {"shade": "green"}})
    assert call("POST", "/personas", {**new, "name": "b", "picture": "/no/such.jpg"})[0] == 409


def test_the_description_knows_the_options_of_every_processor(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in(monkeypatch)
    schemas = build(Api(service, lambda: None)).openapi()["components"]["schemas"]
    strength = schemas["tint.options"]["properties"]["strength"]["anyOf"]
    assert (strength[0]["minimum"], strength[0]["maximum"], strength[1]) == (0, 1, {"type": "null"})
    for body in ("NewPersona", "PersonaChange"):
        references = schemas[body]["properties"]["options"]["anyOf"]
        assert {"$ref": "#/components/schemas/tint.options"} in references


def test_preparing_can_be_given_up(call: Ask, service: FakeService) -> None:
    service.prepare("hanna", 0.4, "compiling")
    now = call("GET", "/status")[1]
    assert (now["wanted"], now["jobs"][0]["step"]) == ("hanna", "compiling")
    code, now = call("DELETE", "/jobs/0")
    assert (code, now["wanted"], now["jobs"]) == (200, None, [])
    code, answer = call("DELETE", "/jobs/0")
    assert (code, answer["error"]["message"]) == (
        409, "job 0 cannot be given up; only preparing or tuning a persona and work on models can"
    )  # fmt: skip


def test_a_generated_person_is_a_job(call: Ask) -> None:
    assert call("POST", "/personas/generate")[0] == 202
    code, job = call("POST", "/personas/generate", {"seed": 11, "name": "eve"})
    assert (code, job["persona"], job["done"]) == (202, "eve", False)
    assert [job["id"] for job in call("GET", "/status")[1]["jobs"]] == [1, 2]


def test_a_thumbnail_is_a_jpeg(service: FakeService) -> None:
    answer = ask(service, "GET", "/personas/hanna/thumbnail")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")


def test_settings_change_all_or_none_and_go_back(call: Ask, service: FakeService) -> None:
    assert call("PATCH", "/settings", {"opacity": 0.9, "mode": "animate"})[1]["opacity"] == 0.9
    code, body = call("PATCH", "/settings", {"mirror": True, "zoom": 99})
    assert (code, body["error"]["code"]) == (422, "config")
    assert call("GET", "/settings")[1]["mirror"] is False
    code, body = call("PATCH", "/settings", {"mirror": True, "opacity": 0.3})
    assert (code, body["error"]["code"]) == (409, "config"), "a value that may be, and must be asked for"
    assert call("GET", "/settings")[1]["mirror"] is False
    assert call("DELETE", "/settings/opacity")[1]["opacity"] == 1
    assert call("PATCH", "/settings", {"mode": None})[1]["mode"] == "swap"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"opacty": 1}, "did you mean opacity?"),
        ({"opacity": "1"}, "valid number"),
        ({"mirror": "yes"}, "valid boolean"),
        ({"persona": "clarra"}, "there is no persona"),
    ],
)
def test_a_wrong_setting_is_told_what_is_right(call: Ask, body: Any, words: str) -> None:
    code, answer = call("PATCH", "/settings", body)
    assert code in (404, 422)
    assert words in answer["error"]["message"]


def test_a_setting_that_is_not_there_names_the_nearest(call: Ask) -> None:
    assert "did you mean camera?" in call("DELETE", "/settings/camra")[1]["error"]["message"]


def test_cameras_are_listed(call: Ask) -> None:
    assert [camera["chosen"] for camera in call("GET", "/cameras")[1]] == [False, False]


def test_the_end_is_asked_for(call: Ask, service: FakeService) -> None:
    assert call("POST", "/shutdown")[0] == 202
    assert service.calls == ["end"]


def test_the_preview_page_has_a_link(service: FakeService) -> None:
    async def work() -> None:
        async with served(service) as (_, client):
            first, second = [(await client.post("/preview")).json()["url"] for _ in range(2)]
            assert first.startswith("http://127.0.0.1:")
            assert first != second

    run(work)


@pytest.mark.parametrize(
    ("method", "path", "more", "code", "kind"),
    [
        ("GET", "/nowhere", {}, 404, "not-found"),
        ("GET", "/status/", {}, 404, "not-found"),
        ("PUT", "/status", {}, 405, "method-not-allowed"),
        ("POST", "/persona", {"json": {"name": "nobody"}}, 404, "persona-unknown"),
        ("POST", "/persona", {"json": {}}, 422, "invalid"),
        ("POST", "/persona", {"json": {"name": "nico", "extra": 1}}, 422, "invalid"),
        ("POST", "/persona", {"json": []}, 422, "invalid"),
        ("POST", "/persona", {"content": b"\xff\x00{"}, 422, "invalid"),
        ("POST", "/reveal", {"json": {"on": "yes"}}, 422, "invalid"),
        ("PATCH", "/settings", {"json": [1]}, 422, "invalid"),
        ("DELETE", "/personas/clara", {}, 409, "persona"),
        (
            "POST",
            "/personas",
            {"json": {"path": "/no", "name": "x", "consent": "self"}},
            409,
            "picture-unreadable",
        ),
        ("POST", "/personas", {"json": {"path": "/no", "name": "x", "consent": "stolen"}}, 422, "invalid"),
        ("POST", "/personas/generate", {"json": {"seed": -1}}, 422, "invalid"),
    ],
)
def test_every_refusal_has_the_one_form(
    service: FakeService, method: str, path: str, more: Any, code: int, kind: str
) -> None:
    answer = ask(service, method, path, **more)
    assert (answer.status_code, ErrorBody.model_validate(answer.json()).error.code) == (code, kind)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xfe\xff" * 50,
        b"[" * 100_000,
        b'{"name": "\\ud800"}',
        b"1" * 5000,
        b"null",
        b'{"name": NaN}',
    ],
)
@pytest.mark.parametrize("path", ["/persona", "/personas", "/personas/generate", "/reveal"])
def test_garbage_is_refused(service: FakeService, path: str, body: bytes) -> None:
    answer = ask(service, "POST", path, content=body, headers={"Content-Type": "application/json"})
    if answer.status_code >= 300:
        assert 400 <= answer.status_code < 500
        assert ErrorBody.model_validate(answer.json()).error.message
    else:
        assert body in (b"", b"null")
        assert path in ("/reveal", "/personas/generate")


def test_allow_names_every_method_of_a_path(service: FakeService) -> None:
    assert ask(service, "PUT", "/personas/nico").headers["allow"] == "DELETE, GET, PATCH"


def test_a_bug_tells_its_kind_and_nothing_of_the_inside(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "status", lambda: {}["secret"])
    answer = ask(service, "GET", "/status")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_every_exception_has_a_status() -> None:
    def below(kind: type[VisardError]) -> list[type[VisardError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in below(child))]

    for kind in below(VisardError):
        assert 400 <= status_of(kind("x")) < 600
    for error, status in (
        (PersonaUnknown, 404),
        (FaceUnusable, 409),
        (ModelRefused, 409),
        (ProcessorUnknown, 409),
        (ConfigError, 422),
        (WouldReveal, 409),
        (DaemonAbsent, 503),
    ):
        assert status_of(error("x")) == status
    assert status_of(BackendUnavailable("x")) == STATUS[EngineError]


def test_events_and_preview_are_streams(service: FakeService) -> None:
    async def work() -> None:
        service.start()
        async with served(service) as (app, _):
            for path, kind, start in (
                ("/events", "text/event-stream", b"event: status\ndata: {"),
                ("/preview", "multipart/x-mixed-replace; boundary=visard-frame", b"--visard-frame\r\n"),
            ):
                head, body = await first_piece(app, path)
                assert dict(head)[b"content-type"].decode().startswith(kind)
                assert body.startswith(start)

    run(work)


async def first_piece(app: Any, path: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Read the head and the first piece of an endless answer and hang up."""
    sent: asyncio.Queue[Any] = asyncio.Queue()
    gone = asyncio.Event()
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if asked:
            return asked.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    version = {"version": "3.0", "spec_version": "2.3"}
    scope = {
        "type": "http",
        "asgi": version,
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
    }
    task = asyncio.create_task(app(scope, receive, sent.put))
    head, body = await sent.get(), await sent.get()
    gone.set()
    await task
    return head["headers"], body["body"]


def test_a_token_is_wanted_where_there_is_one(service: FakeService) -> None:
    async def work() -> None:
        async with served(service, "secret") as (_, client):
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
                answer = await client.get("/status", headers=headers)
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
            good = await client.get("/status", headers={"Authorization": "Bearer secret"})
            assert good.status_code == 200

    run(work)


def test_bodies_are_plain_json(service: FakeService) -> None:
    answer: httpx.Response = ask(service, "GET", "/settings")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.content)["camera"] == "auto"
