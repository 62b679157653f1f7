"""Looks for faces over the whole picture of every frame: what is not seen there cannot be covered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.track.crop import Region
from visard.models.track.detector import Detection, Detector
from visard.models.track.landmarker import Landmarker

SEEN, FAINT = 0.3, 0.15
"""Scores from which a detection is a face where none was known, and says that a known one is still there."""
PART_EVERY = 8
"""Frames between two looks at a part in which nothing changed."""
SHORT_EVERY = 8
"""Frames between two looks of the short-range network where nothing asks for more."""
SIDEWAYS_EVERY = 24
"""Frames between two looks at the picture turned, by half and by either quarter in turn."""
_PARTS = tuple((x / 9, y / 9) for y in (0, 2, 4, 6) for x in (0, 2, 4, 6))
"""Where parts begin, in shares of width and height; each is a third of both."""
_CLOSER = tuple((x / 8, y / 8) for y in range(7) for x in range(7))
"""Where those of a first look begin; each is a quarter of both."""
CLEAR = 0.65
"""Score from which a face that is new in a closer look is believed at once: noise looks like one now and
then, but not to the landmark network."""
CONFIRMED = 2
"""Detections of a picture, after the first, that landmarks are tried on."""
DOUBTFUL = 0.2
"""Score from which a face that nobody knows is worth a closer look."""
_LARGE = 0.45
"""Share of a part's longer side above which a face is the whole picture's business."""
_HINT, _PRESENT = 0.3, 0.5
"""Presence from which landmarks may be on a face, and from which they are once they are well centred."""
_NARROW = 8
"""Pixels of a part in which there is nothing to see."""
_SMALLEST, _FEWEST = 0.0125, 19
"""Share of the picture's longer side, and pixels, below which nobody is recognised in a detector's box."""
_AROUND, _CLOSEST = 2.2, 60
"""Face sizes, and pixels at least, around a face within which it is looked for more closely."""
_GRID = 72, 36
"""Width and height of the picture in which changes are looked for."""
_MOTION, _HABIT, _LEARNING = 6.0, 4.0, 0.05
"""Grey levels by which a cell differs that something moved into, beyond so many times what is usual there;
and the share of that which is learnt from each picture."""
_UNUSUAL = 3
"""Cells that differ from which on something new comes in."""

Circle = tuple[float, float, float]
"""Centre and size of a face: x, y, longer side, pixels."""
Cells = npt.NDArray[np.float32]
T = TypeVar("T")


class FaceSearch:
    """All of every picture at once, and for far faces a part of it every second time. Not thread-safe.

    A part in which more changed than usually does, where no face is known, is looked at at once, others in
    turn. The first picture after ``forget`` is searched thoroughly. The short-range network knows faces
    better that are cut by the picture's edge, so it is asked when something moves there.
    """

    def __init__(self, *, wait: bool = True) -> None:
        self._full = Detector.full_range(wait=wait)
        self._short = Detector.short_range(wait=wait)
        self._landmarker = Landmarker(wait=wait)
        self.forget()

    def forget(self) -> None:
        """Start anew, as with a new source."""
        self._count = self._confirmed = 0
        self._before: Cells = np.zeros(_GRID[::-1], np.float32)
        self._edges = self._before
        self._habit = np.full_like(self._before, 255)
        self._looked_at = [self._before] * len(_PARTS)
        self._last = [0] * len(_PARTS)

    def __call__(
        self, image: Image, known: Sequence[Circle], unseen: Sequence[Circle], *, closely: bool
    ) -> list[Detection]:
        """Return every face in a BGR picture that scores ``FAINT``, best first.

        ``known`` are faces where a change says nothing of a new one. Around ``unseen`` ones it looks more
        closely, two in turn. ``closely``: with all that it has.
        """
        self._confirmed = 0
        cells = _cells(image)
        known_cells = _known_cells(image, known)
        limits = _MOTION + _HABIT * self._habit + 255 * known_cells
        entering = _at_edges(np.abs(cells - self._edges) > limits)
        entered = int(entering.sum()) >= _UNUSUAL
        found = self._full(image, threshold=FAINT)
        if closely or entered or self._count % SHORT_EVERY == 0:
            _add(found, self._short(image, threshold=FAINT))
            self._edges = cells
        found = [d for d in found if not _on_head(d, known) or self._believes(image, d)]
        closer = [self._further(image, cells, limits)]
        closer += [self._part(image, _fullest(entering), cells)] if entered else []
        closer += [self._around(image, circle) for circle in self._in_turn(unseen, 2)]
        doubtful = [d for d in found if DOUBTFUL < d.score < SEEN and not _is_known(d, known)]
        closer += [self._around(image, (*d.centre, d.size)) for d in self._in_turn(doubtful, 1)]
        old = (*known, *unseen)
        _add(found, (d for part in closer for d in part if _is_known(d, old) or self._believes(image, d)))
        self._learn(cells)
        return sorted(found, key=lambda detection: -detection.score)

    def _in_turn(self, things: Sequence[T], most: int) -> list[T]:
        """Return a few of them, others the next time."""
        few = range(min(len(things), most))
        return [things[(most * self._count + number) % len(things)] for number in few]

    def _learn(self, cells: Cells) -> None:
        """Learn what usually moves, and go on to the next picture."""
        if self._count == 1:
            self._habit[:] = 0
        if self._count:
            self._habit += _LEARNING * (np.abs(cells - self._before) - self._habit)
        self._before = cells
        self._count += 1

    def _further(self, image: Image, cells: Cells, limits: Cells) -> Iterator[Detection]:
        if self._count == 0:
            yield from self._thoroughly(image, cells)
            return
        changed = [number for number in range(len(_PARTS)) if self._changed(number, cells, limits)]
        if changed or self._count % PART_EVERY == 0:
            oldest = min(changed or range(len(_PARTS)), key=lambda number: self._last[number])
            yield from self._part(image, oldest, cells)
        if self._count % SIDEWAYS_EVERY == 0:
            turns = (2, 1, 3)[self._count // SIDEWAYS_EVERY % 3]
            yield from self._full(image, threshold=SEEN, turns=turns)

    def _believes(self, image: Image, detection: Detection) -> bool:
        """Whether a face that is new in a closer look, or on another one's head, is one."""
        if detection.score > CLEAR or detection.score <= SEEN:
            return detection.score > CLEAR
        self._confirmed += 1
        most = CONFIRMED if self._count else len(_CLOSER)
        return self._confirmed <= most and self._is_face(image, detection)

    def _is_face(self, image: Image, detection: Detection) -> bool:
        """Whether landmarks can be put on it, either way up."""
        upright = detection.region
        turned = replace(upright, angle=upright.angle + np.pi)
        for region in (upright, turned):
            landmarks, presence = self._landmarker(image, region)
            if presence > _HINT:  # once more, well centred
                return self._landmarker(image, Region.around(landmarks))[1] > _PRESENT
        return False

    def _changed(self, number: int, cells: Cells, limits: Cells) -> bool:
        """Whether more changed in a part than usually does since it was looked at."""
        window = _window(_PARTS[number], 3, *_GRID)
        change = np.abs(cells[window] - self._looked_at[number][window])
        return int(np.count_nonzero(change > limits[window])) >= _UNUSUAL

    def _thoroughly(self, image: Image, cells: Cells) -> Iterator[Detection]:
        """Look at a first picture, of which nothing is known."""
        self._looked_at = [cells] * len(_PARTS)
        for turns in (2, 1, 3):
            yield from self._full(image, threshold=SEEN, turns=turns)
        height, width = image.shape[:2]
        for parts, share in ((_PARTS, 3), (_CLOSER, 4)):
            for begin in parts:
                yield from self._window(image, *_window(begin, share, width, height))

    def _part(self, image: Image, number: int, cells: Cells) -> Iterator[Detection]:
        self._last[number], self._looked_at[number] = self._count + 1, cells
        height, width = image.shape[:2]
        yield from self._window(image, *_window(_PARTS[number], 3, width, height))

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
        if min(columns.stop - columns.start, rows.stop - rows.start) < _NARROW:
            return
        smallest = max(_SMALLEST * max(height, width), _FEWEST)
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
            if not cut and smallest < detection.size < largest:
                yield detection


