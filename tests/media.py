"""Makes small video files for tests; loaded as a pytest plugin by conftest.py."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

MakeClip = Callable[..., Path]


def picture(width: int, height: int, number: int = 0) -> Any:
    """Return a BGR picture: a blue-green slope, and a bright block that moves with ``number``."""
    y, x = np.mgrid[:height, :width]
    image = np.dstack([x * 160 // width + 40, y * 160 // height + 40, np.full((height, width), 60)])
    size = max(2, min(width, height) // 4)
    left = number * 7 % max(1, width - size)
    image[:size, left : left + size] = (40, 200, 230)
    return image.astype(np.uint8)


def write_clip(
    path: Path,
    *,
    frames: int = 12,
    size: tuple[int, int] = (160, 120),
    fps: int = 25,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rotation: int = 0,
    audio: str | None = None,
) -> Path:
    """Write ``frames`` pictures of (width, height), at ``times`` in seconds or at ``fps``."""
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = *size, pix_fmt
        video.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            video.set_display_rotation(rotation)
        sound = output.add_stream(audio, rate=48_000) if audio else None
        if sound:
            sound.bit_rate = 128_000
        for number, seconds in enumerate(times or [n / fps for n in range(frames)]):
            frame = av.VideoFrame.from_ndarray(picture(*size, number), format="bgr24")
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if sound:
            _add_tone(output, sound, frames / fps)
    return path


def _add_tone(output: Any, stream: Any, seconds: float) -> None:
    count = int(seconds * 48_000)
    wave = (8000 * np.sin(np.arange(count) * 2 * np.pi * 440 / 48_000)).astype(np.int16)
    for start in range(0, count, 1024):
        piece = np.repeat(wave[start : start + 1024], 2)[None]
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="stereo")
        frame.rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Return a function that writes a clip of the given name into the test's folder; see ``write_clip``."""
    return lambda name="clip.mp4", **options: write_clip(tmp_path / name, **options)


class FakeCapture:
    """What cv2.VideoCapture would do, step by step: True is a picture, False none, or something to call."""

    def __init__(self, *steps: object, size: tuple[int, int] = (640, 360), opened: bool = True) -> None:
        self.steps = iter(steps or itertools.repeat(True))
        self.size = size
        self.opened = opened
        self.asked: dict[int, float] = {}
        self.released = threading.Event()
        self.slow, self.fast_width = 10.0, 10_000

    def isOpened(self) -> bool:  # noqa: N802
        return self.opened

    def set(self, key: int, value: float) -> bool:
        self.asked[key] = value
        return True

    def get(self, key: int) -> float:
        if key != cv2.CAP_PROP_FPS:
            return 0.0
        return self.slow if self.asked.get(cv2.CAP_PROP_FRAME_WIDTH, 0) > self.fast_width else 30.0

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.002)
        step = next(self.steps, False)
        if callable(step):
            step = step()
        return (True, picture(*self.size)) if step is True else (False, None)

    def release(self) -> None:
        self.released.set()
