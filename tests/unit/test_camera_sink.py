"""The virtual camera's choices and refusals, without a device; tests/e2e has a real one."""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visard.daemon.devices import keep_format, v4l2, v4l2loopback
from visard.daemon.devices.v4l2 import CAPTURE, OUTPUT, Holder, V4l2Device
from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.sinks import find_sink

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's virtual camera")

FORMAT = Format(64, 48, 30)
PICTURE = np.full((48, 64, 3), 90, np.uint8)


class Kernel:
    """Stands in for v4l2loopback 0.12.7: a device loses its output side with its writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.devices: dict[str, V4l2Device] = {}
        self.holders: list[Holder] = []
        self.held = ""
        self.healed = 0

    def add(self, card: str = "Visard Camera", driver: str = "v4l2 loopback", can: int = OUTPUT) -> str:
        path = str(self.folder / f"video{60 + len(self.devices)}")
        Path(path).touch()
        self.devices[path] = V4l2Device(path, driver, card, "platform", can)
        return path

    def query(self, path: str) -> V4l2Device:
        if path not in self.devices or not Path(path).exists():
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.devices[path]

    def turn(self, path: str, can: int) -> None:
        old = self.devices[path]
        self.devices[path] = V4l2Device(path, old.driver, old.card, old.bus, can)

    def restore_output(self, path: str) -> None:
        self.healed += 1
        self.turn(path, OUTPUT)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel(tmp_path)
    monkeypatch.setattr(v4l2, "query", kernel.query)
    monkeypatch.setattr(v4l2, "devices", lambda: list(kernel.devices.values()))
    monkeypatch.setattr(v4l2, "paths", lambda: list(kernel.devices))
    monkeypatch.setattr(v4l2, "holders", lambda _: kernel.holders)
    monkeypatch.setattr(v4l2, "held_format", lambda _: kernel.held)
    monkeypatch.setattr(v4l2, "restore_output", kernel.restore_output)
    return kernel


@pytest.fixture
def sent(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The pictures that pyvirtualcam was given; it accepts only a device that announces its output side."""
    pictures: list[Any] = []

    class Camera:
        def __init__(self, *, width: int, height: int, fps: float, device: str, fmt: str) -> None:
            assert (fps, fmt) == (30, "BGR")
            if not kernel.devices[device].outputs:
                raise RuntimeError(f"Device {device} is not a video output device.")
            self.device, self.shape = device, (height, width, 3)

        def send(self, picture: Any) -> None:
            if picture.shape != self.shape:
                raise ValueError("unexpected frame shape")
            pictures.append(picture.copy())

        def close(self) -> None:
            kernel.turn(self.device, 0)

    library = SimpleNamespace(Camera=Camera, PixelFormat=SimpleNamespace(BGR="BGR"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", library)
    return pictures


@pytest.mark.parametrize("spec", ["camera", "camera:Other", "camera:/dev/video3", "/dev/video3"])
def test_specs(spec: str) -> None:
    assert find_sink(spec).name == "camera"


def test_two_sessions_on_a_device_that_forgets_its_output_side(kernel: Kernel, sent: list[Any]) -> None:
    path = kernel.add()
    for session in (1, 2):
        sink = find_sink("camera").open("camera", FORMAT)
        sink.write(PICTURE)
        sink.close()
        sink.close()
        assert len(sent) == session
        assert kernel.devices[path].outputs
    assert path in sink.where


def test_two_sessions_on_a_device_that_has_no_output_side_while_it_keeps_its_format(
    kernel: Kernel, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As v4l2loopback has it from 0.14 on; a crash leaves the format kept."""
    path, kept = kernel.add(), []

    def hold(path: str, _fps: float) -> None:
        kept.append(path)
        kernel.turn(path, CAPTURE)

    monkeypatch.setattr(keep_format, "hold", hold)
    monkeypatch.setattr(keep_format, "release", lambda _: kept.clear())
    monkeypatch.setattr(v4l2, "restore_output", lambda path: None if kept else kernel.turn(path, OUTPUT))
    for session in (1, 2):
        sink = find_sink("camera").open("camera", FORMAT)
        sink.write(PICTURE)
        assert kept
        sink.close()
        assert len(sent) == session
        assert kernel.devices[path].outputs
        hold(path, 30)  # and then there was a crash


def test_a_device_left_broken_by_a_killed_writer_is_healed(kernel: Kernel, sent: list[Any]) -> None:
    kernel.add(can=0)
    find_sink("camera").open("camera", FORMAT).write(PICTURE)
    assert kernel.healed == 1
    assert (sent[0] == PICTURE).all()


def test_a_device_in_use_is_never_healed_away_from_its_writer(kernel: Kernel, sent: list[Any]) -> None:
    kernel.add(can=CAPTURE)
    kernel.holders = [Holder(7, "obs", only_writes=True)]
    with pytest.raises(SinkUnavailable, match=r"already written to by obs \(process 7\)"):
        find_sink("camera").open("camera", FORMAT)
    assert kernel.healed == 0
    assert not sent


@pytest.mark.usefixtures("sent")
def test_a_size_that_a_watcher_holds_is_refused_and_the_device_let_go(kernel: Kernel) -> None:
    path = kernel.add()
    kernel.held = "YU12:640x480"
    kernel.holders = [Holder(9, "zoom", only_writes=False)]
    with pytest.raises(SinkUnavailable, match=r"held at YU12:640x480 by zoom .*64x48"):
        find_sink("camera").open("camera", FORMAT)
    assert kernel.devices[path].outputs


def test_odd_sizes_lose_a_row_and_a_column(kernel: Kernel, sent: list[Any]) -> None:
    kernel.add()
    sink = find_sink("camera").open("camera", Format(65, 49, 30))
    sink.write(np.zeros((49, 65, 3), np.uint8))
    assert sent[0].shape == (48, 64, 3)


@pytest.mark.usefixtures("sent")
def test_a_vanished_device_is_an_error_and_closing_still_works(kernel: Kernel) -> None:
    path = kernel.add()
    sink = find_sink("camera").open("camera", FORMAT)
    Path(path).unlink()
    with pytest.raises(SinkError, match="has gone"):
        sink.write(PICTURE)
    sink.close()


@pytest.mark.usefixtures("sent")
def test_a_picture_of_the_wrong_size_is_an_error(kernel: Kernel) -> None:
    kernel.add()
    sink = find_sink("camera").open("camera", FORMAT)
    with pytest.raises(SinkError, match="takes no more pictures"):
        sink.write(PICTURE[:20])


def test_own_label_wins(kernel: Kernel) -> None:
    kernel.add("OBS")
    own = kernel.add("visard camera")
    assert v4l2loopback.find().path == own


def test_the_only_other_virtual_camera_will_do(kernel: Kernel) -> None:
    kernel.add("Integrated Webcam", driver="uvcvideo", can=CAPTURE)
    other = kernel.add("OBS")
    assert v4l2loopback.find().path == other


def test_of_several_others_none_is_guessed(kernel: Kernel) -> None:
    kernel.add("OBS")
    kernel.add("Droidcam")
    with pytest.raises(SinkUnavailable, match=r"'OBS' .*'Droidcam'"):
        v4l2loopback.find()


def test_labels_longer_than_the_kernel_keeps(kernel: Kernel) -> None:
    path = kernel.add("x" * 31)
    assert v4l2loopback.find("x" * 40).path == path


def test_a_label_that_is_not_there_is_not_replaced(kernel: Kernel) -> None:
    kernel.add("OBS")
    with pytest.raises(SinkUnavailable, match="no virtual camera 'Other'"):
        v4l2loopback.find("Other")


def test_a_real_camera_is_never_written_to(kernel: Kernel) -> None:
    path = kernel.add("Integrated Webcam", driver="uvcvideo", can=CAPTURE)
    with pytest.raises(SinkUnavailable, match="a real camera"):
        v4l2loopback.find(path)
    with pytest.raises(SinkUnavailable, match="no virtual camera"):
        v4l2loopback.find("Integrated Webcam")


@pytest.mark.usefixtures("kernel")
def test_without_a_device_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2loopback, "install_command", lambda: "sudo the-install_command")
    with pytest.raises(SinkUnavailable, match="Run: sudo the-install_command"):
        v4l2loopback.find()


@pytest.mark.parametrize(
    ("system", "there", "command"),
    [
        ({"ID": "debian"}, "", "install.sh"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "", "install.sh"),
        ({"ID": "fedora"}, "", "sudo dnf install akmod-v4l2loopback && sudo modprobe v4l2loopback"),
        ({"ID": "arch"}, "", "sudo pacman -S v4l2loopback-dkms linux-headers && sudo modprobe v4l2loopback"),
        ({"ID": "fedora"}, "installed", "sudo modprobe v4l2loopback exclusive_caps=1"),
        ({"ID": "fedora"}, "loaded", "sudo modprobe -r v4l2loopback && sudo modprobe v4l2loopback"),
    ],
)
def test_remedies(monkeypatch: pytest.MonkeyPatch, system: dict[str, str], there: str, command: str) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: system)
    monkeypatch.setattr(v4l2loopback, "installed", lambda: bool(there))
    monkeypatch.setattr(v4l2loopback, "loaded", lambda: there == "loaded")
    assert command in v4l2loopback.install_command()
    assert "\n" not in v4l2loopback.install_command()


def test_options_in_the_remedy_are_those_that_are_installed(repository: Path) -> None:
    installed = (repository / "packaging/v4l2loopback/modprobe.conf").read_text()
    assert f"options v4l2loopback {v4l2loopback.OPTIONS}\n" in installed


def test_a_missing_library_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(SinkUnavailable, match=r'pip install "visard\[camera\]"'):
        find_sink("camera").open("camera", FORMAT)
