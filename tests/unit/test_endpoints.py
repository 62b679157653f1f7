"""What ``visard run`` reads from and writes to."""

from pathlib import Path
from typing import Any

import pytest
from fakes import Basket, Reel
from foreground import FORMAT, Camera

from visard.daemon.errors import SinkUnavailable, SourceUnavailable, VisardError
from visard.daemon.foreground import endpoints
from visard.daemon.foreground.endpoints import Endpoints, open_endpoints

Sinks = dict[str, "Kind"]


class Kind:
    """Opens ``thing``, or raises it."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing
        self.opened: list[str] = []

    def open(self, spec: str, *_: object) -> Any:
        self.opened.append(spec)
        if isinstance(self.thing, VisardError):
            raise self.thing
        return self.thing


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sinks:
    """Sinks by name; tests put kinds in."""
    found: Sinks = {}
    monkeypatch.setattr(endpoints, "find_sink", lambda spec: found.get(spec) or found["file"])
    monkeypatch.chdir(tmp_path)
    return found


def opened(camera: Camera, source: str | None, *sinks: str) -> tuple[Endpoints, list[str]]:
    said: list[str] = []
    return open_endpoints(source, sinks, said.append, camera), said


def test_what_was_asked_for_is_opened_and_nothing_is_said(sinks: Sinks) -> None:
    camera, sinks["null"] = Camera(), Kind(Basket())
    ends, said = opened(camera, "clip.mp4", "null")
    assert (ends.source, ends.sinks.sinks, ends.sinks.preview, said) == (
        "clip.mp4",
        [sinks["null"].thing],
        False,
        [],
    )
    assert ends.sinks.format.width == FORMAT.width
    assert ends.selector.open("clip.mp4", FORMAT) is camera.reels[0], "it is not opened twice"
    assert ends.selector.open("clip.mp4", FORMAT) is not camera.reels[0]
    assert not camera.reels[0].closed.is_set()
    ends.close()


def test_what_was_asked_for_and_is_missing_is_an_error(sinks: Sinks) -> None:
    with pytest.raises(SourceUnavailable):
        opened(Camera("camera"), "camera")


def test_without_a_camera_the_demo_plays_and_says_so_in_one_line(sinks: Sinks) -> None:
    camera, sinks["null"] = Camera("camera"), Kind(Basket())
    ends, said = opened(camera, None, "null")
    assert said == ["No camera, so the demo driver plays instead: none is plugged in. Run: modprobe vivid"]
    assert (ends.source, camera.asked) == ("demo", ["camera", "demo"])
    ends.close()


def test_without_a_virtual_camera_a_page_and_a_short_file_stand_in(sinks: Sinks) -> None:
    sinks.update(camera=Kind(SinkUnavailable("run this:\napt install it")), file=Kind(Basket()))
    Path("demo.mp4").write_text("the user's own")
    ends, said = opened(Camera(), "demo")
    assert said == ["No virtual camera, so a preview page and a file stand in: run this: apt install it"]
    assert sinks["file"].opened == ["demo-2.mp4"]
    assert ends.sinks.preview
    (file,) = ends.sinks.sinks
    pictures = endpoints.DEMO_SECONDS * round(FORMAT.fps)
    for _ in range(pictures + 100):
        file.write(Reel(1).read())
    assert len(sinks["file"].thing.images) == pictures
    assert sinks["file"].thing.closed == 1


def test_the_preview_is_a_sink_like_others_with_a_port_if_wanted(sinks: Sinks) -> None:
    sinks["null"] = Kind(Basket())
    for word, port in (("preview", 0), ("preview:8090", 8090)):
        ends, _ = opened(Camera(), "demo", "null", word)
        assert (ends.sinks.preview, ends.port, len(ends.sinks.sinks)) == (True, port, 1)
    with pytest.raises(SinkUnavailable, match="is no port"):
        opened(Camera(), "demo", "null", "preview:x")
    assert sinks["null"].opened == ["null", "null"]


def test_a_failing_sink_closes_what_was_opened_before(sinks: Sinks) -> None:
    camera = Camera()
    sinks.update(null=Kind(Basket()), camera=Kind(SinkUnavailable("no")))
    with pytest.raises(SinkUnavailable):
        opened(camera, "demo", "null", "camera")
    assert camera.reels[0].closed.is_set()
    assert sinks["null"].thing.closed == 1


def test_free_names(tmp_path: Path) -> None:
    assert endpoints.free_name(tmp_path / "demo.mp4").name == "demo.mp4"
    (tmp_path / "demo.mp4").touch()
    (tmp_path / "demo-2.mp4").touch()
    assert endpoints.free_name(tmp_path / "demo.mp4").name == "demo-3.mp4"
