from pathlib import Path

import pytest
from fakes import Basket, Reel

from visard.daemon.errors import SinkUnavailable, SourceUnavailable, VisardError
from visard.daemon.foreground import endpoints
from visard.daemon.media.frame import Format

FORMAT = Format(320, 240, 10)


class Kind:
    """Opens ``thing``, or raises it."""

    def __init__(self, thing):
        self.thing, self.opened = thing, []

    def open(self, spec, *_):
        self.opened.append(spec)
        if isinstance(self.thing, VisardError):
            raise self.thing
        return self.thing


@pytest.fixture
def world(monkeypatch, tmp_path):
    """Sources and sinks by name; tests put kinds into the two tables."""
    sources, sinks = {}, {}
    monkeypatch.setattr(endpoints, "find_source", sources.__getitem__)
    monkeypatch.setattr(endpoints, "find_sink", lambda spec: sinks.get(spec) or sinks["file"])
    monkeypatch.chdir(tmp_path)
    return sources, sinks


def opened(source=None, sinks=()):
    said = []
    return endpoints.open_endpoints(source, sinks, said.append), said


def test_what_was_asked_for_is_opened_and_nothing_is_said(world):
    world[0]["clip.mp4"], world[1]["null"] = Kind(Reel(1)), Kind(Basket())
    result, said = opened("clip.mp4", ["null"])
    assert (result.source, result.sinks, said) == (world[0]["clip.mp4"].thing, [world[1]["null"].thing], [])
    assert result.reopen() is result.source


def test_what_was_asked_for_and_is_missing_is_an_error(world):
    world[0]["camera"] = Kind(SourceUnavailable("no camera"))
    world[0]["demo"] = Kind(Reel(1))
    with pytest.raises(SourceUnavailable):
        opened("camera")


def test_without_a_camera_the_demo_plays_and_says_so_in_one_line(world):
    world[0]["camera"] = Kind(SourceUnavailable("none is plugged in. Run:\nmodprobe vivid"))
    world[0]["demo"], world[1]["null"] = Kind(Reel(1)), Kind(Basket())
    result, said = opened(None, ["null"])
    assert said == [
        "No camera, so the demo driver plays instead: none is plugged in. Run: modprobe vivid",
    ]
    result.reopen()
    assert world[0]["demo"].opened == ["demo", "demo"]


def test_without_a_virtual_camera_a_page_and_a_short_file_stand_in(world):
    world[0]["demo"] = Kind(Reel(1, fps=10))
    world[1].update(
        camera=Kind(SinkUnavailable("run this:\napt install it")),
        preview=Kind(Basket()),
        file=Kind(Basket()),
    )
    Path("demo.mp4").write_text("the user's own")
    result, said = opened("demo")
    assert said == ["No virtual camera, so a preview page and a file stand in: run this: apt install it"]
    assert world[1]["file"].opened == ["demo-2.mp4"]
    assert len(result.sinks) == 2
    for _ in range(1000):
        result.sinks[1].write(Reel(1).read())
    assert len(world[1]["file"].thing.images) == endpoints.DEMO_SECONDS * 10
    assert world[1]["file"].thing.closed == 1


def test_a_failing_sink_closes_what_was_opened_before(world):
    world[0]["demo"], world[1]["null"] = Kind(Reel(1)), Kind(Basket())
    world[1]["camera"] = Kind(SinkUnavailable("no"))
    with pytest.raises(SinkUnavailable):
        opened("demo", ["null", "camera"])
    assert world[0]["demo"].thing.closed.is_set()
    assert world[1]["null"].thing.closed == 1


def test_free_names(tmp_path):
    assert endpoints.free_name(tmp_path / "demo.mp4").name == "demo.mp4"
    (tmp_path / "demo.mp4").touch()
    (tmp_path / "demo-2.mp4").touch()
    assert endpoints.free_name(tmp_path / "demo.mp4").name == "demo-3.mp4"
