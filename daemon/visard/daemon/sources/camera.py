"""A webcam, through OpenCV."""

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Protocol

import cv2
import numpy as np

from visard.daemon.errors import SourceEnded, SourceError, SourceLost, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.slot import Closed, Slot
from visard.daemon.sources._cameras import CameraDevice, is_busy, list_cameras
from visard.models.face import Image

FRAME_TIMEOUT = 2.0
"""Seconds without a picture after which a camera counts as gone."""
_FIRST_FRAME_TIMEOUT = 8.0
"""Seconds a camera may take to its first picture."""
_JOIN_TIMEOUT = 0.5
"""Seconds to wait for the thread when closing."""
_WANTED = Format(1280, 720, 30)
_SMALLER = ((960, 540), (640, 360))
_DEVICES = ("/dev/video", "/dev/v4l/")


class OpenCvCapture(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102
    def read(self) -> tuple[bool, Image]: ...  # noqa: D102
    def set(self, key: int, value: float) -> bool: ...  # noqa: D102
    def get(self, key: int) -> float: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


def _capture(index: int) -> OpenCvCapture:
    backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    return cv2.VideoCapture(index, backend)  # type: ignore[return-value]  # its stubs are wider than what it does


class Webcam:
    """An open camera: a thread takes every picture at once, so that none grows old in the driver's queue."""

    def __init__(self, name: str, path: str | None, capture: OpenCvCapture) -> None:
        self._name = name
        self._path = path
        self._capture = capture
        self._newest: Slot[Image] = Slot()
        self._error: SourceError | None = None
        self._stop = Event()
        rate = capture.get(cv2.CAP_PROP_FPS)
        self._thread = Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()
        self.format = self._first_format(rate if 1 <= rate <= 240 else _WANTED.fps)

    def read(self) -> Image:
        """Wait for the next picture; SourceLost when the camera is gone or silent for two seconds."""
        image = self._take(FRAME_TIMEOUT)
        if image is None:
            raise SourceLost(f"{self._name} gives no more pictures; unplug it and plug it in again")
        if image.shape[:2] != (self.format.height, self.format.width):
            return np.asarray(cv2.resize(image, (self.format.width, self.format.height)), np.uint8)
        return image

    def close(self) -> None:
        """Let go of the camera; a read that waits ends with SourceEnded."""
        self._stop.set()
        self._newest.close()
        if self._thread is not current_thread():
            self._thread.join(_JOIN_TIMEOUT)  # a program that ends inside OpenCV's read is aborted

    def _take(self, seconds: float) -> Image | None:
        try:
            image = self._newest.take(seconds)
        except Closed:
            raise self._error or SourceEnded("the camera was closed") from None
        if self._stop.is_set():
            raise SourceEnded("the camera was closed")
        return image

    def _first_format(self, rate: float) -> Format:
        try:
            first = self._take(_FIRST_FRAME_TIMEOUT)
        except SourceError as error:
            raise SourceUnavailable(str(error)) from error
        if first is None:
            self.close()
            raise SourceUnavailable(f"{self._name} gives no pictures; unplug it and plug it in again")
        return Format(first.shape[1], first.shape[0], rate)

    def _run(self) -> None:
        """Take pictures until closed or lost. Only this thread touches the capture."""
        try:
            self._grab()
        except Closed:
            pass
        except Exception as error:  # OpenCV's backends raise what they like
            self._error = SourceLost(f"{self._name} failed: {error}")
        self._capture.release()
        self._newest.close()

    def _grab(self) -> None:
        last = time.monotonic()
        while not self._stop.is_set():
            good, image = self._capture.read()
            if good and image is not None:
                self._newest.put(image)
                last = time.monotonic()
            elif self._unplugged() or time.monotonic() - last > FRAME_TIMEOUT:
                self._error = SourceLost(f"{self._name} was unplugged or stopped; plug it in again")
                return
            else:
                self._stop.wait(0.01)  # a damaged picture; some cameras begin with a few

    def _unplugged(self) -> bool:
        # OpenCV may call the read after a failed one good and give an old picture: look for the device.
        return self._path is not None and not Path(self._path).exists()


class CameraKind:
    """Opens cameras by number, name or stable id."""

    name = "camera"
    rank = 10
    summary = "a webcam; camera:0, camera:NAME or camera:ID where there are several"

    def __init__(
        self,
        cameras: Callable[[], list[CameraDevice]] = list_cameras,
        capture: Callable[[int], OpenCvCapture] = _capture,
    ) -> None:
        self._cameras = cameras
        self._capture = capture

    def claims(self, spec: str) -> bool:
        """Whether it is ``camera``, begins with ``camera:``, or is a video device."""
        return spec.partition(":")[0] == self.name or spec.startswith(_DEVICES)

    def open(
        self,
        spec: str,
        wanted: Format | None = None,
        *,
        loop: bool = True,  # noqa: ARG002 - a camera has no end
        paced: bool = True,  # noqa: ARG002 - and sets its own pace
    ) -> Webcam:
        """Open a camera at the size and rate nearest to ``wanted``."""
        device = spec.startswith(_DEVICES)
        which = os.path.realpath(spec) if device else spec.partition(":")[2].strip()
        if sys.platform != "linux":
            return self._start(_number(which), f"camera {which or 0}", None, wanted or _WANTED)
        camera = choose(which, self._cameras())
        _check(camera)
        return self._start(camera.index, camera.name, camera.path, wanted or _WANTED)

    def _start(self, index: int, name: str, path: str | None, wanted: Format) -> Webcam:
        capture = self._capture(index)
        if not capture.isOpened():
            raise SourceUnavailable(f"{name} cannot be opened; close other programs that use it")
        # Without MJPG a USB 2 camera sends 720p at 10 frames a second. It must be set before the size.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        _set_size(capture, wanted)
        return Webcam(name, path, capture)


def _set_size(capture: OpenCvCapture, wanted: Format) -> None:
    """Ask for a size, and for smaller ones while the camera makes it far too slow."""
    smaller = [size for size in _SMALLER if size[0] < wanted.width]
    for width, height in [(wanted.width, wanted.height), *smaller]:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, wanted.fps)
        rate = capture.get(cv2.CAP_PROP_FPS)
        if not 0 < rate < 0.75 * wanted.fps:  # 0: it does not say
            return


