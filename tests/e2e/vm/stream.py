"""Guest: a program that reads the camera all the while, as a meeting does."""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from pattern import Image

from visard.daemon.guard.card import card

CARD, BLUR, PICTURE = "card", "blur", "picture"
DETAIL = 30.0
"""A picture has more of it than what the guard blurs past recognition, by far."""


def kind_of(picture: Image) -> str:
    """Tell the card, what is blurred, and a picture with detail apart."""
    height, width = picture.shape[:2]
    ground = card(width, height, "")[:6].astype(int)
    if np.abs(picture[:6] - ground).mean() < 6:
        return CARD
    return BLUR if detail(picture) < DETAIL else PICTURE


def detail(picture: Image) -> float:
    """Return how much detail a picture has."""
    return float(cv2.Laplacian(picture, cv2.CV_32F).var())


class Stream:
    """ffmpeg reading a camera until ``stop``; any thread.

    ``kinds`` tells what it showed: a kind and when it began (by ``time.monotonic``), whenever that changed.
    """

    def __init__(self, device: str, width: int, height: int, log: Path) -> None:
        self.kinds: list[tuple[str, float]] = []
        self.count = 0
        self._size = height, width
        self._newest: Image | None = None
        self._kept: list[Image] = []
        self._room = 0
        self._came = threading.Condition()
        self._log = log
        command = f"ffmpeg -v error -f v4l2 -i {device} -fps_mode vfr -pix_fmt bgr24 -f rawvideo -"
        with log.open("wb") as said:
            self.process = subprocess.Popen(command.split(), stdout=subprocess.PIPE, stderr=said, stdin=-3)
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, kind: str, limit: float, good: Callable[[Image], bool] = lambda _: True) -> Image:
        """Return the next good picture of a kind; raises RuntimeError when none comes or the stream broke."""
        deadline = time.monotonic() + limit
        with self._came:
            self._newest = None
            while self._newest is None or kind_of(self._newest) != kind or not good(self._newest):
                self._newest = None
                if not self._came.wait(deadline - time.monotonic()) or self.broken:
                    raise RuntimeError(f"no {kind} within {limit:.0f} s but {self.kinds[-9:]}: {self.said()}")
            return self._newest

    def keep(self, room: int) -> None:
        """Keep the next pictures with detail, as many as there is room for."""
        with self._came:
            self._kept, self._room = [], room

    def kept(self, name: str) -> int:
        """Write what was kept to ``name``-N.png and return how many there are."""
        with self._came:
            kept, self._kept, self._room = self._kept, [], 0
        for number, picture in enumerate(kept):
            cv2.imwrite(f"{name}-{number}.png", picture)
        return len(kept)

    @property
    def broken(self) -> bool:
        """Whether the program has ended by itself."""
        return self.process.poll() is not None

    def said(self) -> str:
        """Return the program's complaints."""
        return self._log.read_text(errors="replace")[-2000:]

    def stop(self) -> str:
        """End it and return its complaints; raises RuntimeError when it had ended before."""
        if self.broken:
            raise RuntimeError(f"the reader ended with {self.process.returncode}: {self.said()}")
        self.process.kill()
        self.process.wait()
        return self.said()

    def _read(self) -> None:
        assert self.process.stdout
        height, width = self._size
        while len(raw := self.process.stdout.read(height * width * 3)) == height * width * 3:
            self._take(np.frombuffer(raw, np.uint8).reshape(height, width, 3))
        with self._came:
            self._came.notify_all()

    def _take(self, picture: Image) -> None:
        kind = kind_of(picture)
        with self._came:
            self.count += 1
            self._newest = picture
            if not self.kinds or self.kinds[-1][0] != kind:
                self.kinds.append((kind, time.monotonic()))
            if kind == PICTURE and len(self._kept) < self._room:
                self._kept.append(picture)
            self._came.notify_all()
