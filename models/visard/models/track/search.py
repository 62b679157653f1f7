"""Looks for faces over the whole picture of every frame: what is seen there is all that can be covered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.track.detector import Detection, Detector

FAINT = 0.15
"""Score from which a detection says that a face known before is still there."""
SIDEWAYS_EVERY = 8
"""Frames between two looks at the picture turned, by half and by either quarter in turn."""
_GRID = 64, 36
"""Width and height of the picture in which changes are looked for."""
_LARGE = 0.45
"""Share of a part's longer side above which a face is the whole picture's business."""
_MOTION = 6.0
"""Grey levels by which a cell differs that something moved into."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A quarter of the picture's area, in shares of its width and height."""

    x: float
    y: float

    def window(self, width: int, height: int) -> tuple[slice, slice]:
        """Return its rows and columns in a picture of that size."""
        left, top = round(self.x * width), round(self.y * height)
        return slice(top, top + (height + 1) // 2), slice(left, left + (width + 1) // 2)


_PARTS = tuple(_Part(x / 4, y / 4) for y in range(3) for x in range(3))


class FaceSearch:
    """All of every picture at once, and for far faces a part of it every second time. Not thread-safe.

    Of the parts, the one that changed most where no face is known and the one not looked at for longest
    take turns. The first picture after ``forget`` is searched thoroughly.
    """

    def __init__(self, *, wait: bool = True) -> None:
        self._detector = Detector.full_range(wait=wait)
        self.forget()

    def forget(self) -> None:
        """Start anew, as with a new source."""
        self._count = 0
        self._before = [np.zeros(_GRID[::-1], np.int16) for _ in _PARTS]
        self._last = [0] * len(_PARTS)

    def __call__(self, image: Image, known: Sequence[tuple[float, float, float]]) -> list[Detection]:
        """Return every face in a BGR picture that scores ``FAINT``, best first.

        ``known``: x, y and size in pixels of faces where a change says nothing of a new one.
        """
        found = self._detector(image, threshold=FAINT)
        for detection in self._closer(image, known):
            if not any(_same(detection, other) for other in found):
                found.append(detection)
        self._count += 1
        return sorted(found, key=lambda detection: -detection.score)

    def _closer(self, image: Image, known: Sequence[tuple[float, float, float]]) -> Iterator[Detection]:
        grey = cv2.cvtColor(cv2.resize(image, _GRID, interpolation=cv2.INTER_NEAREST), cv2.COLOR_BGR2GRAY)
        if self._count == 0:
            for turns in (2, 1, 3):
                yield from self._detector(image, threshold=FAINT, turns=turns)
            for number in range(len(_PARTS)):
                yield from self._part(image, number, grey)
        elif self._count % 2:
            yield from self._part(image, self._next(grey, image, known), grey)
        elif self._count % SIDEWAYS_EVERY == 0:
            turns = (2, 1, 3)[self._count // SIDEWAYS_EVERY % 3]
            yield from self._detector(image, threshold=FAINT, turns=turns)

    def _next(
        self, grey: npt.NDArray[np.uint8], image: Image, known: Sequence[tuple[float, float, float]]
    ) -> int:
        """Return the part to look at now."""
        oldest = int(np.argmin(self._last))
        if self._count % 4 == 1:
            return oldest
        unknown = np.full(grey.shape, 1, np.uint8)
        scale = grey.shape[1] / image.shape[1], grey.shape[0] / image.shape[0]
        for x, y, size in known:
            axes = round(size * scale[0]), round(size * scale[1])
            cv2.ellipse(unknown, (round(x * scale[0]), round(y * scale[1])), axes, 0, 0, 360, (0,), -1)
        changes = []
        for part, before in zip(_PARTS, self._before, strict=True):
            window = part.window(*_GRID)
            moved = (np.abs(grey[window] - before[window]) > _MOTION) & (unknown[window] > 0)
            changes.append(int(np.count_nonzero(moved)))
        return int(np.argmax(changes)) if max(changes) else oldest

    def _part(self, image: Image, number: int, grey: npt.NDArray[np.uint8]) -> Iterator[Detection]:
        """Look at one part; what is cut by its edges is seen whole in another one."""
        self._last[number], self._before[number] = self._count + 1, grey.astype(np.int16)
        height, width = image.shape[:2]
        rows, columns = _PARTS[number].window(width, height)
        for found in self._detector(image[rows, columns], threshold=FAINT):
            detection = found.moved(columns.start, rows.start)
            left, top, right, bottom = detection.box
            cut = (
                (left < columns.start and columns.start > 0)
                or (top < rows.start and rows.start > 0)
                or (right > columns.stop and columns.stop < width)
                or (bottom > rows.stop and rows.stop < height)
            )
            if not cut and detection.size < _LARGE * max(width, height) / 2:
                yield detection


def _same(one: Detection, other: Detection) -> bool:
    """Whether two detections are of one face."""
    apart = float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))
    return apart < 0.5 * max(one.size, other.size)
