"""What readers of a loopback device keep while nobody writes to it, set in the driver itself.

While Visard writes, the driver is told to keep the format: after a crash the device stays in the lists of
cameras and takes the next writer at the same size. Run as a program, by systemd once the daemon has ended,
this file also has the driver repeat the last picture, slowly: programs that get none for ten seconds give a
camera up. The next daemon waits for it, so it must be quick and uses nothing but Python's own library.
"""

import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

KEEP_FORMAT, REPEAT = 0x0098F900, 0x0098F901
"""Controls of v4l2loopback, called keep_format and sustain_framerate there."""
REPEAT_FPS = 2
"""Pictures a second while nobody writes."""
_SET_CONTROL, _SET_RATE = 0xC008561C, 0xC0CC5616
_OUTPUT = 2


def hold(path: str, fps: float) -> None:
    """Keep the format from now on, whoever dies; for the writer, once it has set one. Raises OSError."""
    _set(path, fps, keep=True, repeat=False)


def release(path: str) -> None:
    """Let the format go with the last program that has the device open. Raises OSError."""
    _set(path, 30, keep=False, repeat=False)


def repeat(path: str) -> None:
    """Give readers the last picture again and again until somebody writes. Raises OSError."""
    _set(path, REPEAT_FPS, keep=True, repeat=True)


def main(label: str, result: str) -> None:
    """Repeat the last picture of the device called ``label``, unless the daemon ended as it should."""
    for path in _devices(label) if result != "success" else ():
        repeat(path)


def _devices(label: str) -> Iterator[str]:
    for name in Path("/sys/devices/virtual/video4linux").glob("video*/name"):
        if name.read_text().strip() == label:
            yield f"/dev/{name.parent.name}"


def _set(path: str, fps: float, *, keep: bool, repeat: bool) -> None:
    import fcntl

    rate = struct.pack("5I184x", _OUTPUT, 0, 0, 1000, max(1, round(fps * 1000)))
    file = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(file, _SET_RATE, rate)
        for control, value in ((KEEP_FORMAT, keep), (REPEAT, repeat)):
            fcntl.ioctl(file, _SET_CONTROL, struct.pack("Ii", control, value))
    finally:
        os.close(file)


if __name__ == "__main__":
    main(sys.argv[1], os.environ.get("SERVICE_RESULT", "success"))
