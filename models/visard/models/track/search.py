"""Looks for faces over the whole picture of every frame: what is not seen there cannot be covered."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.track.detector import Detection, Detector

FAINT = 0.15
"""Score from which a detection says that a face known before is still there."""
SHORT_EVERY = 4
"""Frames between two looks of the short-range network where nothing asks for more."""
SIDEWAYS_EVERY = 16
"""Frames between two looks at the picture turned, by half and by either quarter in turn."""
_PARTS = tuple((x / 9, y / 9) for y in (0, 2, 4, 6) for x in (0, 2, 4, 6))
"""Where parts begin, in shares of width and height; each is a third of both."""
_LARGE = 0.45
"""Share of a part's longer side above which a face is the whole picture's business."""
_AROUND, _CLOSEST = 2.2, 60
"""Face sizes, and pixels at least, around a face within which it is looked for more closely."""
_GRID = 72, 36
"""Width and height of the picture in which changes are looked for."""
_MOTION = 6
"""Grey levels by which a cell differs that something moved into."""
_CHEST = 1.5
"""Face sizes to either side of a face within which what moves below it is its owner."""
_ENTRY = 3
"""Cells at the picture's edge from which on something comes in."""

Circle = tuple[float, float, float]
"""Centre and size of a face: x, y, longer side, pixels."""
Cells = npt.NDArray[np.int16]


