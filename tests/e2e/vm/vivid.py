"""Guest: webcams that vivid emulates, to be plugged in and out."""

import subprocess
from pathlib import Path

from visard.daemon.devices import v4l2

WEBCAM = (("node_types", "0x1"), ("input_types", "0"))
"""Pictures only, and no other input than a camera."""


def load(count: int) -> None:
    """Plug so many webcams in."""
    kinds = [f"{name}={','.join([value] * count)}" for name, value in WEBCAM]
    subprocess.run(["modprobe", "vivid", f"n_devs={count}", *kinds], check=True)


def unplug() -> None:
    """Take all of them away."""
    Path("/sys/bus/platform/drivers/vivid/unbind").write_text("vivid.0")


def plug() -> None:
    """Bring them back."""
    Path("/sys/bus/platform/drivers/vivid/bind").write_text("vivid.0")


def place(number: int) -> str:
    """Return where a webcam is plugged in, which tells it from the others under any number."""
    return f"platform:vivid-{number:03}"


def node(number: int) -> str:
    """Return a webcam's device; empty while there is none."""
    return next((device.path for device in v4l2.devices() if device.bus == place(number)), "")


def redden(path: str) -> None:
    """Have a webcam show nothing but red."""
    subprocess.run(["v4l2-ctl", "-d", path, "-c", "test_pattern=7,osd_text_mode=2"], check=True)
