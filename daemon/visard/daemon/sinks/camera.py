"""The virtual camera: other programs see it as a webcam."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.models.face import Image

if TYPE_CHECKING:
    from visard.daemon.devices.v4l2 import V4l2Device

LIBRARY = 'pip install "visard[camera]"'
_OBS = "install OBS Studio (https://obsproject.com), start its virtual camera once, and quit it"


class VirtualCamera:
    """What any system's virtual camera has in common: pyvirtualcam takes BGR pictures of even size.

    pyvirtualcam turns BGR into I420, which every consumer reads, straight into its own output buffer: 0.15 ms
    with the hand-over at 1280x720, where converting with OpenCV first takes 0.27 ms.
    """

    def __init__(self, format: Format, device: str | None) -> None:  # noqa: A002
        self._width, self._height = format.width & ~1, format.height & ~1  # chroma is stored at half size
        self._camera = _open(self._width, self._height, format.fps, device)
        self.where = f"camera {self._camera.device}"

    def write(self, image: Image) -> None:
        """Send one BGR picture; an odd last row or column is left out."""
        try:
            self._camera.send(image[: self._height, : self._width])
        except (AttributeError, RuntimeError, ValueError, TypeError) as error:
            raise SinkError(f"{self.where} takes no more pictures: {error}") from error

    def close(self) -> None:
        """Let go of the device."""
        self._camera.close()


class LoopbackCamera(VirtualCamera):
    """A v4l2loopback device, left able to take the next writer."""

    def __init__(self, format: Format, device: "V4l2Device") -> None:  # noqa: A002
        from visard.daemon.devices import keep_format, v4l2loopback

        v4l2loopback.prepare(device)
        with contextlib.suppress(OSError):  # after a crash it may be held at another format
            keep_format.release(device.path)
        super().__init__(format, device.path)
        self.device = device.path
        """The device that others read."""
        self._node = Path(device.path)
        self.where = f"{device.card} ({device.path})"
        try:
            v4l2loopback.check_format(device, self._width, self._height)
        except SinkUnavailable:
            self.close()
            raise
        with contextlib.suppress(OSError):
            keep_format.hold(device.path, format.fps)

    def write(self, image: Image) -> None:
        """Send one BGR picture; raises SinkError when the device has gone: pyvirtualcam does not."""
        if not self._node.exists():
            raise SinkError(
                f"{self.where} has gone: was the v4l2loopback module unloaded? Start again to reconnect"
            )
        super().write(image)

    def close(self) -> None:
        """Let go of the device and give it its output side back."""
        from visard.daemon.devices import keep_format, v4l2, v4l2loopback

        super().close()
        # it has gone, or somebody else is already writing
        with contextlib.suppress(OSError, SinkUnavailable):
            v4l2loopback.prepare(v4l2.query(self.device))
            keep_format.release(self.device)


def _open(width: int, height: int, fps: float, device: str | None) -> Any:
    pyvirtualcam = _library()
    try:
        return pyvirtualcam.Camera(
            width=width, height=height, fps=fps, device=device, fmt=pyvirtualcam.PixelFormat.BGR
        )
    except (RuntimeError, OSError) as error:
        help_ = "" if sys.platform == "linux" else f". To get one: {_OBS}"
        raise SinkUnavailable(f"the virtual camera cannot be opened: {error}{help_}") from error


def _library() -> Any:
    try:
        import pyvirtualcam
    except ImportError as error:
        raise SinkUnavailable(f"the virtual camera needs pyvirtualcam ({error}). Run: {LIBRARY}") from None
    return pyvirtualcam


class CameraSinkKind:
    """The virtual camera, by v4l2loopback or by what pyvirtualcam knows."""

    name = "camera"
    rank = 10
    summary = "the virtual camera; camera:LABEL or camera:/dev/videoN for another than Visard's own"

    def claims(self, spec: str) -> bool:
        """Whether ``spec`` is camera, camera:LABEL, camera:/dev/videoN or /dev/videoN."""
        return spec == "camera" or spec.startswith(("camera:", "/dev/video"))

    def open(self, spec: str, format: Format) -> VirtualCamera:  # noqa: A002
        """Open the device that ``spec`` names; raises SinkUnavailable with the commands that bring one."""
        wanted = spec.removeprefix("camera").removeprefix(":").strip()
        if sys.platform != "linux":
            return VirtualCamera(format, wanted or None)
        from visard.daemon.devices import v4l2loopback

        _library()  # tell of both missing parts one at a time, the cheaper first
        return LoopbackCamera(format, v4l2loopback.find(wanted))


sink = CameraSinkKind()
