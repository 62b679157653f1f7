"""Which source the setting ``camera`` means."""

from pathlib import Path

import pytest
from fakes import Reel

from visard.daemon.errors import SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.sources import _select as module
from visard.daemon.sources._cameras import CameraDevice
from visard.daemon.sources._select import SourceSelector

FORM = Format(640, 360, 30)
DESK = CameraDevice(0, "Desk", "usb-desk", "/dev/video0", busy=False)
LID = CameraDevice(2, "Lid", "usb-lid", "/dev/video2", busy=False)


class Cameras:
    """The cameras of a machine, and a kind of source that opens them."""

    name, rank, summary = "camera", 10, "a webcam"

    def __init__(self, *there: CameraDevice) -> None:
        self.there = list(there)
        self.opened: list[str] = []
        self.broken: set[str] = set()

    def claims(self, spec: str) -> bool:
        return spec.startswith("camera")

    def open(self, spec: str, wanted: Format | None = None, *, loop: bool = True, paced: bool = True) -> Reel:
        which = spec.removeprefix("camera:")
        found = [c for c in self.there if which in (c.stable_id, c.name, c.path)]
        if not found or which in self.broken:
            raise SourceUnavailable(f"no {which}")
        self.opened.append(found[0].stable_id)
        return Reel(10, live=True)


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Cameras:
    made = Cameras()
    real = module.find_source
    monkeypatch.setattr(module, "find_source", lambda spec: made if made.claims(spec) else real(spec))
    return made


@pytest.fixture
def selector(cameras: Cameras, tmp_path: Path) -> SourceSelector:
    return SourceSelector(tmp_path / "last-camera", lambda: cameras.there)


def test_auto_takes_a_free_camera_and_remembers_it(selector: SourceSelector, cameras: Cameras) -> None:
    cameras.there = [CameraDevice(0, "Desk", "usb-desk", "/dev/video0", busy=True), LID]
    selector.open("auto", FORM)
    assert cameras.opened == ["usb-lid"]
    assert (selector.name, selector.path, selector.demo) == ("Lid", "/dev/video2", False)
    cameras.there = [DESK, LID]
    selector.open("auto", FORM)
    assert cameras.opened == ["usb-lid", "usb-lid"]


def test_auto_follows_a_camera_to_another_number(selector: SourceSelector, cameras: Cameras) -> None:
    cameras.there = [DESK, LID]
    selector.open("auto", FORM)
    cameras.there = [CameraDevice(0, "Lid", "usb-lid", "/dev/video0", busy=False)]
    cameras.there.append(CameraDevice(5, "Desk", "usb-desk", "/dev/video5", busy=False))
    selector.open("auto", FORM)
    assert cameras.opened == ["usb-desk", "usb-desk"]
    assert selector.path == "/dev/video5"


def test_auto_takes_the_next_one_when_the_first_cannot_be_opened(
    selector: SourceSelector, cameras: Cameras
) -> None:
    cameras.there = [DESK, LID]
    cameras.broken = {"usb-desk"}
    selector.open("auto", FORM)
    assert cameras.opened == ["usb-lid"]
    cameras.broken = {"usb-desk", "usb-lid"}
    with pytest.raises(SourceUnavailable, match="no usb-"):
        selector.open("auto", FORM)


def test_the_demo_plays_only_where_no_camera_was_ever_seen(
    selector: SourceSelector, cameras: Cameras
) -> None:
    source = selector.open("auto", FORM)
    assert selector.demo
    source.close()
    cameras.there = [DESK]
    selector.open("auto", FORM)
    assert not selector.demo
    cameras.there = []
    with pytest.raises(SourceUnavailable, match="plug it in again"):
        selector.open("auto", FORM)


@pytest.mark.parametrize("spec", ["usb-lid", "Lid", "camera:usb-lid", "camera:Lid", "/dev/video2"])
def test_a_chosen_camera_is_the_only_one_taken(selector: SourceSelector, cameras: Cameras, spec: str) -> None:
    cameras.there = [DESK]
    with pytest.raises(SourceUnavailable):
        selector.open(spec, FORM)
    if not spec.startswith("/"):
        cameras.there = [DESK, LID]
        selector.open(spec, FORM)
        assert cameras.opened == ["usb-lid"]
        assert selector.name == "Lid"


def test_what_a_driver_raises_is_a_source_that_cannot_be_opened(
    selector: SourceSelector, cameras: Cameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> Reel:
        raise ZeroDivisionError("driver")

    cameras.there = [DESK]
    monkeypatch.setattr(cameras, "open", explode)
    with pytest.raises(SourceUnavailable, match="ZeroDivisionError"):
        selector.open("auto", FORM)


def test_the_demo_can_be_chosen(selector: SourceSelector, cameras: Cameras) -> None:
    cameras.there = [DESK]
    source = selector.open("demo", FORM)
    assert (selector.name, selector.demo) == ("demo", False)
    source.close()
