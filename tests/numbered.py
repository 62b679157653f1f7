"""Films whose pictures have numbers that survive a codec, a tracker that reads them, and an animator."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from fakes import HEIGHT, WIDTH, driver_at, face_at, picture

from visard.models.face import Face, Image, Sighting
from visard.models.processor import Done, NoOptions, Patch

BITS, SIDE = 10, 16
RATE = 25


def numbered(number: int) -> Image:
    """Draw a driver below a row of squares, black and white, that tell the number."""
    image = picture(number)
    image[:SIDE] = 90
    for bit in range(BITS):
        image[:SIDE, bit * SIDE : (bit + 1) * SIDE] = 235 if number >> bit & 1 else 20
    return image


def number_in(image: Image) -> int:
    """Read the number."""
    middles = image[SIDE // 2, SIDE // 2 : BITS * SIDE : SIDE, 1]
    return sum(1 << bit for bit, value in enumerate(middles) if value > 128)


def film(path: Path, count: int, *, tone: bool = True) -> Path:
    """Write numbered pictures, RATE a second, and a tone that rises."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=RATE, options={"crf": "14", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = file.add_stream("aac", rate=48_000, layout="mono") if tone else None
        for number in range(count):
            file.mux(video.encode(av.VideoFrame.from_ndarray(numbered(number), format="bgr24")))
        file.mux(video.encode(None))
        for start in range(0, count * 48_000 // RATE if sound else 0, 1024):
            assert sound is not None
            place = np.arange(start, start + 1024)
            frame = av.AudioFrame.from_ndarray(
                np.sin(place * (0.05 + place / 1e7)).astype(np.float32)[None] * 0.3,
                format="fltp",
                layout="mono",
            )
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            file.mux(sound.encode(frame))
        if sound:
            file.mux(sound.encode(None))
    return path


class ByNumber:
    """A tracker that reads a picture's number and knows where the driver is."""

    max_faces = 4

    def update(self, image: Image, now: float) -> Sighting:
        return Sighting((face_at(*driver_at(number_in(image))),))

    def forget(self) -> None:
        pass


class Animator:
    """Shows how far the driver is from the reference, by a square that moves in a small portrait."""

    bytes, size = 0, (96, 64)

    def __init__(self, before: Callable[[], None] = lambda: None, settles: int = 1) -> None:
        self.settles = settles
        self.chosen: list[bool] = []
        self._before = before
        self._asked = True
        self._references: list[float] = []

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Done:
        self._before()
        (driver,) = faces
        x = float(driver.centre[0])
        if self._asked:
            self._asked, self._references = False, []
        if len(self._references) < self.settles:
            self._references.append(x)
        image = np.full((64, 96, 3), 60, np.uint8)
        left = 40 + round(x - float(np.mean(self._references)))
        image[24:40, max(left, 0) : left + 16] = 220
        return Done((Patch.whole(image),))

    def calibrate(self, *, chosen: bool = True) -> None:
        self.chosen.append(chosen)
        self._asked = True

    def mismatch(self, driver: Face) -> float:
        return abs(float(driver.centre[0]) - 104)

    def adjust(self, options: NoOptions) -> bool:
        return True

    def forget(self) -> None:
        pass

    def close(self) -> None:
        pass
