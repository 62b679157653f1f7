"""What tells cameras apart, with udev's folders made by the test."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from visard.daemon.devices import v4l2
from visard.daemon.sources import _cameras
from visard.daemon.sources._cameras import CameraDevice, list_cameras
from visard.daemon.sources.camera import choose

CAPTURE = 1


@dataclass
class Machine:
    """Devices, and what udev and the kernel say of them."""

    root: Path
    there: list[v4l2.V4l2Device]

    def plug(self, number: int, by_id: str = "", by_path: str = "", bus: str = "", index: int = 0) -> None:
        """Plug a webcam in; like udev, let the first of several have a link."""
        node = self.root / f"video{number}"
        node.touch()
        self.there.append(v4l2.V4l2Device(str(node), "uvcvideo", "Webcam", bus, CAPTURE))
        claims = {f"by-id/{by_id}": by_id, f"by-path/{by_path}": by_path}
        for link, name in claims.items():
            if name and not (self.root / "v4l" / link).exists():
                (self.root / "v4l" / link).symlink_to(node)
        claimed = "".join(f"S:v4l/{link}\n" for link, name in claims.items() if name)
        (self.root / f"udev/c81:{number}").write_text(f"{claimed}E:ID_V4L_PRODUCT=Webcam\n")
        (self.root / f"sys/video{number}").mkdir()
        (self.root / f"sys/video{number}/index").write_text(f"{index}\n")

    def unplug(self, number: int) -> None:
        """Take a device away with its links."""
        node = self.root / f"video{number}"
        self.there = [device for device in self.there if device.path != str(node)]
        for link in (self.root / "v4l").glob("*/*"):
            if link.resolve() == node:
                link.unlink()
        (self.root / f"udev/c81:{number}").unlink()
        (self.root / f"sys/video{number}/index").unlink()
        (self.root / f"sys/video{number}").rmdir()
        node.unlink()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for folder in ("v4l/by-id", "v4l/by-path", "sys", "udev"):
        (tmp_path / folder).mkdir(parents=True)
    machine = Machine(tmp_path, [])
    monkeypatch.setattr(_cameras, "_LINKS", tmp_path / "v4l")
    monkeypatch.setattr(_cameras, "_SYSTEM", tmp_path / "sys")
    monkeypatch.setattr(_cameras, "_UDEV", tmp_path / "udev")
    monkeypatch.setattr(v4l2, "devices", lambda: machine.there)
    return machine


def ids() -> list[str]:
    return [camera.stable_id for camera in list_cameras()]


def test_a_camera_is_found_again_under_another_number_and_in_another_socket(machine: Machine) -> None:
    machine.plug(0, "usb-Maker_Cam_42-video-index0", "pci-1-usb-1-video-index0", "usb-1")
    (before,) = list_cameras()
    machine.unplug(0)
    machine.plug(0, "usb-Other_7-video-index0", "pci-1-usb-1-video-index0", "usb-1")
    machine.plug(4, "usb-Maker_Cam_42-video-index0", "pci-1-usb-2-video-index0", "usb-2")
    assert choose(before.stable_id, list_cameras()).index == 4


def test_twins_without_serial_numbers_are_told_apart_by_their_sockets(machine: Machine) -> None:
    machine.plug(0, "usb-Twin-video-index0", "pci-1-usb-1-video-index0", "usb-1")
    machine.plug(2, "usb-Twin-video-index0", "pci-1-usb-2-video-index0", "usb-2")
    assert ids() == ["pci-1-usb-1-video-index0", "pci-1-usb-2-video-index0"]


@pytest.mark.parametrize("gone", [0, 2])
def test_a_twin_chosen_among_both_is_found_when_it_is_alone(machine: Machine, gone: int) -> None:
    machine.plug(0, "usb-Twin-video-index0", "pci-1-usb-1-video-index0", "usb-1")
    machine.plug(2, "usb-Twin-video-index0", "pci-1-usb-2-video-index0", "usb-2")
    stays = next(camera for camera in list_cameras() if camera.index != gone)
    machine.unplug(gone)
    assert choose(stays.stable_id, list_cameras()).index == stays.index


def test_a_camera_chosen_alone_is_found_when_its_twin_has_come(machine: Machine) -> None:
    machine.plug(0, "usb-Twin-video-index0", "pci-1-usb-1-video-index0", "usb-1")
    (alone,) = list_cameras()
    machine.plug(2, "usb-Twin-video-index0", "pci-1-usb-2-video-index0", "usb-2")
    found = choose(alone.stable_id, list_cameras())
    assert found.index == 0
    assert found.is_called(alone.stable_id)


def test_without_udev_the_socket_tells_and_two_nodes_of_one_camera_differ(machine: Machine) -> None:
    machine.plug(0, bus="usb-0000:00:14.0-1")
    machine.plug(1, bus="usb-0000:00:14.0-1", index=2)
    machine.plug(2, bus="usb-0000:00:14.0-2")
    assert ids() == ["usb-0000:00:14.0-1", "usb-0000:00:14.0-1-video-index2", "usb-0000:00:14.0-2"]


def test_with_nothing_else_the_number_must_do(machine: Machine) -> None:
    machine.plug(5)
    assert ids() == ["video5"]


@pytest.fixture
def loopbacks(machine: Machine) -> Callable[..., list[str]]:
    """List what is offered of three loopback devices."""
    for number, label in (
        (60, "Visard camera"),
        (61, "Phone"),
        (62, "A face with a name of forty characters"),
    ):
        path = machine.root / f"video{number}"
        path.touch()
        machine.there.append(
            v4l2.V4l2Device(str(path), "v4l2 loopback", label[:31], f"platform:{number}", CAPTURE)
        )
    return lambda output="": [camera.name for camera in list_cameras(output)]


LONG = "A face with a name of forty characters"


@pytest.mark.parametrize(
    ("output", "offered"),
    [
        ("", ["Phone", LONG[:31]]),
        (LONG, ["Phone"]),
        ("phone", [LONG[:31]]),
        ("Visard Camera", ["Phone", LONG[:31]]),
    ],
)
def test_what_visard_writes_to_is_not_offered_but_other_loopbacks_are(
    loopbacks: Callable[..., list[str]], output: str, offered: list[str]
) -> None:
    assert loopbacks(output) == offered


def test_the_output_may_be_named_by_its_path(machine: Machine, loopbacks: Callable[..., list[str]]) -> None:
    assert loopbacks(str(machine.root / "video61")) == [LONG[:31]]


def test_what_this_process_writes_to_is_not_offered_whatever_it_is_called(
    machine: Machine, loopbacks: Callable[..., list[str]]
) -> None:
    assert "Phone" in loopbacks()
    with (machine.root / "video61").open("wb"):
        assert loopbacks() == [LONG[:31]]
    reading = os.open(machine.root / "video61", os.O_RDWR)  # as a source, it stays
    assert "Phone" in loopbacks()
    os.close(reading)


def test_a_real_camera_may_have_any_name(machine: Machine) -> None:
    machine.plug(0, bus="usb-1")
    assert [camera.name for camera in list_cameras("Webcam")] == ["Webcam"]


def test_of_two_with_one_name_the_free_one_is_chosen() -> None:
    busy = CameraDevice(0, "Webcam", "a", "/dev/video0", busy=True)
    free = CameraDevice(2, "Webcam", "b", "/dev/video2", busy=False)
    assert choose("webcam", [busy, free]) is free
    assert choose("a", [busy, free]) is busy
