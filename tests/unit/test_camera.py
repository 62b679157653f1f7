import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import FakeCapture, picture

from visard.daemon.devices import v4l2
from visard.daemon.errors import SourceEnded, SourceError, SourceLost, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.sources import _cameras
from visard.daemon.sources import camera as module
from visard.daemon.sources._cameras import CameraDevice, list_cameras
from visard.daemon.sources.camera import CameraKind, Webcam, choose

FRONT = CameraDevice(0, "Front Camera", "usb-Front_1234-video-index0", "/dev/video0", busy=False)
DESK = CameraDevice(2, "Desk Camera", "usb-Desk_77-video-index0", "/dev/video2", busy=False)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Webcam]:
    """Open a fake camera whose device is a file of this test's."""
    node = tmp_path / "video0"
    node.touch()
    camera = CameraDevice(0, "Front Camera", "usb-Front", str(node), busy=False)

    def open_with(fake: FakeCapture, wanted: Format | None = None) -> Webcam:
        return CameraKind(lambda: [camera], lambda _: fake).open("camera", wanted)

    return open_with


def read(source: Webcam, times: int) -> None:
    for _ in range(times):
        source.read()


def test_pictures_and_format(opened: Callable[..., Webcam]) -> None:
    fake = FakeCapture()
    source = opened(fake, Format(800, 600, 25))
    assert source.format == Format(640, 360, 30, live=True)  # what came, not what was wanted
    assert np.array_equal(source.read(), picture(640, 360))
    assert not np.shares_memory(source.read(), source.read())
    assert fake.asked[cv2.CAP_PROP_FRAME_WIDTH] == 800
    assert fake.asked[cv2.CAP_PROP_FPS] == 25
    assert fake.asked[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert next(iter(fake.asked)) == cv2.CAP_PROP_FOURCC  # before the size, or the size is refused
    source.close()
    source.close()
    assert fake.released.wait(30)


@pytest.mark.parametrize(("fast_width", "chosen"), [(1280, 1280), (960, 960), (640, 640), (320, 640)])
def test_a_size_that_makes_it_slow_is_given_up(
    opened: Callable[..., Webcam], fast_width: int, chosen: int
) -> None:
    fake = FakeCapture()
    fake.fast_width = fast_width
    opened(fake).close()
    assert fake.asked[cv2.CAP_PROP_FRAME_WIDTH] == chosen


def test_a_camera_that_does_not_tell_its_rate_is_believed(opened: Callable[..., Webcam]) -> None:
    fake = FakeCapture()
    fake.fast_width, fake.slow = 0, 0.0
    source = opened(fake)
    assert fake.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert source.format.fps == 30
    source.close()


def test_a_few_damaged_pictures_are_passed_over(opened: Callable[..., Webcam]) -> None:
    source = opened(FakeCapture(False, False, True, False, True, False, *[True] * 1000))
    for _ in range(3):
        assert source.read().shape == (360, 640, 3)
    source.close()


def test_unplugging_is_noticed_at_once(opened: Callable[..., Webcam], tmp_path: Path) -> None:
    def unplug() -> bool:
        (tmp_path / "video0").unlink()
        return False

    fake = FakeCapture(*[True] * 5, unplug, *[True] * 100)  # good again: OpenCV repeats its last buffer
    source = opened(fake)
    with pytest.raises(SourceLost, match="Front Camera was unplugged"):
        read(source, 20)
    assert fake.released.wait(30)
    source.close()


def test_a_camera_that_only_fails_is_lost(
    opened: Callable[..., Webcam], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRAME_TIMEOUT", 0.1)
    source = opened(FakeCapture(True))
    with pytest.raises(SourceLost):
        read(source, 20)


def test_a_camera_that_falls_silent_is_lost(
    opened: Callable[..., Webcam], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRAME_TIMEOUT", 0.1)
    silence = threading.Event()
    source = opened(FakeCapture(True, lambda: silence.wait(30)))
    with pytest.raises(SourceLost, match="gives no more pictures"):
        read(source, 3)
    source.close()
    silence.set()


def test_a_camera_that_never_begins(opened: Callable[..., Webcam], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_FRAME_TIMEOUT", 0.1)
    silence = threading.Event()
    fake = FakeCapture(lambda: silence.wait(30))
    with pytest.raises(SourceUnavailable, match="gives no pictures"):
        opened(fake)
    silence.set()
    assert fake.released.wait(30)


def test_close_wakes_a_waiting_reader(opened: Callable[..., Webcam]) -> None:
    silence = threading.Event()
    source = opened(FakeCapture(True, lambda: silence.wait(30)))
    ends: list[SourceError] = []

    def wait() -> None:
        try:
            while True:
                source.read()
        except SourceError as error:
            ends.append(error)

    reader = threading.Thread(target=wait)
    reader.start()
    time.sleep(0.05)
    source.close()
    reader.join(20)
    silence.set()
    assert isinstance(ends[0], SourceEnded)


def test_an_exception_inside_opencv_is_a_lost_camera(opened: Callable[..., Webcam]) -> None:
    def fail() -> bool:
        raise cv2.error("boom")

    source = opened(FakeCapture(True, fail))
    with pytest.raises(SourceLost, match="boom"):
        read(source, 3)


def test_a_camera_that_opencv_does_not_open(opened: Callable[..., Webcam]) -> None:
    with pytest.raises(SourceUnavailable, match="cannot be opened"):
        opened(FakeCapture(opened=False))


# Which camera.


@pytest.mark.parametrize(
    ("which", "wanted"),
    [
        ("", FRONT),
        ("0", FRONT),
        ("2", DESK),
        ("desk camera", DESK),
        ("Desk", DESK),
        ("usb-Desk_77-video-index0", DESK),
        ("/dev/video2", DESK),
    ],
)
def test_choosing(which: str, wanted: CameraDevice) -> None:
    assert choose(which, [FRONT, DESK]) is wanted


def test_by_default_the_first_that_is_free() -> None:
    taken = CameraDevice(0, "Front Camera", "a", "/dev/video0", busy=True)
    assert choose("", [taken, DESK]) is DESK
    assert choose("", [taken]) is taken


def test_a_camera_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(SourceUnavailable, match=r"no camera '7'.*0: Front Camera.*2: Desk Camera"):
        choose("7", [FRONT, DESK])


def test_no_camera_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "Path", lambda _: tmp_path)
    with pytest.raises(SourceUnavailable, match="there is no camera"):
        choose("", [])


def open_at(path: Path) -> None:
    camera = CameraDevice(0, "Front Camera", "a", str(path), busy=False)
    CameraKind(lambda: [camera], lambda _: FakeCapture()).open("camera")


def test_one_that_went_away_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="Front Camera is gone"):
        open_at(tmp_path / "video0")


def test_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceUnavailable, match="usermod -aG video"):
        open_at(tmp_path / "video0")


def test_one_in_use_names_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "video0").touch()
    monkeypatch.setattr(module, "is_busy", lambda _: True)
    monkeypatch.setattr(v4l2, "holders", lambda _: [v4l2.Holder(42, "zoom", only_writes=False)])
    with pytest.raises(SourceUnavailable, match=r"in use by zoom \(process 42\); close that program"):
        open_at(tmp_path / "video0")


