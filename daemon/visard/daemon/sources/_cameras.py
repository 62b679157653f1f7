"""Which cameras there are, told without starting any."""

import contextlib
import errno
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from visard.daemon.devices import v4l2, v4l2loopback

_REQBUFS = 0xC0145608
_MMAP = 1
_BUFFERS = struct.Struct("5I")
_LINKS, _SYSTEM, _UDEV = Path("/dev/v4l"), Path("/sys/class/video4linux"), Path("/run/udev/data")
_MAJOR = 81
"""The kernel's number for video devices."""


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera as it was when asked."""

    index: int
    """N of /dev/videoN; may change when cameras are plugged in another order."""
    name: str
    """What its maker calls it; two cameras of one make share it."""
    stable_id: str
    """Tells this camera on this machine from all others, also after a restart or in another socket."""
    path: str
    busy: bool
    """Whether another program takes pictures from it now."""
    ids: tuple[str, ...] = ()
    """Its other stable names: ``stable_id`` may have been one of them before a twin came or went."""

    def __str__(self) -> str:
        return f"{self.index}: {self.name} ({self.stable_id}{', in use' if self.busy else ''})"

    def is_called(self, word: str) -> bool:
        """Whether ``word`` is one of its stable names."""
        return word == self.stable_id or word in self.ids


def list_cameras(output: str = "") -> list[CameraDevice]:
    """Return the cameras, without Visard's own virtual one; nothing where this is not Linux.

    ``output`` is the label or path of the virtual camera when it is not the usual one.
    """
    claims = _claims()
    there = [device for device in v4l2.devices() if device.captures and not _is_ours(device, output)]
    return [_camera(device, claims) for device in there]


def _is_ours(device: v4l2.V4l2Device, output: str) -> bool:
    """Whether Visard writes to it, or is going to."""
    if not device.is_loopback:
        return False
    labels = {label.casefold()[: v4l2loopback.LABEL_SIZE] for label in (v4l2loopback.LABEL, output)}
    named = device.card.casefold() in labels or device.path == os.path.realpath(output)
    return named or os.O_WRONLY in v4l2.opened_here(device.path)


def _camera(device: v4l2.V4l2Device, claims: list[str]) -> CameraDevice:
    node = Path(device.path)
    stable, *others = _ids(device, node, claims)
    return CameraDevice(
        index=int(node.name.removeprefix("video")),
        name=device.card,
        stable_id=stable,
        path=device.path,
        busy=is_busy(device.path),
        ids=tuple(others),
    )


def _ids(device: v4l2.V4l2Device, node: Path, claims: list[str]) -> list[str]:
    """Return every stable name, best first: what it is before where it is plugged in."""
    by_id, by_path = _link("by-id", node), _link("by-path", node)
    names = [by_id, by_path, _place(device, node)]
    if by_id and sum(f"S:v4l/by-id/{by_id}\n" in claim for claim in claims) > 1:
        names = [
            *names[1:],
            by_id,
        ]  # a twin without a serial number of its own; udev gives one of them the link
    return [name for name in names if name]


def _place(device: v4l2.V4l2Device, node: Path) -> str:
    """Return where the device is, and which of several devices there it is."""
    try:
        which = (_SYSTEM / node.name / "index").read_text().strip()
    except OSError:
        which = "0"
    return (device.bus or node.name) + ("" if which == "0" else f"-video-index{which}")


def _claims() -> list[str]:
    """Return what udev knows of each video device: among others the links that it asked for."""
    found = []
    for file in _UDEV.glob(f"c{_MAJOR}:*"):
        with contextlib.suppress(OSError):  # unplugged meanwhile
            found.append(file.read_text(errors="replace"))
    return found


def _link(kind: str, node: Path) -> str | None:
    """Return the name udev made for a device."""
    folder = _LINKS / kind
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
