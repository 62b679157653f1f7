"""The client asks for everything there is and raises what the daemon raised."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from control import fake
from fake_process import fake_daemon
from fake_service import CAMERA, NAMES, FakeService
from PIL import Image

from visard.daemon.api import address
from visard.daemon.api.client import Client
from visard.daemon.api.connection import _classes
from visard.daemon.api.requests import MAX_UPLOAD, PhotoChange, TrialPersona
from visard.daemon.api.schema import Consent, Event, State
from visard.daemon.api.sse import parse
from visard.daemon.config.settings import Mode
from visard.daemon.errors import (
    ConfigError,
    DaemonAbsent,
    DaemonError,
    EnrolmentError,
    PersonaError,
    PersonaUnknown,
    PictureUnreadable,
    ProcessorUnknown,
    VisardError,
)
from visard.daemon.personas.library import SHIPPED
from visard.daemon.personas.record import PICTURE
from visard.daemon.pipeline import trial as rendering
from visard.daemon.server.server import run
from visard.models.picture_file import read_picture


@contextmanager
def running(folder: Path, *, tcp: bool = False) -> Iterator[tuple[FakeService, Client]]:
    """Run a daemon in a thread of this process."""
    service = fake(folder)
    place = address.private(folder / "run")
    failed: list[BaseException] = []

    def work() -> None:
        try:
            run(lambda: service, place, tcp=tcp)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with connected(place, tcp=tcp) as client:
        try:
            yield service, client
        finally:
            with suppress(DaemonAbsent):
                client.shutdown()
            thread.join(20)
    assert not failed
    assert not thread.is_alive()


def connected(place: Path, *, tcp: bool) -> Client:
    """Wait until the daemon answers."""
    while True:
        try:
            client = Client(address.read(place) if tcp else address.unix(place))
            client.status()
        except DaemonAbsent:
            threading.Event().wait(0.02)
        else:
            return client


@pytest.mark.parametrize("tcp", [False, True])
def test_everything_can_be_asked_for(tmp_path: Path, tcp: bool) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(photo)
    with running(tmp_path, tcp=tcp) as (service, client):
        assert client.status().persona == NAMES[0]
        assert client.switch_persona("marco", Mode.animate).mode is Mode.animate
        assert client.next().persona == "nico"
        assert client.previous().persona == "marco"
        assert client.pause().state is State.paused
        assert client.resume().state is State.live
        assert client.reveal().revealed
        assert not client.reveal(False).revealed
        assert client.calibrate().persona == "marco"
        assert [each.name for each in client.personas()] == list(NAMES)
        assert client.add_persona(photo, "Ada", Consent.self, "Ada L.").title == "Ada L."
        assert client.rename_persona("ada", "a b").name == "a b"
        assert client.persona("a b").consent == "self"
        client.remove_persona("a b")
        assert client.restore_persona("a b").name == "a b"
        client.remove_persona("a b", forever=True)
        assert client.generate_persona(3).persona == "person-3"
        assert not client.enrolment().enrolled
        assert client.enrol(Path("me.mp4")).title == "learning what you look like"
        client.forget_enrolment()
        assert service.calls[-2:] == [f"enrol {Path('me.mp4').absolute()}", "forget"]
        assert client.configure_persona("marco", "puppet", {}).processor == "puppet"
        assert client.configure_persona("marco", None, None).processor == "puppet"
        assert {"mesh", "puppet"} <= {each.name for each in client.processors()}
        service.prepare("hanna")
        assert client.cancel(0).wanted is None
        assert client.thumbnail("robin").startswith(b"\xff\xd8")
        assert client.settings().persona == "marco"
        assert client.change({"camera": CAMERA, "opacity": 0.9}).opacity == 0.9
        assert client.cameras()[0].chosen
        assert client.trainings() == []
        assert [each.name for each in client.engines().backends] == ["onnxruntime", "tensorrt"]
        assert client.unset("camera").camera == "auto"
        assert client.preview().startswith("http://127.0.0.1:")
    assert "wear marco" in service.calls


def test_the_library_can_be_tidied(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(photo)
    with running(tmp_path) as (_, client):
        assert client.rename_persona("clara", None, "Клара").title == "Клара"
        assert client.hide_persona("hanna").hidden
        assert not client.hide_persona("hanna", False).hidden
        assert client.move_persona("walter", "clara")[0].name == "walter"
        assert [each.name for each in client.move_persona("walter", None)] == list(NAMES)
        added = client.add_persona(photo, None, Consent.self, "陈静")
        assert (added.name, added.title) == ("persona", "陈静")
        assert client.change_photos("persona", PhotoChange(add=(str(photo),))).photos == 2
        assert client.removed() == []
        client.remove_persona("persona")
        assert [each.title for each in client.removed()] == ["陈静"]
        client.empty_bin()
        assert client.removed() == []


def test_a_large_photo_is_tried(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "trial", lambda persona, report: read_picture(persona.picture))
    photo = tmp_path / "photo.bmp"  # 2.3 MB, more than any other body may have
    faces = [Image.open(SHIPPED / name / PICTURE) for name in ("hanna", "marco", "nico")]
    group = Image.new("RGB", (3 * 512, 512))
    for place, face in enumerate(faces):
        group.paste(face, (512 * place, 0))
    group.save(photo)
    with running(tmp_path) as (_, client):
        trial = client.try_photo(photo)
        assert [box.number for box in trial.photos[0].faces] == [1, 2, 3]
        trial = client.choose_face(trial.id, 2)
        assert trial.photos[0].face == 2
        assert client.trial_photo(trial.id).startswith(b"\xff\xd8")
        while not (trial := client.trial(trial.id)).ready:
            assert trial.problem is None
            time.sleep(0.1)
        assert client.trial_picture(trial.id).startswith(b"\xff\xd8")
        kept = client.keep_trial(trial.id, TrialPersona(title="Мarco", consent=Consent.generated))
        assert kept.title == "Мarco"
        with pytest.raises(PersonaUnknown, match="over"):
            client.trial(trial.id)
        other = client.try_camera()
        assert len(client.try_photo(SHIPPED / "nico" / PICTURE, other.id).photos) == 2
        client.drop_trial(other.id)
        (tmp_path / "large.bin").write_bytes(bytes(MAX_UPLOAD + 1))
        with pytest.raises(PictureUnreadable, match="33,554,432 at most"):
            client.try_photo(tmp_path / "large.bin")
        answer = client.http.post("/trials", content=bytes(MAX_UPLOAD + 1))
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")
    assert not list(home.glob("cache/trial-*"))


def test_what_the_daemon_raised_is_raised_here(tmp_path: Path) -> None:
    with running(tmp_path) as (_, client):
        for ask, kind, words in (
            (lambda: client.switch_persona("nobody"), PersonaUnknown, "nobody"),
            (lambda: client.persona("../x"), DaemonError, "there is no"),
            (lambda: (client.enrol(), client.enrol()), EnrolmentError, "being enrolled just now"),
            (lambda: client.remove_persona("clara"), PersonaError, "ships with Visard"),
            (lambda: client.add_persona(Path("no.jpg"), "x", Consent.self), PictureUnreadable, "/no.jpg"),
            (lambda: client.configure_persona("clara", "no", {}), ProcessorUnknown, "choose auto or one of"),
            (lambda: client.configure_persona("clara", "mesh", {"a": 1}), PersonaError, "no option 'a'"),
            (lambda: client.cancel(3), PersonaError, "cannot be given up"),
            (lambda: client.change({"opacty": 1}), ConfigError, "did you mean opacity?"),
            (lambda: client.unset("a/b"), VisardError, "there is no"),
        ):
            with pytest.raises(kind, match=words):
                ask()


def test_every_code_has_one_class() -> None:
    kinds, todo = [], [VisardError]
    while todo:
        kind = todo.pop()
        kinds.append(kind)
        todo += kind.__subclasses__()
    named = [kind for kind in kinds if kind.__module__.startswith("visard.")]
    codes = [kind.code for kind in named if "code" in vars(kind)]
    assert len(codes) == len(set(codes))
    assert all(_classes()[code].code == code for code in codes)


def test_events_come_and_end_with_the_daemon(tmp_path: Path) -> None:
    with running(tmp_path) as (service, client):
        events = client.events()
        assert next(events).event == "status"
        service.problem("no-output")
        assert [next(events).event, next(events).event] == ["alert", "status"]
        client.shutdown()
        assert {event.event for event in events} <= {"status"}
        assert list(events) == []


def test_another_thread_ends_a_reader_that_waits(tmp_path: Path) -> None:
    with running(tmp_path) as (service, client):
        service.sleep()
        events = client.events()
        next(events)
        threading.Timer(0.1, events.close).start()
        assert list(events) == []
        events.close()


def test_a_client_outlives_its_daemon(home: Path) -> None:
    with fake_daemon(home):
        client = Client(address.unix(home / "run"))
        assert client.next().persona == "hanna"
    with pytest.raises(DaemonAbsent, match="visard daemon"):
        client.status()
    with fake_daemon(home):
        assert client.status().persona == "hanna"
    client.close()


def test_nobody_there_is_told_with_what_to_do(home: Path) -> None:
    with Client() as client:
        for ask in (client.status, client.events, client.shutdown):
            with pytest.raises(DaemonAbsent, match="start it with: visard daemon"):
                ask()


def test_what_is_no_visard_is_told(home: Path) -> None:
    from http.server import BaseHTTPRequestHandler
    from socketserver import ThreadingUnixStreamServer

    class Other(BaseHTTPRequestHandler):
        def address_string(self) -> str:
            return ""

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/status" else 500)
            self.end_headers()
            self.wfile.write(b"hello")

    where = address.unix(address.home())
    with ThreadingUnixStreamServer(str(where.path), Other) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        with Client() as client:
            with pytest.raises(DaemonError, match="another version"):
                client.status()
            with pytest.raises(DaemonError, match="HTTP 500"):
                client.settings()
            with pytest.raises(DaemonError, match="HTTP 500"):
                client.events()
        server.shutdown()


def test_events_are_parsed_as_the_standard_says() -> None:
    lines = [
        ": ping", "", "event: status", 'data: {"a":', "data:1}", "", "data: not json", "", "event: alert", "",
        "id: 7", "event:alert", 'data: {"b": 2}', "", 'data: {"cut": off}',
    ]  # fmt: skip
    assert list(parse(lines)) == [Event(event="status", data={"a": 1}), Event(event="alert", data={"b": 2})]


def test_the_client_is_light() -> None:
    code = "import sys, visard.daemon.api.client, visard.daemon.cli.status; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "cv2",
        "numpy",
        "fastapi",
        "starlette",
        "uvicorn",
        "openvino",
        "onnxruntime",
        "av",
        "PIL",
        "psutil",
    }
    assert not heavy & set(done.stdout.split())
