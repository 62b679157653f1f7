"""Whether a real face goes out: detail of the input's faces found again in the output.

Shares nothing with the tracker and the guard: where faces are is known, or found by ``dense_faces``;
whether one is shown is asked of the pixels alone. A swap, a blur or a card keeps no face's fine detail.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from dense_faces import Spot, patch

from visard.daemon.config.settings import Settings
from visard.daemon.errors import SourceEnded
from visard.daemon.media.frame import Format
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.tracking import every_frame
from visard.models.face import Image

REAL = 0.8
"""Correlation of fine detail from which a face is the real one: swapped ones reach 0.7, blurred ones 0.3."""
HELD = 20
"""Pictures before, which a held one may show."""
SIDE = 96
_GRID = np.hypot(*(np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2))
MIDDLE = _GRID < 0.5 * SIDE
"""Eyes, nose and mouth in what ``detail`` returns."""


def detail(image: Image, spot: Spot) -> np.ndarray:
    """Return the fine detail of a face's middle, without mean, of length one; zeros if there is none."""
    grey = patch(image, spot, reach=0.36, side=SIDE)
    fine = (cv2.GaussianBlur(grey, (0, 0), 0.8) - cv2.GaussianBlur(grey, (0, 0), 1.6))[MIDDLE]
    fine -= fine.mean()
    length = float(np.linalg.norm(fine))
    return fine / length if length > 0.25 * np.sqrt(fine.size) else fine * 0


def likeness(before: Image, after: Image, spot: Spot) -> float:
    """Return how much of a face's detail is in another picture at the same place, -1..1."""
    return float(detail(before, spot) @ detail(after, spot))


@dataclass
class Leaks:
    """What went out of a clip."""

    frames: int = 0
    faces: int = 0
    """Faces of all input pictures together."""
    real: int = 0
    """Of these, how many went out as they are."""
    bad: list[int] = field(default_factory=list)
    """The pictures with a real face."""
    verdicts: dict[str, int] = field(default_factory=dict)
    worst: float = 0.0
    """The highest correlation below ``REAL``."""

    def row(self) -> str:
        """Return a line of the table."""
        held, blurred = (self.verdicts.get(name, 0) for name in ("last-good", "blur"))
        where = f"  {self.bad[0]}..{self.bad[-1]}" if self.bad else ""
        counts = (self.frames, self.faces, self.real, len(self.bad), held, blurred)
        return " ".join(f"{count:6}" for count in counts) + f"  {self.worst:.2f}{where}"


class _Source:
    """Every picture once; each is also kept for the comparison."""

    def __init__(self, pictures: Iterable[Image], format: Format) -> None:  # noqa: A002
        self.format = format
        self.given: deque[Image] = deque()
        self._pictures = iter(pictures)

    def read(self) -> Image:
        image = next(self._pictures, None)
        if image is None:
            raise SourceEnded("that was the last picture")
        self.given.append(image)
        return image.copy()  # the pipeline draws into what it is given

    def close(self) -> None:
        """Nothing to do."""


class _Comparison:
    """A sink that asks of every picture whether a face of the input is in it."""

    where = "comparison"

    def __init__(
        self, source: _Source, truth: Sequence[Sequence[Spot]], show: Callable[..., None] | None
    ) -> None:
        self.leaks = Leaks()
        self._source, self._truth, self._show = source, truth, show
        self._last: tuple[Image, Image] | None = None
        self._before: deque[list[tuple[Spot, np.ndarray]]] = deque(maxlen=HELD + 1)

    def write(self, image: Image) -> None:
        number, given = self.leaks.frames, self._source.given.popleft()
        spots = self._truth[number]
        held = self._last is not None and np.array_equal(image, self._last[1])
        held = held and not np.array_equal(given, self._last[0])
        self._last = given, image.copy()
        self._before.appendleft([(spot, detail(given, spot)) for spot in spots])
        real = {}
        for age, known in enumerate(list(self._before)[: None if held else 1]):
            for spot, fine in known:
                score = float(fine @ detail(image, spot))
                if score < REAL:
                    self.leaks.worst = max(self.leaks.worst, score)
                elif age == 0 or not any(spot.near(other) for other in real):
                    real[spot] = score
        self.leaks.frames += 1
        self.leaks.faces += len(spots)
        self.leaks.real += len(real)
        if real:
            self.leaks.bad.append(number)
            if self._show:
                self._show(number, given, image, spots, real)

    def close(self) -> None:
        """Nothing to do."""


def play(
    pictures: Iterable[Image],
    truth: Sequence[Sequence[Spot]],
    persona: PreparedPersona,
    settings: Settings | None = None,
    *,
    fps: float = 30,
    show: Callable[..., None] | None = None,
) -> Leaks:
    """Send every picture through the real pipeline and count what leaks; ``show`` gets each that does."""
    pictures = iter(pictures)
    first = next(pictures)
    source = _Source(_chain(first, pictures), Format(first.shape[1], first.shape[0], fps, live=False))
    sink = _Comparison(source, truth, show)
    switches = Switches(settings or Settings())
    with Pipeline(source, [sink], Recipe(persona), every_frame, switches=switches) as pipeline:
        pipeline.wait()
    sink.leaks.verdicts = dict(pipeline.stats.snapshot().verdicts)
    return sink.leaks


def _chain(first: Image, rest: Iterable[Image]) -> Iterator[Image]:
    yield first
    yield from rest
