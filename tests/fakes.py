"""Stand-ins for what a pipeline needs, driven by pictures that carry their own number and their own truth."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from threading import Event

import cv2
import numpy as np

from visard.daemon.config.settings import Mode
from visard.daemon.errors import SourceEnded, SourceLost
from visard.daemon.media.frame import Format
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.recipe import Recipe
from visard.models.face import Face, Image, Sighting
from visard.models.processor import Done, NoOptions, Patch, ProcessorFailed

WIDTH, HEIGHT, SIDE = 320, 240, 96

DRIVER = np.kron(np.random.default_rng(1).integers(0, 256, (12, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
"""The driver's face: a pattern that is nowhere else."""

POSTER = np.kron(np.random.default_rng(2).integers(0, 256, (12, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
POSTER_AT = 270, 60


def driver_at(number: int) -> tuple[int, int]:
    """Centre of the driver's face in the picture of this number."""
    return 90 + round(20 * np.sin(number / 6)), 130 + round(10 * np.cos(number / 9))


def picture(number: int, *, poster: bool = False) -> Image:
    """Draw a driver who moves a little; the number is in the first pixel."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[:, ::16] = 120
    if poster:
        _put(image, POSTER, *POSTER_AT)
    _put(image, DRIVER, *driver_at(number))
    image[0, 0] = number // 256, number % 256, 77
    return image


def _put(image: Image, what: Image, x: int, y: int) -> None:
    half = SIDE // 2
    part = image[max(y - half, 0) : y + half, x - half : x + half]
    part[:] = what[-part.shape[0] :, : part.shape[1]]


def number_of(image: Image) -> int:
    """Read the number back."""
    return int(image[0, 0, 0]) * 256 + int(image[0, 0, 1])


def face_at(x: float, y: float, id_: int = 1, size: float = SIDE) -> Face:
    """Make a face whose box has this centre and size."""
    grid = np.linspace(-size / 2, size / 2, 22)
    points = np.array([(x + u, y - v, 0) for u in grid for v in grid][:478], np.float32)  # eyes up
    points[-1, :2] = x + size / 2, y + size / 2
    return Face(id_, points, np.zeros(52, np.float32))


def shows_driver(image: Image) -> bool:
    """Whether the driver's pattern can be found anywhere in a picture, mirrored or not."""
    return any(_found(np.ascontiguousarray(view).tobytes(), image.shape) for view in (image, image[:, ::-1]))


@cache
def _found(pixels: bytes, shape: tuple[int, ...]) -> bool:
    image = np.frombuffer(pixels, np.uint8).reshape(shape)
    small = [cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for x in (image, DRIVER)]
    return bool(cv2.matchTemplate(*small, cv2.TM_CCOEFF_NORMED).max() > 0.4)


class Reel:
    """A source of ``count`` numbered pictures; ``before`` may do anything to the reading of one."""

    def __init__(
        self,
        count: int,
        *,
        fps: float = 100,
        live: bool = False,
        draw: Callable[[int], Image] = picture,
        before: Callable[[int], None] = lambda _: None,
        first: int = 0,
    ) -> None:
        self.format = Format(WIDTH, HEIGHT, fps, live=live)
        self.closed = Event()
        self.judged: Callable[[], int] | None = None
        """How many pictures were judged: of any four in a row one will be, however busy the machine is."""
        self._before_four = -1
        self._numbers = iter(range(first, first + count))
        self._draw, self._before = draw, before

    def read(self) -> Image:
        number = next(self._numbers, None)
        if number is not None and number % 4 == 0:
            self._keep_pace()
        if number is not None:
            self._before(number)
        if number is None or self.closed.wait(1 / self.format.fps if self.format.live else 0):
            raise SourceEnded("over")
        return self._draw(number)

    def _keep_pace(self) -> None:
        if self.judged is None:
            return
        end = time.monotonic() + 60
        while self.judged() <= self._before_four and not self.closed.wait(0.002):
            assert time.monotonic() < end, "nothing was judged for a minute"
        self._before_four = self.judged()

    def stall(self, seconds: float) -> None:
        """Block as a hung camera does, until closed."""
        self.closed.wait(seconds)

    def close(self) -> None:
        self.closed.set()


def unplug(_: int) -> None:
    """Do what a camera does whose cable was pulled."""
    raise SourceLost("the cable was pulled")


class Truth:
    """A tracker that reads the picture's number and knows where the driver is.

    Its detector looks at every picture that ``looks`` agrees to.
    """

    def __init__(
        self,
        see: Callable[[int], Sighting] | None = None,
        looks: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self.max_faces = 4
        self.forgotten = 0
        self._see = see or (lambda number: Sighting((face_at(*driver_at(number)),)))
        self._looks, self._looked = looks, 0

    def update(self, image: Image, now: float) -> Sighting:
        number = number_of(image)
        self._looked += self._looks(number)
        return replace(self._see(number), looks=self._looked)

    def forget(self) -> None:
        self.forgotten += 1


class Mask:
    """A prepared swapper that covers the face with one colour; ``before`` may do anything to one face."""

    def __init__(
        self, before: Callable[[int], None] = lambda _: None, colour: int = 200, size: int = 1000
    ) -> None:
        self.bytes = size
        self.calls = 0
        self.forgotten = 0
        self.closed = False
        self.relit: list[bool] = []
        self._before, self._colour = before, colour

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Done:
        if self.closed:
            raise ProcessorFailed("closed")
        self.relit.append(relight)
        return Done(self._cover(picture, face) for face in faces)

    def _cover(self, image: Image, face: Face) -> Patch:
        self.calls += 1
        self._before(number_of(image))
        left, top, right, bottom = face.box
        size = round(bottom - top) + 5, round(right - left) + 5
        matrix = np.array([[1, 0, round(left) - 2], [0, 1, round(top) - 2]], np.float32)
        return Patch(np.full((*size, 3), self._colour, np.uint8), np.full(size, 255, np.uint8), matrix)

    def forget(self) -> None:
        self.forgotten += 1

    def adjust(self, options: NoOptions) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def worn(mask: Mask | None = None, name: str = "p", mode: Mode = Mode.swap) -> PreparedPersona:
    """Return a persona that is prepared with this mask."""
    return PreparedPersona(name, "mask", mode, mask or Mask())


def recipe(mask: Mask | None = None, name: str = "p") -> Recipe:
    """Return the recipe of such a persona."""
    return Recipe(worn(mask, name))


class Basket:
    """A sink that keeps everything, with the time at which it came."""

    where = "basket"

    def __init__(self, before: Callable[[int], None] = lambda _: None) -> None:
        self.images: list[Image] = []
        self.times: list[float] = []
        self.closed = 0
        self.arrived = Event()
        self._before = before

    def write(self, image: Image) -> None:
        self._before(len(self.images))
        self.images.append(image.copy())
        self.times.append(time.perf_counter())
        self.arrived.set()

    def close(self) -> None:
        self.closed += 1

    @property
    def leaks(self) -> int:
        """How many pictures show the driver."""
        return sum(map(shows_driver, self.images))


def swapped(images: Sequence[Image]) -> list[int]:
    """Numbers of the pictures that went out as frames."""
    return [number_of(image) for image in images if image[0, 0, 2] == 77]
