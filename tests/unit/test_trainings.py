"""Face models in training as others see them: records that are written meanwhile, the API, the page."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from control import ask, fake
from fake_service import FakeService
from pages import running, visitor
from training_records import append, begun, keep, line

from visard.daemon.service.trainings import Trainings
from visard.models.train import project
from visard.models.train.errors import AlreadyRunning, FacesUnusable
from visard.models.train.history import _MOST, _NEWS, History
from visard.models.train.project import Project
from visard.models.train.running import alone, is_running

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[FakeService]:
    service = fake(tmp_path)
    yield service
    service.stop()


@pytest.fixture
def anna(service: FakeService) -> Project:
    return begun(service.trainings._folder() / "anna")


def told(service: FakeService, path: str = "/trainings/anna") -> Any:
    answer = ask(service, "GET", path)
    assert answer.status_code == 200
    return answer.json()


def test_one_that_was_begun(service: FakeService, anna: Project) -> None:
    info = told(service)
    assert (info["name"], info["preset"], info["archi"], info["resolution"]) == ("anna", "quick", "df-ud", 96)
    assert (info["state"], info["step"], info["target"], info["losses"]) == ("new", 0, 1000, [])
    assert info["command"] == "visard train run anna"
    assert told(service, "/trainings") == [info]
    assert anna.folder.parent.joinpath("anna", "training.json").exists()


def test_one_that_runs_and_one_that_stopped(service: FakeService, anna: Project) -> None:
    append(anna, line("saved", 0, path="x"), line("stepped", 10), line("stepped", 20, losses={"src": 0.5}))
    with alone(anna.folder):
        info = told(service)
    assert (info["state"], info["step"], info["rate"], info["left"]) == ("running", 20, 2.5, 40.0)
    assert info["losses"] == [
        {"step": 10, "losses": {"src": 1.0, "dst": 2.0}},
        {"step": 20, "losses": {"src": 0.5}},
    ]
    assert info["updated"].startswith("1970-01-01T00:17:00")
    keep(anna, 15)
    info = told(service)
    assert (info["state"], info["step"], info["rate"], info["left"]) == ("stopped", 15, None, None)
    keep(anna, 1000)
    info = told(service)
    assert (info["state"], info["command"]) == ("done", "visard train export anna --consent WHY")


def test_trouble_is_told_till_it_is_old(anna: Project) -> None:
    history = History(anna.journal)
    history.update()
    assert (history.trouble, history.updated) == (None, None)
    append(anna, line("stepped", 10), line("trouble", 12, text="losses are 9.1 times what they were"))
    history.update()
    assert history.trouble == "losses are 9.1 times what they were"
    append(anna, line("stepped", 10 + _NEWS), line("stepped", 20 + _NEWS))
    history.update()
    assert history.trouble is None
    append(anna, line("trouble", 600, text="collapsed"), line("resumed", 15))
    history.update()
    assert (history.trouble, [point.step for point in history.points]) == (None, [10])


def test_a_record_is_read_while_it_is_written(anna: Project) -> None:
    history, whole = History(anna.journal), line("stepped", 10)
    append(anna, whole, whole[:20])
    history.update()
    assert [point.step for point in history.points] == [10]
    append(anna, "\n", "[]\n", "7\n", '{"event": "stepped"}\n', line("stepped", 30, losses={"src": math.nan}))
    append(anna, line("stepped", 40)[:-1])
    history.update()
    assert ([point.step for point in history.points], history.step) == ([10], 30)
    append(anna, "\n")
    history.update()
    assert [point.step for point in history.points] == [10, 40]
    anna.journal.write_text(line("stepped", 20))
    history.update()
    assert [point.step for point in history.points] == [20]


def test_a_long_curve_is_thinned_out_and_keeps_its_means(anna: Project) -> None:
    count = 10 * _MOST
    append(anna, *(line("stepped", 10 * n, losses={"src": float(n)}) for n in range(1, count + 1)))
    history = History(anna.journal)
    history.update()
    assert _MOST <= len(history.points) < 2 * _MOST
    assert history.points[-1].step == 10 * count
    steps = [point.step for point in history.points]
    assert steps == sorted(set(steps))
    assert history.points[0].losses["src"] == pytest.approx((1 + steps[0] / 10) / 2)
    assert len({after - before for before, after in pairwise(steps[:-1])}) == 1


def test_one_process_at_a_time(anna: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visard.models.train.running._PATIENCE", 0.1)
    assert not is_running(anna.folder)
    with alone(anna.folder):
        assert is_running(anna.folder)
        with pytest.raises(AlreadyRunning, match="another process trains in"), alone(anna.folder):
            pass
    assert not is_running(anna.folder)


def test_one_person_is_not_both(anna: Project) -> None:
    with pytest.raises(FacesUnusable, match="name the faces of two people"):
        project.create(anna.folder.parent / "both", anna.src, anna.src / ".." / "persona", anna.options)


@pytest.mark.parametrize("path", ["/trainings/nobody", "/trainings/..%2Fanna", "/trainings/nobody/preview"])
def test_what_is_not_there(service: FakeService, anna: Project, path: str) -> None:
    answer = ask(service, "GET", path)
    assert answer.status_code == 404


def test_previews_on_the_page(service: FakeService, anna: Project) -> None:
    with running(service) as page, visitor(page.link()) as client:
        assert client.get("/trainings/anna").json()["preview"] is None
        answer = client.get("/trainings/anna/preview")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "training-unknown")
        anna.newest_preview.parent.mkdir()
        anna.newest_preview.write_bytes(PNG)
        append(anna, line("previewed", 500, path="x"))
        assert client.get("/trainings/anna").json()["preview"] == 500
        answer = client.get("/trainings/anna/preview")
        assert (answer.headers["content-type"], answer.content) == ("image/png", PNG)
        assert client.get("/trainings.js").status_code == client.get("/trainings.css").status_code == 200


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    assert Trainings(lambda: tmp_path / "nothing").all() == []
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "training.json").write_text("{")
    assert Trainings(lambda: tmp_path).all() == []
