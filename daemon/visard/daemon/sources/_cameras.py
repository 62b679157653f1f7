"""Which cameras there are, told without starting any."""

import errno
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from visard.daemon import loopback, v4l2

_REQBUFS = 0xC0145608
_MMAP = 1
_BUFFERS = struct.Struct("5I")


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera as it was when asked."""

    index: int
    """N of /dev/videoN; may change when cameras are plugged in another order."""
    name: str
    """What its maker calls it; two cameras of one make share it."""
    stable_id: str
    """Tells this camera on this machine from all others, also after a restart."""
    path: str
    busy: bool
    """Whether another program takes pictures from it now."""

    def __str__(self) -> str:
        return f"{self.index}: {self.name} ({self.stable_id}{', in use' if self.busy else ''})"


def list_cameras() -> list[Camera]:
    """Return the cameras, without Visard's own virtual one; nothing where this is not Linux."""
    return [_camera(device) for device in v4l2.devices() if device.captures and not _is_ours(device)]


def _is_ours(device: v4l2.Device) -> bool:
    return device.is_loopback and device.card == loopback.LABEL


def _camera(device: v4l2.Device) -> Camera:
    node = Path(device.path)
    return Camera(
        index=int(node.name.removeprefix("video")),
        name=device.card,
        stable_id=_link("by-id", node) or _link("by-path", node) or device.bus or node.name,
        path=device.path,
        busy=is_busy(device.path),
    )


def _link(kind: str, node: Path) -> str | None:
    """Return the name udev made for a device under /dev/v4l."""
    folder = Path("/dev/v4l", kind)
    links = sorted(folder.iterdir()) if folder.is_dir() else []
    return next((link.name for link in links if link.resolve() == node), None)


def is_busy(path: str) -> bool:
    """Whether another program takes pictures: then the kernel refuses us even zero buffers."""
    import fcntl

    try:
        file = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return error.errno == errno.EBUSY
    try:
        fcntl.ioctl(file, _REQBUFS, _BUFFERS.pack(0, v4l2.CAPTURE, _MMAP, 0, 0))
    except OSError as error:
        return error.errno == errno.EBUSY
    finally:
        os.close(file)
    return False