def choose(which: str, cameras: list[CameraDevice]) -> CameraDevice:
    """Return the camera that ``which`` means; raises SourceUnavailable with the list."""
    if not cameras:
        raise SourceUnavailable(_none_found())
    if not which:
        return next((camera for camera in cameras if not camera.busy), cameras[0])
    word = which.casefold()
    ways: list[Callable[[CameraDevice], bool]] = [
        lambda camera: word in (str(camera.index), camera.stable_id.casefold(), camera.path),
        lambda camera: camera.is_called(which),
        lambda camera: word == camera.name.casefold(),
        lambda camera: word in camera.name.casefold(),
    ]
    found = next((some for fits in ways if (some := list(filter(fits, cameras)))), None)
    if not found:
        listed = "; ".join(map(str, cameras))
        raise SourceUnavailable(f"there is no camera {which!r}. There is {listed}")
    return next((camera for camera in found if not camera.busy), found[0])


def _none_found() -> str:
    blocked = [
        path for path in map(str, Path("/dev").glob("video*")) if not os.access(path, os.R_OK | os.W_OK)
    ]
    if blocked:
        return _no_permission(blocked[0])
    return "there is no camera. Plug one in, or use --source with a video file, a picture or the word demo"


def _no_permission(path: str) -> str:
    return f"this user may not use {path}. Run: sudo usermod -aG video $USER, then log in again"


def _check(camera: CameraDevice) -> None:
    """Say precisely why a camera cannot be opened, which OpenCV does not."""
    try:
        os.close(os.open(camera.path, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError as error:
        raise SourceUnavailable(_no_permission(camera.path)) from error
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise SourceUnavailable(f"{camera.name} is gone ({error.strerror}); plug it in again") from error
    if is_busy(camera.path):
        raise SourceUnavailable(f"{camera.name} is in use{_by(camera.path)}; close that program")


def _by(path: str) -> str:
    from visard.daemon.devices import v4l2

    holders = v4l2.holders(path)
    return f" by {holders[0]}" if holders else " by another program"


def _number(which: str) -> int:
    if which and not which.isdecimal():
        raise SourceUnavailable(f"cameras are chosen by number here: camera:0, not camera:{which}")
    return int(which or 0)


source = CameraKind()
