"""Scenes with more than one face, mixed from clips and generated people; every face's place is known.

A scene is a list of actors over a background: each has pictures, and a place, size and turn for every frame.
Nothing is random, and frames are drawn when they are asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from dense_faces import Spot
from people import DAEMON, DEMO, portrait

from visard.models.face import IRIS_LEFT, IRIS_RIGHT, MOUTH_LEFT, MOUTH_RIGHT, NOSE_TIP, Image
from visard.models.track.tracker import Tracker

GENERATED = sorted(path.parent.name for path in (DAEMON / "personas" / "shipped").glob("*/picture.jpg"))


@dataclass(frozen=True)
class Head:
    """A picture with one face in it."""

    image: Image
    face: Spot


@dataclass(frozen=True)
class Place:
    """Where a head is in one frame: the face's centre and size in pixels, clockwise turn in degrees."""

    x: float
    y: float
    size: float
    turn: float = 0.0
    seen: float = 1.0
    """0 is not there, 1 fully; between them the head shines through."""
    turned: float = 0.0
    """To the side: 0 is frontal, 1 or -1 narrowed until nobody is recognised."""


Actor = tuple[Callable[[int], Head], Callable[[int], Place | None]]


@dataclass(frozen=True)
class Scene:
    """What happens, at a size of (width, height)."""

    name: str
    actors: tuple[Actor, ...]
    frames: int = 75
    size: tuple[int, int] = (640, 360)
    upside_down: bool = field(default=False)

    def __iter__(self) -> Iterator[Image]:
        return (self.draw(number) for number in range(self.frames))

    def draw(self, number: int) -> Image:
        """Draw one frame."""
        width, height = self.size
        image = np.full((height, width, 3), 104, np.uint8)
        image[:, :: width // 16] = 124
        for head, place in self.actors:
            if (at := place(number)) is not None and at.seen > 0:
                _paste(image, head(number), at)
        return np.ascontiguousarray(image[::-1, ::-1]) if self.upside_down else image

    def faces(self, number: int) -> list[Spot]:
        """Return the places of the faces that are seen, those covered by a later one left out."""
        spots: list[Spot] = []
        for _, place in self.actors:
            at = place(number)
            if at is None or at.seen < 0.3 or abs(at.turned) > 0.9:
                continue
            spots = [s for s in spots if np.hypot(s.x - at.x, s.y - at.y) > 0.75 * (s.size + at.size)]
            if min(at.x, self.size[0] - at.x, at.y, self.size[1] - at.y) > 0.4 * at.size:
                spots.append(Spot(at.x, at.y, at.size))
        width, height = self.size
        return [Spot(width - x, height - y, s) for x, y, s in spots] if self.upside_down else spots


def _paste(image: Image, head: Head, at: Place) -> None:
    """Draw a head as an ellipse with soft edges."""
    scale = at.size / head.face.size
    cos, sin = np.cos(np.radians(at.turn)) * scale, np.sin(np.radians(at.turn)) * scale
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1 - 0.7 * abs(at.turned), 1.0])
    matrix = np.column_stack([turn, np.array([at.x, at.y]) - turn @ (head.face.x, head.face.y)])
    size = image.shape[1], image.shape[0]
    mask = np.zeros(head.image.shape[:2], np.uint8)
    reach = round(head.face.size * 0.85), round(head.face.size * 1.15)
    middle = round(head.face.x), round(head.face.y - 0.12 * head.face.size)
    cv2.ellipse(mask, middle, reach, 0, 0, 360, 255, -1)
    small = cv2.GaussianBlur(head.image, (0, 0), 0.35 / scale) if scale < 0.6 else head.image
    drawn = cv2.warpAffine(small, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.GaussianBlur(cv2.warpAffine(mask, matrix, size), (0, 0), 1.5).astype(np.float32)[:, :, None]
    share *= at.seen / 255
    image[:] = np.rint(image * (1 - share) + drawn * share)


def _spot(landmarks: np.ndarray) -> Spot:
    x, y = landmarks[[IRIS_LEFT, IRIS_RIGHT, NOSE_TIP, MOUTH_LEFT, MOUTH_RIGHT], :2].mean(0)
    return Spot(float(x), float(y), float(np.ptp(landmarks[:, :2], 0).max()))


def photo(name: str) -> Callable[[int], Head]:
    """Return a generated person, who does not move."""
    known = portrait(name)
    head = Head(known.image, _spot(known.face.landmarks))
    return lambda _: head


@cache
def _clip(path: Path, first: int, count: int) -> tuple[Head, ...]:
    capture, tracker, heads = cv2.VideoCapture(str(path)), Tracker(1), []
    capture.set(cv2.CAP_PROP_POS_FRAMES, first)
    while len(heads) < count and (read := capture.read())[0]:
        faces = tracker.update(read[1], len(heads) / 30).faces
        if faces:
            heads.append(Head(read[1], _spot(faces[0].landmarks)))
    return tuple(heads)


def film(path: Path = DEMO, first: int = 0, count: int = 45) -> Callable[[int], Head]:
    """Return a person of a clip, to and fro."""
    heads = _clip(path, first, count)

    def head(number: int) -> Head:
        place = number % (2 * len(heads) - 2)
        return heads[min(place, 2 * len(heads) - 2 - place)]

    return head


def still(x: float, y: float, size: float, **more: float) -> Callable[[int], Place]:
    """Return a place that stays."""
    return lambda _: Place(x, y, size, **more)


def between(first: int, last: int, place: Callable[[int], Place | None]) -> Callable[[int], Place | None]:
    """Return a place that is empty outside some frames."""
    return lambda number: place(number) if first <= number < last else None


def moving(start: int, seconds: float, a: Place, b: Place) -> Callable[[int], Place]:
    """Return a place that goes from one to the other, evenly, at 30 frames a second."""

    def place(number: int) -> Place:
        share = float(np.clip((number - start) / (30 * seconds), 0, 1))
        names = Place.__dataclass_fields__
        return Place(**{n: (1 - share) * getattr(a, n) + share * getattr(b, n) for n in names})

    return place


def _driver(x: float = 320, y: float = 190, size: float = 150) -> Actor:
    return film(), still(x, y, size)


def _posters(count: int) -> list[Actor]:
    places = [still(90 + 460 * (i % 2), 90 + 170 * (i // 2), 80) for i in range(count)]
    return [(photo(name), place) for name, place in zip(GENERATED[1:], places, strict=False)]


def looks_aside(posters: int) -> Scene:
    """The driver turns away for a second and a half while photos hang on the wall."""
    there, away = Place(320, 190, 140), Place(320, 190, 140, turned=1.0)
    turn = lambda n: moving(15, 0.3, there, away)(n) if n < 50 else moving(60, 0.3, away, there)(n)  # noqa: E731
    return Scene(f"looks aside, {posters} posters", ((film(), turn), *_posters(posters)), 90)


def leaves(posters: int) -> Scene:
    """The driver leaves for a second, then is back."""
    there = lambda n: None if 20 <= n < 55 else Place(320, 190, 140)  # noqa: E731
    return Scene(f"leaves, {posters} posters", (*_posters(posters), (film(), there)), 90)


def poster_nearer() -> Scene:
    """A large poster beside a driver who sits far away."""
    return Scene("poster nearer", ((photo(GENERATED[2]), still(170, 180, 190)), _driver(500, 200, 60)), 45)


def six_faces() -> Scene:
    """Five photos and the driver."""
    places = [(80, 90), (320, 80), (560, 90), (80, 270), (560, 270)]
    others = [(photo(name), still(x, y, 80)) for name, (x, y) in zip(GENERATED, places, strict=False)]
    return Scene("six faces", (*others, _driver(320, 250, 100)), 45)


def crossing() -> Scene:
    """Two people cross, one before the other."""
    left, right = Place(140, 180, 110), Place(500, 185, 110)
    actors = ((photo(GENERATED[0]), moving(10, 1.5, right, left)), (film(), moving(10, 1.5, left, right)))
    return Scene("crossing", actors, 75)


def walks_in(side: str, size: float, seconds: float) -> Scene:
    """A second person comes in from a side of a 720p picture."""
    out, inside = {
        "left": ((-size, 300), (250, 300)),
        "right": ((1280 + size, 300), (1030, 300)),
        "top": ((300, -size), (300, 200)),
        "bottom": ((1000, 720 + size), (1000, 480)),
    }[side]
    path = moving(20, seconds, Place(*out, size), Place(*inside, size))
    actors = ((film(), still(640, 380, 240)), (photo(GENERATED[3]), path))
    return Scene(f"walks in, {side}, {size:.0f} px, {seconds} s", actors, 60, (1280, 720))


def fades_in() -> Scene:
    """A door opens: somebody is seen little by little."""
    path = moving(20, 0.5, Place(530, 150, 80, seen=0), Place(530, 150, 80))
    return Scene("fades in", (_driver(), (photo(GENERATED[4]), path)), 60)


def hard_cut() -> Scene:
    """Somebody is there from one frame to the next."""
    somebody = photo(GENERATED[4]), between(25, 99, still(540, 150, 90))
    return Scene("hard cut", (_driver(270), somebody), 60)


def rolls() -> Scene:
    """A face rolls through 360 degrees."""
    return Scene("rolls", ((film(), lambda n: Place(320, 180, 130, turn=4.0 * n)),), 90)


def upside_down() -> Scene:
    """The camera hangs upside down."""
    return Scene("upside down", (_driver(),), 45, upside_down=True)


def call_on_a_monitor() -> Scene:
    """Somebody else's call plays in the background."""
    return Scene(
        "call on a monitor", ((photo(GENERATED[1]), still(560, 110, 50)), _driver(270, 200, 140)), 45
    )


def profile() -> Scene:
    """The driver's head turns until nearly nothing of the face is seen, and back."""
    turn = lambda n: Place(320, 190, 150, turned=float(np.sin(n / 14)) * 0.95)  # noqa: E731
    return Scene("profile", ((film(), turn),), 90)


def lost_among_colleagues() -> Scene:
    """The driver is hidden for moments among three others."""
    others = [(photo(GENERATED[i]), still(90 + 230 * i, 110, 80)) for i in range(3)]
    there = lambda n: None if n % 30 in range(18, 24) else Place(320 + 60 * np.sin(n / 9), 260, 110)  # noqa: E731
    return Scene("lost among colleagues", (*others, (film(), there)), 90)


SMALL: tuple[Callable[[], Scene], ...] = (
    partial(looks_aside, 1), partial(looks_aside, 4), partial(leaves, 1), partial(leaves, 4), poster_nearer,
    six_faces, crossing, fades_in, hard_cut, rolls, upside_down, call_on_a_monitor, profile,
    lost_among_colleagues,
)  # fmt: skip
"""Scenes of 640 x 360."""

LARGE: tuple[Callable[[], Scene], ...] = tuple(
    partial(walks_in, side, size, seconds)
    for side in ("left", "right", "top", "bottom")
    for size, seconds in ((40.0, 1.0), (90.0, 0.4), (200.0, 0.7))
)
"""Scenes of 1280 x 720."""
