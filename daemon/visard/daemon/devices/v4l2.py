"""What Linux says of its video devices, and the cure for one driver bug. Nothing here keeps a device open."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

QUERYCAP = 0x80685600
STREAMON = 0x40045612
CAPTURE, OUTPUT = 1, 2
"""Bits of a device's capabilities, and by accident of the kernel's numbering also its buffer types."""

_CAPABILITY = struct.Struct("16s32s32s6I")


@dataclass(frozen=True, slots=True)
class V4l2Device:
    """One video device as it was when asked."""

    path: str
    driver: str
    card: str
    """The name people see, such as *Visard Camera*."""
    bus: str
    """Where it is plugged in; stays the same over restarts, unlike the number in ``path``."""
    capabilities: int

    @property
    def is_loopback(self) -> bool:
        """Whether v4l2loopback drives it."""
        return self.driver == "v4l2 loopback"

    @property
    def captures(self) -> bool:
        """Whether pictures can be read from it now."""
        return bool(self.capabilities & CAPTURE)

    @property
    def outputs(self) -> bool:
        """Whether it announces that pictures can be written to it now."""
        return bool(self.capabilities & OUTPUT)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a device open."""

    pid: int
    name: str
    only_writes: bool
    files: int = 1
    """How many times it has the device open."""

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def paths() -> list[str]:
    """Return every /dev/videoN in the order of N, readable or not."""
    found = (p for p in Path("/dev").glob("video*") if p.name[5:].isdecimal())
    return [str(p) for p in sorted(found, key=lambda p: int(p.name[5:]))]


def query(path: str) -> V4l2Device:
    """Ask a device what it is; raises OSError (missing, no permission, no video device)."""
    raw = _CAPABILITY.unpack(_ask(path, QUERYCAP, bytes(_CAPABILITY.size)))
    driver, card, bus = (field.split(b"\0")[0].decode(errors="replace") for field in raw[:3])
    _version, everything, this_node = raw[3:6]
    return V4l2Device(path, driver, card, bus, this_node or everything)


def devices() -> list[V4l2Device]:
    """Return every video device that answers."""
    return list(_answering())


def _answering() -> Iterator[V4l2Device]:
    for path in paths():
        try:
            yield query(path)
        except OSError:
            continue


def held_format(path: str) -> str:
    """Return the format, as in YU12:640x480, that a loopback device keeps while anybody has it open."""
    try:
        text = Path("/sys/class/video4linux", Path(path).name, "format").read_text()
    except OSError:
        return ""
    return text.partition("@")[0].strip()


def restore_output(path: str) -> None:
    """Give a v4l2loopback device its output side back; harmless on a healthy one. Raises OSError.

    Up to 0.12.7 a writer that never calls STREAMON (pyvirtualcam and whatever else only calls write) leaves
    the device without it, and no later writer is accepted. Closing a file that did call STREAMON brings it
    back, even where STREAMON itself fails because no format is set.
    """
    import fcntl

    file = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(file, STREAMON, struct.pack("i", OUTPUT))
    except OSError:
        pass  # the kernel took us for a writer before it looked at the format
    finally:
        os.close(file)


def holders(path: str) -> list[Holder]:
    """Return the other processes that have ``path`` open, as far as this user may see them.

    Looks at every open file of every such process: about 4 ms for a thousand files.
    """
    here = str(os.getpid())
    opened = {pid: modes for pid in _processes() if pid != here and (modes := _modes(pid, path))}
    return [Holder(int(pid), _name(pid), os.O_WRONLY in modes, len(modes)) for pid, modes in opened.items()]


def opened_here(path: str) -> list[int]:
    """Return how this process has ``path`` open: O_RDONLY, O_WRONLY or O_RDWR for every time."""
    return _modes("self", path)


def is_mapped(pid: int, path: str) -> bool:
    """Whether a process shares ``path``'s memory, as whoever streams from a loopback device does."""
    try:
        return f" {path}\n".encode() in Path("/proc", str(pid), "maps").read_bytes()
    except OSError:
        return False


def _processes() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
    except OSError:
        return []


def _modes(pid: str, path: str) -> list[int]:
    folder = f"/proc/{pid}/fd/"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - pathlib takes three times as long, for thousands of files
    except OSError:
        return []  # not ours to look at, or it has just ended
    return [mode for name in names if (mode := _mode(pid, name, path)) is not None]


def _mode(pid: str, file: str, path: str) -> int | None:
    try:
        if os.readlink(f"/proc/{pid}/fd/{file}") != path:  # noqa: PTH115 - the same
            return None
        return _flags(Path("/proc", pid, "fdinfo", file)) & os.O_ACCMODE
    except OSError:
        return None  # closed meanwhile


def _flags(fdinfo: Path) -> int:
    line = next(line for line in fdinfo.read_text().splitlines() if line.startswith("flags:"))
    return int(line.split()[1], 8)


def _name(pid: str) -> str:
    try:
        return Path("/proc", pid, "comm").read_text().strip()
    except OSError:
        return "a process"


def _ask(path: str, request: int, argument: bytes) -> bytes:
    import fcntl

    file = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        return fcntl.ioctl(file, request, argument)
    finally:
        os.close(file)