class FaceSearch:
    """All of every picture at once, and for far faces a part of it every second time. Not thread-safe.

    Of the parts, the one that changed most where no face is known and the one not looked at for longest
    take turns. The first picture after ``forget`` is searched thoroughly. The short-range network knows
    faces better that are cut by the picture's edge, so it is asked when something moves there.
    """

    def __init__(self, *, wait: bool = True) -> None:
        self._full = Detector.full_range(wait=wait)
        self._short = Detector.short_range(wait=wait)
        self.forget()

    def forget(self) -> None:
        """Start anew, as with a new source."""
        self._count = 0
        self._before: Cells = np.zeros(_GRID[::-1], np.int16)
        self._looked_at = [self._before] * len(_PARTS)
        self._last = [0] * len(_PARTS)

    def __call__(
        self, image: Image, known: Sequence[Circle], unseen: Sequence[Circle], *, closely: bool
    ) -> list[Detection]:
        """Return every face in a BGR picture that scores ``FAINT``, best first.

        ``known`` are faces where a change says nothing of a new one. Around ``unseen`` ones it looks more
        closely, two in turn. ``closely``: with all that it has.
        """
        tiny = cv2.resize(image, _GRID, interpolation=cv2.INTER_NEAREST)
        cells: Cells = cv2.cvtColor(tiny, cv2.COLOR_BGR2GRAY).astype(np.int16)
        unknown = _unknown(image, known)
        entered = _at_edges((np.abs(cells - self._before) > _MOTION) & unknown) >= _ENTRY
        self._before = cells
        found = self._full(image, threshold=FAINT)
        if closely or entered or self._count % SHORT_EVERY == 0:
            _add(found, self._short(image, threshold=FAINT))
        _add(found, self._further(image, cells, unknown, entered=entered))
        for number in range(min(len(unseen), 2)):
            _add(found, self._around(image, unseen[(2 * self._count + number) % len(unseen)]))
        self._count += 1
        return sorted(found, key=lambda detection: -detection.score)

    def _further(
        self, image: Image, cells: Cells, unknown: npt.NDArray[np.bool_], *, entered: bool
    ) -> Iterator[Detection]:
        if self._count == 0:
            for turns in (2, 1, 3):
                yield from self._full(image, threshold=FAINT, turns=turns)
            for number in range(len(_PARTS)):
                yield from self._part(image, number, cells)
        elif (self._count % 2 or entered) and (number := self._next(cells, unknown, entered=entered)) >= 0:
            yield from self._part(image, number, cells)
        if self._count and self._count % SIDEWAYS_EVERY == 0:
            turns = (2, 1, 3)[self._count // SIDEWAYS_EVERY % 3]
            yield from self._full(image, threshold=FAINT, turns=turns)

    def _next(self, cells: Cells, unknown: npt.NDArray[np.bool_], *, entered: bool) -> int:
        """Return the part to look at now; -1 where nothing moved since the last look."""
        if self._count % 4 == 1 and not entered:
            return int(np.argmin(self._last))
        changes = []
        for number, before in enumerate(self._looked_at):
            window = _window(number, *_GRID)
            moved = (np.abs(cells[window] - before[window]) > _MOTION) & unknown[window]
            changes.append(int(np.count_nonzero(moved)))
        return int(np.argmax(changes)) if max(changes) else -1

    def _part(self, image: Image, number: int, cells: Cells) -> Iterator[Detection]:
        self._last[number], self._looked_at[number] = self._count + 1, cells
        height, width = image.shape[:2]
        yield from self._window(image, *_window(number, width, height))

    def _around(self, image: Image, circle: Circle) -> Iterator[Detection]:
        """Look where a face was, and as far around it as it can have gone."""
        x, y, size = circle
        reach = max(_AROUND * size, _CLOSEST)
        height, width = image.shape[:2]
        left, right = (round(min(max(at, 0), width)) for at in (x - reach, x + reach))
        top, bottom = (round(min(max(at, 0), height)) for at in (y - reach, y + reach))
        if right > left and bottom > top:
            yield from self._window(image, slice(top, bottom), slice(left, right))

    def _window(self, image: Image, rows: slice, columns: slice) -> Iterator[Detection]:
        """Look at a part; what is cut by its edges, or large in it, is seen whole in another one."""
        height, width = image.shape[:2]
        largest = _LARGE * max(columns.stop - columns.start, rows.stop - rows.start)
        for found in self._full(image[rows, columns], threshold=FAINT):
            detection = found.moved(columns.start, rows.start)
            left, top, right, bottom = detection.box
            cut = (
                left < columns.start > 0
                or top < rows.start > 0
                or right > columns.stop < width
                or bottom > rows.stop < height
            )
            if not cut and detection.size < largest:
                yield detection


def _window(number: int, width: int, height: int) -> tuple[slice, slice]:
    """Return the rows and columns of a part in a picture of that size."""
    x, y = _PARTS[number]
    left, top = round(x * width), round(y * height)
    return slice(top, min(top + height // 3 + 1, height)), slice(left, min(left + width // 3 + 1, width))


def _unknown(image: Image, known: Sequence[Circle]) -> npt.NDArray[np.bool_]:
    """Return the cells that no known face, with its hair and chin and the chest below, is in."""
    unknown = np.ones(_GRID[::-1], np.uint8)
    across, down = _GRID[0] / image.shape[1], _GRID[1] / image.shape[0]
    for x, y, size in known:
        axes, middle = (round(size * across), round(size * down)), (round(x * across), round(y * down))
        cv2.ellipse(unknown, middle, axes, 0, 0, 360, (0,), -1)
        chest = round(_CHEST * size * across)
        cv2.rectangle(unknown, (middle[0] - chest, middle[1]), (middle[0] + chest, _GRID[1]), (0,), -1)
    return unknown.astype(bool)


def _at_edges(cells: npt.NDArray[np.bool_]) -> int:
    """Count cells at the edges."""
    return int(cells.sum() - cells[2:-2, 2:-2].sum())


def _add(found: list[Detection], others: Iterator[Detection] | list[Detection]) -> None:
    """Add those of faces that are not among those found yet, or are clearer."""
    for other in others:
        known = next((detection for detection in found if _same(detection, other)), None)
        if known is None:
            found.append(other)
        elif other.score > known.score:
            found[found.index(known)] = other


def _same(one: Detection, other: Detection) -> bool:
    """Whether two detections are of one face."""
    apart = float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))
    return apart < 0.5 * max(one.size, other.size)