def test_the_list_leaves_out_what_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = 1
    monkeypatch.setattr(
        v4l2,
        "devices",
        lambda: [
            v4l2.V4l2Device("/dev/video0", "uvcvideo", "Front Camera", "usb-1", capture),
            v4l2.V4l2Device("/dev/video1", "uvcvideo", "Front Camera", "usb-1", 0x800000),  # its metadata
            v4l2.V4l2Device("/dev/video9", "v4l2 loopback", "Visard Camera", "platform", capture),
            v4l2.V4l2Device("/dev/video10", "v4l2 loopback", "Phone", "platform:10", capture),
        ],
    )
    cameras = list_cameras()
    assert [(c.index, c.name, c.stable_id) for c in cameras] == [
        (0, "Front Camera", "usb-1"),
        (10, "Phone", "platform:10"),
    ]


@pytest.mark.parametrize(("refusal", "busy"), [(errno.EBUSY, True), (errno.EINVAL, False), (None, False)])
def test_busy_is_what_the_kernel_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int | None, busy: bool
) -> None:
    import fcntl

    def ioctl(*_: object) -> bytes:
        if refusal:
            raise OSError(refusal, os.strerror(refusal))
        return b""

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    (tmp_path / "video0").touch()
    assert _cameras.is_busy(str(tmp_path / "video0")) is busy
