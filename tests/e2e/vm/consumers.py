"""Guest: three programs that read a camera the way people's programs do, each giving a few BGR pictures."""

import subprocess
import tempfile
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from browser import LIMIT, Site, browser
from pattern import Image


def v4l2_ctl(device: str, width: int, height: int, count: int) -> list[Image]:
    """Stream by memory mapping, as most programs do."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "frames.i420"
        _run("v4l2-ctl", "-d", device, "--stream-mmap", f"--stream-count={count}", f"--stream-to={raw}")
        frames = np.fromfile(raw, np.uint8).reshape(-1, height * 3 // 2, width)
    return [cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420) for frame in frames]


def ffmpeg(device: str, width: int, height: int, count: int) -> list[Image]:
    """Read with ffmpeg's own reader."""
    command = f"ffmpeg -v error -f v4l2 -i {device} -frames:v {count} -pix_fmt bgr24 -f rawvideo -"
    return list(np.frombuffer(_run(*command.split()), np.uint8).reshape(-1, height, width, 3))


def chromium(label: str, count: int) -> list[Image]:
    """Open a page that asks for the camera called ``label`` and draws what it gets."""
    with Site() as site, browser(site.address("watch.html", label=label)):
        return list(islice(site.pictures(), count))


def _run(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()[-1000:]}")
    return done.stdout
