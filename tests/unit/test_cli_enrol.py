"""``visard enrol``, with a daemon and without one."""

import json
from collections.abc import Callable
from pathlib import Path

import people
import pytest
from fake_service import FakeService
from test_client import running

from visard.daemon.api import address
from visard.daemon.cli import main
from visard.daemon.config import paths
from visard.daemon.config.enrolment import FILE, EnrolmentFile
from visard.daemon.foreground import convert
from visard.daemon.foreground.jobs import Job, Summary
from visard.daemon.pipeline.recipe import Switches

PHOTO = people.DAEMON / "personas/shipped/walter/picture.jpg"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments if arguments[:1] == ("convert",) else ("enrol", *arguments))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def kept() -> EnrolmentFile:
    return EnrolmentFile(paths.config() / FILE)


def test_without_a_daemon_a_file_is_enough_and_a_camera_is_not(call: Call) -> None:
    assert call("--from", str(PHOTO)) == (0, "enrolled; nobody else is given the persona\n", "")
    assert kept().load() is not None
    status, _, err = call()
    assert status == 1
    assert "start it with: visard daemon" in err
    status, out, _ = call("--forget", "--json")
    assert (status, json.loads(out)) == (0, {"enrolled": False})
    assert kept().load() is None


def test_a_refusal_leaves_what_was_enrolled(call: Call, tmp_path: Path) -> None:
    call("--from", str(PHOTO))
    before = (paths.config() / FILE).read_bytes()
    status, out, _ = call("--from", str(tmp_path / "none.jpg"), "--json")
    assert (status, json.loads(out)["error"]["code"]) == (1, "source-unavailable")
    assert (paths.config() / FILE).read_bytes() == before


def test_control_characters_are_refused(call: Call) -> None:
    status, _, err = call("--from", "a\x1b[2J.jpg")
    assert status == 2
    assert r"'a\x1b[2J.jpg' holds control characters" in err


def test_forgetting_takes_no_file(call: Call) -> None:
    assert call("--forget", "--from", str(PHOTO))[0] == 2


class Obliging(FakeService):
    """Ends a job of enrolling as soon as it was begun, after telling two things to do."""

    error: str | None = None

    def enrol(self, path: Path | None = None):
        job = super().enrol(path)
        self._jobs[job.id] = job.model_copy(update={"step": "turn your head a little", "progress": 0.6})
        self._changed()
        self.advance(job.id, None if self.error else 1, self.error)
        return job


@pytest.mark.parametrize("error", [None, "2 faces are in view; only you may be seen"])
def test_a_daemon_does_it_and_is_watched(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str | None
) -> None:
    monkeypatch.setattr("test_client.fake", lambda folder: made)
    from visard.daemon.config.file import ConfigFile

    made = Obliging(ConfigFile(tmp_path / "config.toml"))
    made.error = error
    monkeypatch.setattr(address, "find", lambda: address.unix(tmp_path / "run"))
    with running(tmp_path):
        status, out, err = call("--json")
        if error:
            assert (status, json.loads(out)["error"]) == (1, {"code": "enrolment", "message": error})
        else:
            assert (status, json.loads(out)) == (0, {"enrolled": True})
            assert call("--forget")[0] == 0
            assert made.calls == ["enrol None", "forget"]
        assert set(err.splitlines()) <= {"look straight ahead ...", "turn your head a little ..."}
    assert not (paths.config() / FILE).exists()


def test_films_are_converted_with_the_enrolment_or_without(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Switches] = []

    def note(job: Job) -> Summary:
        used.append(job.switches)
        return Summary(job.target)

    monkeypatch.setattr(convert, "_convert_picture", note)
    film = ("convert", str(PHOTO), str(tmp_path / "out.png"), "--persona", "marco")
    assert call(*film)[0] == 0
    call("--from", str(PHOTO))
    assert call(*film)[0] == 0
    (paths.config() / FILE).write_text("{")
    status, out, err = call(*film, "--json")
    error = json.loads(out)["error"]
    assert (status, error["code"], err) == (1, "enrolment-damaged", "")
    assert "enrol again: visard enrol" in error["message"]
    assert call(*film, "--ignore-enrolment")[0] == 0
    nobody, driver, ignored = (switches.enrolled for switches in used)
    assert nobody is ignored is None
    assert driver is not None
    assert driver.embeddings.shape == (1, 128)
