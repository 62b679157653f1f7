"""The virtual camera on Linux: a v4l2loopback device, found by its label, ready to be written to."""

import contextlib
import os
import platform
from pathlib import Path

from visard.daemon.devices import v4l2
from visard.daemon.errors import SinkUnavailable

LABEL = "Visard Camera"
LABEL_SIZE = 31
"""The kernel keeps no more of a label."""
MODULE = "v4l2loopback"
OPTIONS = f'exclusive_caps=1 card_label="{LABEL}" video_nr=60 max_buffers=2'
"""``exclusive_caps``: browsers list only devices that can capture and nothing else."""

PERMISSION = 'sudo usermod -aG video "$USER" && echo "now log out and in again"'

_PACKAGES = {
    "debian": "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)",
    "fedora": "sudo dnf install akmod-v4l2loopback",
    "arch": "sudo pacman -S v4l2loopback-dkms linux-headers",
}


def installed() -> bool:
    """Whether the kernel module exists for the running kernel."""
    modules = Path("/lib/modules", platform.release())
    return loaded() or any(modules.rglob(f"{MODULE}.ko*"))


def loaded() -> bool:
    """Whether the kernel module is loaded."""
    return Path("/sys/module", MODULE).is_dir()


def open_files(path: str) -> int | None:
    """Return how many times the device at ``path`` is open, for whatever user; None where nobody can tell."""
    serves = [node.parent.name for node in Path("/sys/class/video4linux").glob("*/max_openers")]
    if serves != [Path(path).name]:
        return None  # the module counts the files of all its devices as one
    try:
        return int(Path("/sys/module", MODULE, "refcnt").read_text())
    except (OSError, ValueError):
        return None


def install_command() -> str:
    """Return the one line for a shell that brings the virtual camera to this machine."""
    script = Path(__file__).parents[4] / "packaging/v4l2loopback/install.sh"
    if script.is_file() and _family() == "debian":
        return f"sudo {script}"
    load = f"sudo modprobe {MODULE} {OPTIONS}"
    if loaded():
        return f"sudo modprobe -r {MODULE} && {load}"
    return load if installed() else f"{_PACKAGES.get(_family(), _PACKAGES['debian'])} && {load}"


def _family() -> str:
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return ""
    names = [system.get("ID", ""), *system.get("ID_LIKE", "").split()]
    return next((name for name in names if name in _PACKAGES), "")


def find(wanted: str = "") -> v4l2.V4l2Device:
    """Return the device ``wanted`` by path or label; by default Visard's own, else the only one there is.

    Never a device that is not v4l2loopback's. Raises SinkUnavailable with what to do.
    """
    if wanted.startswith("/"):
        return _at(wanted)
    there = [device for device in v4l2.devices() if device.is_loopback]
    label = (wanted or LABEL)[:LABEL_SIZE]
    named = [device for device in there if device.card.casefold() == label.casefold()]
    if named:
        return named[0]
    if len(there) == 1 and not wanted:
        return there[0]
    raise SinkUnavailable(_missing(wanted, there))


def _at(path: str) -> v4l2.V4l2Device:
    try:
        device = v4l2.query(str(Path(path).resolve()))
    except PermissionError:
        raise SinkUnavailable(f"no permission to use {path}. Run: {PERMISSION}") from None
    except OSError as error:
        raise SinkUnavailable(f"{path} is no video device ({error.strerror})") from None
    if not device.is_loopback:
        raise SinkUnavailable(
            f"{path} is {device.card!r}, a real camera: only a v4l2loopback device can be written"
        )
    return device


def _missing(wanted: str, there: list[v4l2.V4l2Device]) -> str:
    if there:
        names = ", ".join(f"{device.card!r} ({device.path})" for device in there)
        return f"there is no virtual camera {wanted or LABEL!r}; choose one with camera:LABEL: {names}"
    if not all(os.access(path, os.R_OK | os.W_OK) for path in v4l2.paths()):
        return f"no permission to use the video devices. Run: {PERMISSION}"
    return f"there is no virtual camera yet. Run: {install_command()}"


def prepare(device: v4l2.V4l2Device) -> None:
    """Make ``device`` accept a writer; raises SinkUnavailable when another program writes to it."""
    writer = next((holder for holder in v4l2.holders(device.path) if holder.only_writes), None)
    if writer is None and not device.outputs:
        _reopen(device.path)
        device = v4l2.query(device.path)
    if writer is not None or not device.outputs:
        raise SinkUnavailable(
            f"{device.card!r} ({device.path}) is already written to by {writer or 'another program'}; "
            "stop that, or use another device with camera:/dev/videoN"
        )


def _reopen(path: str) -> None:
    """Undo what may keep writers out: a format that is kept (0.14 and later), a writer's loss (0.12)."""
    from visard.daemon.devices import keep_format

    with contextlib.suppress(OSError):
        keep_format.release(path)
    v4l2.restore_output(path)


def check_format(device: v4l2.V4l2Device, width: int, height: int) -> None:
    """Raise SinkUnavailable when a program that watches ``device`` holds it at another format than ours.

    The driver keeps the old format for as long as anybody has the device open, and reports no error.
    """
    held = v4l2.held_format(device.path)
    if held in ("", f"YU12:{width}x{height}"):
        return
    watchers = ", ".join(str(h) for h in v4l2.holders(device.path) if not h.only_writes) or "another program"
    raise SinkUnavailable(
        f"{device.card!r} is held at {held} by {watchers}, so it cannot change to {width}x{height}; "
        "stop the video there and start again"
    )