def _window(begin: tuple[float, float], share: int, width: int, height: int) -> tuple[slice, slice]:
    """Return the rows and columns of a part in a picture of that size; it is a ``share``-th of both."""
    left, top = round(begin[0] * width), round(begin[1] * height)
    rows, columns = height // share + 1, width // share + 1
    return slice(top, min(top + rows, height)), slice(left, min(left + columns, width))


def _cells(image: Image) -> Cells:
    """Return a tiny grey picture, a mean of four pixels for each."""
    width, height = _GRID
    few = cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    tiny = cv2.resize(few, _GRID, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(tiny, cv2.COLOR_BGR2GRAY), np.float32)


def _known_cells(image: Image, known: Sequence[Circle]) -> Cells:
    """Return 1 where a known face is, with its hair and chin, else 0."""
    cells = np.zeros(_GRID[::-1], np.float32)
    across, down = _GRID[0] / image.shape[1], _GRID[1] / image.shape[0]
    for x, y, size in known:
        axes = round(0.7 * size * across), round(0.8 * size * down)
        cv2.ellipse(cells, (round(x * across), round(y * down)), axes, 0, 0, 360, (1,), -1)
    return cells


def _on_head(detection: Detection, known: Sequence[Circle]) -> bool:
    """Whether a detection is in the hair or at the neck of a larger face, where much looks like one."""
    at_x, at_y = detection.centre
    return any(
        0.4 * size < np.hypot(at_x - x, at_y - y) < size and detection.size < 0.7 * size
        for x, y, size in known
    )


def _is_known(detection: Detection, known: Sequence[Circle]) -> bool:
    """Whether a detection is of a face that is known."""
    return any(
        np.hypot(detection.centre[0] - x, detection.centre[1] - y) < 0.6 * size for x, y, size in known
    )


def _at_edges(cells: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Leave only what is at the edges."""
    cells[2:-2, 2:-2] = False
    return cells


def _fullest(cells: npt.NDArray[np.bool_]) -> int:
    """Return the part that most of the cells are in."""
    return int(np.argmax([cells[_window(begin, 3, *_GRID)].sum() for begin in _PARTS]))


def _add(found: list[Detection], others: Iterable[Detection]) -> None:
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
