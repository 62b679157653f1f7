"""A day of a daemon in minutes: random personas, pauses, modes, reconnects and formats; leaks and growth.

Usage: python tests/bench/endurance.py [MINUTES]. The demo driver plays. Prints a line a minute, and fails
when a picture shows the driver's own face.
"""

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil

from visard.daemon.config.file import ConfigFile
from visard.daemon.config.settings import Mode
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Source
from visard.daemon.personas.library import Library
from visard.daemon.service import live
from visard.daemon.service.service import Service
from visard.daemon.sources._select import SourceSelector
from visard.daemon.sources.demo import CLIP
from visard.models.face import Image

NOSE = 4
"""The landmark at its tip."""

SIZE = 128, 72
GREEN = 0, 255, 0
DOT = 9
"""Radius in pixels of the dot that is painted on the driver's nose: where it shows, so does the driver."""
PAUSE = 0.2, 2.0
"""Seconds between two things that happen."""


class Driver:
    """Knows where the nose is in each frame of the clip, and paints a dot on it."""

    def __init__(self) -> None:
        from visard.models.track.tracker import Tracker

        reader, tracker = cv2.VideoCapture(str(CLIP)), Tracker(1)
        pictures, noses = [], []
        while (image := reader.read()[1]) is not None:
            picture = image.astype(np.uint8)
            faces = tracker.update(picture, len(pictures) / 30).faces
            pictures.append(small(picture))
            noses.append(faces[0].landmarks[NOSE, :2] if faces else noses[-1])
        self._pictures, self._noses = np.stack(pictures), noses

    def paint(self, picture: Image) -> Image:
        """Put the dot on the nose of a frame of the clip."""
        place = np.abs(self._pictures - small(picture)).mean((1, 2, 3)).argmin()
        x, y = map(int, self._noses[place])
        return cv2.circle(picture, (x, y), DOT, GREEN, -1).astype(np.uint8)


def shows_dot(picture: Image) -> bool:
    """Whether some of the green is left."""
    blue, green, red = cv2.split(picture[::2, ::2].astype(np.int16))
    return int(((green - np.maximum(blue, red)) > 90).sum()) > 3


def small(picture: Image) -> np.ndarray:
    """Shrink to what frames are told apart by."""
    return np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), np.int16)


class Watcher:
    """A sink that looks at every picture."""

    where = "watcher"

    def __init__(self) -> None:
        self.pictures = self.leaks = 0
        self.longest = 0.0
        self._last = time.perf_counter()

    def write(self, image: Image) -> None:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now
        self.pictures += 1
        if shows_dot(image):
            self.leaks += 1
            cv2.imwrite(f"leak-{self.leaks}.png", image)

    def close(self) -> None:
        """Nothing is held."""


class Camera(SourceSelector):
    """The demo driver with a dot on the nose, whose cable is pulled now and then."""

    driver: Driver

    def open(self, spec: str, wanted: Format) -> "Loose":
        return Loose(super().open("demo", wanted), self.driver)


class Loose:
    """A source that is lost when told to be."""

    pull = threading.Event()

    def __init__(self, source: Source, driver: Driver) -> None:
        self._source, self._driver = source, driver
        self.format = source.format

    def read(self) -> Image:
        from visard.daemon.errors import SourceLost

        if self.pull.is_set():
            self.pull.clear()
            raise SourceLost("the cable was pulled")
        return self._driver.paint(self._source.read())

    def close(self) -> None:
        self._source.close()


def things(service: Service, names: list[str]) -> list[Callable[[], object]]:
    """Return what may happen."""

    def pause() -> None:
        service.pause()
        time.sleep(random.uniform(*PAUSE))
        service.resume()

    switch = [lambda name=name: service.switch_persona(name) for name in names]
    return [
        *switch,
        *switch,
        lambda: service.step(1),
        pause,
        Loose.pull.set,
        service.calibrate,
        lambda: service.switch_persona(random.choice(names), random.choice(list(Mode))),
        lambda: service.change({"crossfade": random.choice([0, 0.3])}),
        lambda: service.change({"mirror": False, "sharpen": random.random()}),
        lambda: service.change(
            random.choice([{"width": 640, "height": 360}, {"width": 1280, "height": 720}])
        ),
    ]


def main(minutes: float) -> int:
    """Run, print, and return the exit status."""
    watcher, process = Watcher(), psutil.Process()
    live.find_sink = lambda _: type("Kind", (), {"open": lambda *_: watcher})()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "personas").mkdir()
        library = Library(home / "personas")
        names = [p.name for p in library.personas() if p.name != "robin"]  # the demo driver's own face
        camera = Camera(home / "last")
        camera.driver = Driver()
        service = Service(ConfigFile(home / "config.toml"), library, camera)
        service.start()
        service.switch_persona(names[0])
        happen = things(service, names)
        print("minute    MB   threads  files  pictures  longest gap  leaks  drops")
        end = time.monotonic() + minutes * 60
        minute = 0
        while time.monotonic() < end:
            until = time.monotonic() + min(60, end - time.monotonic())
            while time.monotonic() < until:
                random.choice(happen)()
                time.sleep(random.uniform(*PAUSE))
            minute += 1
            used, threads = process.memory_info().rss / 2**20, process.num_threads()
            print(f"{minute:6} {used:5.0f} {threads:8} {process.num_fds():6} {watcher.pictures:9}", end="")
            print(
                f" {watcher.longest:9.2f} s {watcher.leaks:6} {service.status().numbers.drops:6}", flush=True
            )
            watcher.longest = 0.0
        service.stop()
    return int(watcher.leaks > 0)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 20))
