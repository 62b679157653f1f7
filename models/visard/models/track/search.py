"""Looks for faces over the whole picture of every frame: what is not seen there cannot be covered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.track.changes import GRID, UNUSUAL, Changes, Circle, at_edges, many
from visard.models.track.crop import Region
from visard.models.track.detector import Detection, Detector
from visard.models.track.landmarker import Landmarker

SEEN, FAINT, FAINTEST = 0.3, 0.15, 0.1
"""Scores from which a detection is a face where none was known, says that a known one is still there, and is
one that comes in at the edge."""
WHOLE_EVERY = 2
"""Frames between two looks at the whole picture where nothing changed beyond the usual."""
PART_EVERY = 12
"""Frames between two looks at a part in which nothing changed."""
SIDEWAYS_EVERY = 24
"""Frames between two looks at the picture turned, by half and by either quarter in turn."""
_PARTS = tuple((x / 9, y / 9) for y in (0, 2, 4, 6) for x in (0, 2, 4, 6))
"""Where parts begin, in shares of width and height; each is a third of both."""
_CLOSER = tuple((x / 8, y / 8) for y in range(7) for x in range(7))
"""Where those of a first look begin; each is a quarter of both."""
_WIDE, _WIDER = 400, 860
"""Pixels of the picture's longer side from which a third of it, and a quarter, show more than all of it."""
CLEAR = 0.65
"""Score from which a face that is new in a closer look is believed at once: noise looks like one now and
then, but not to the landmark network."""
CONFIRMED = 2
"""Detections of a picture, after the first, that landmarks are tried on."""
DOUBTFUL = 0.2
"""Score from which a face that nobody knows is worth a closer look."""
_LARGE = 0.45
"""Share of a part's longer side above which a face is the whole picture's business."""
_TURNED = 0.45
"""Score from which a detection may be of a face that is the other way up than it says."""
_HINT, _PRESENT = 0.3, 0.5
"""Presence from which landmarks may be on a face, and from which they are once they are well centred."""
_NARROW = 8
"""Pixels of a part in which there is nothing to see."""
_SMALLEST, _FEWEST = 0.0125, 19
"""Share of the picture's longer side, and pixels, below which nobody is recognised in a detector's box."""
_AROUND, _CLOSEST = 2.2, 60
"""Face sizes, and pixels at least, around a face within which it is looked for more closely."""

T = TypeVar("T")


class FaceSearch:
    """Looks at every picture: at all of it, and closer where a far or a new face may be. Not thread-safe.

    The whole of it is looked at in the frame in which more changes than usually does, and else in every
    second one; the part in which that is, more closely, others in turn; the first picture after ``forget``
    thoroughly. The short-range network knows faces better that are cut by the picture's edge, so it is asked
    when something moves there.
    """

    def __init__(self, *, wait: bool = True) -> None:
        self._full = Detector.full_range(wait=wait)
        self._short = Detector.short_range(wait=wait)
        self._landmarker = Landmarker(wait=wait)
        self.forget()

    def forget(self) -> None:
        """Start anew, as with a new source."""
        self._count = self._confirmed = 0
        self._changes = Changes()
        self._whole = self._edges = self._changes.cells
        self._parts = self._whole.copy()
        self._cut: list[Detection] = []
        self._next = 0

    def __call__(
        self, image: Image, known: Sequence[Circle], unseen: Sequence[Circle], *, closely: bool
    ) -> list[Detection]:
        """Return every face in a BGR picture that scores ``FAINT``, best first.

        ``known`` are faces where a change says nothing of a new one. Around ``unseen`` ones it looks more
        closely, two in turn. ``closely``: with all that it has.
        """
        self._confirmed = 0
        self._changes.see(image, known)
        found = self._whole_picture(image, known, closely=closely or bool(unseen))
        found = [d for d in found if not _on_head(d, known) or self._believes(image, d)]
        doubtful = [d for d in found if DOUBTFUL < d.score < SEEN and not _is_known(d, known)]
        closer = [self._thoroughly(image) if self._count == 0 else self._further(image)]
        closer += [self._around(image, circle) for circle in self._in_turn(unseen, 2)]
        closer += [self._around(image, (*d.centre, d.size)) for d in self._in_turn(doubtful, 1)]
        old = (*known, *unseen)
        _add(found, (d for part in closer for d in part if _is_known(d, old) or self._believes(image, d)))
        self._count += 1
        return sorted(found, key=lambda detection: -detection.score)

    def _whole_picture(self, image: Image, known: Sequence[Circle], *, closely: bool) -> list[Detection]:
        """Look at all of it at once, where it may be worth it."""
        found: list[Detection] = []
        changes = self._changes
        if closely or self._count % WHOLE_EVERY == 0 or many(changes.since(self._whole)):
            found = self._full(image, threshold=FAINT)
            self._whole = changes.cells
        entering = many(at_edges(changes.since(self._edges)))
        if closely or entering:
            _add(found, self._short(image, threshold=FAINTEST))
            self._edges = changes.cells
        cut = [d for d in found if entering and _is_cut(d, image) and not _is_known(d, known)]
        half_seen = [d for d in cut if any(_same(d, other, 0.25) for other in self._cut)]
        self._cut = cut
        found = [d for d in found if d.score > FAINT and d not in half_seen]
        return found + [replace(d, score=max(d.score, SEEN)) for d in half_seen]

    def _in_turn(self, things: Sequence[T], most: int) -> list[T]:
        """Return a few of them, others the next time."""
        few = range(min(len(things), most))
        return [things[(most * self._count + number) % len(things)] for number in few]

    def _further(self, image: Image) -> Iterator[Detection]:
        """Look at it turned now and then, and at parts where that shows more."""
        if max(image.shape) > _WIDE:
            yield from self._parts_in_turn(image)
        if self._count % SIDEWAYS_EVERY == 0:
            turns = (2, 1, 3)[self._count // SIDEWAYS_EVERY % 3]
            yield from self._full(image, threshold=SEEN, turns=turns)

    def _parts_in_turn(self, image: Image) -> Iterator[Detection]:
        """Look at the part where most changed, at the edges first, else now and then at the next one."""
        changed = self._changes.since(self._parts)
        edges = at_edges(changed)
        for cells in (edges, changed) if many(edges) else (changed,):
            number, count = _fullest(cells)
            if count >= UNUSUAL:
                yield from self._part(image, number)
        if self._count % PART_EVERY == 0:
            self._next = (self._next + 1) % len(_PARTS)
            yield from self._part(image, self._next)

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
        for region in (upright, upright.turned) if detection.score > _TURNED else (upright,):
            landmarks, presence = self._landmarker(image, region)
            if presence > _HINT:  # once more, well centred
                presence = self._landmarker(image, Region.around(landmarks))[1]
                if presence > _PRESENT:
                    return True
        return False

    def _thoroughly(self, image: Image) -> Iterator[Detection]:
        """Look at a first picture, of which nothing is known."""
        self._parts = self._changes.cells.copy()
        yield from self._short(image, threshold=FAINT)
        for turns in (2, 1, 3):
            yield from self._full(image, threshold=SEEN, turns=turns)
        height, width = image.shape[:2]
        for begin in _PARTS if max(height, width) > _WIDE else ():
            yield from self._window(image, *_bounds(begin, 3, width, height))
        for begin in _CLOSER if max(height, width) > _WIDER else ():
            yield from self._window(image, *_bounds(begin, 4, width, height))

    def _part(self, image: Image, number: int) -> Iterator[Detection]:
        seen = _bounds(_PARTS[number], 3, *GRID)
        self._parts[seen] = self._changes.cells[seen]
        height, width = image.shape[:2]
        yield from self._window(image, *_bounds(_PARTS[number], 3, width, height))

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


def _bounds(begin: tuple[float, float], share: int, width: int, height: int) -> tuple[slice, slice]:
    """Return the rows and columns of a part in a picture of that size; it is a ``share``-th of both."""
    left, top = round(begin[0] * width), round(begin[1] * height)
    rows, columns = height // share + 1, width // share + 1
    return slice(top, min(top + rows, height)), slice(left, min(left + columns, width))


def _fullest(cells: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return the part that most of the cells are in, and how many."""
    counts = [int(np.count_nonzero(cells[_bounds(begin, 3, *GRID)])) for begin in _PARTS]
    return int(np.argmax(counts)), max(counts)


def _add(found: list[Detection], others: Iterable[Detection]) -> None:
    """Add those of faces that are not among those found yet, or are clearer."""
    for other in others:
        known = next((detection for detection in found if _same(detection, other)), None)
        if known is None:
            found.append(other)
        elif other.score > known.score:
            found[found.index(known)] = other


def _same(one: Detection, other: Detection, sizes: float = 0.5) -> bool:
    """Whether two detections are of one face; ``sizes``: how far apart they may be."""
    apart = float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))
    return apart < sizes * max(one.size, other.size)


def _is_cut(detection: Detection, image: Image) -> bool:
    """Whether the picture's edge cuts a face: half of one scores little, and can be recognised."""
    left, top, right, bottom = detection.box
    height, width = image.shape[:2]
    margin = 0.1 * detection.size
    small = detection.size < 0.4 * min(width, height)  # large ones score enough
    return bool(small and (min(left, top, width - right, height - bottom) < margin))


def _on_head(detection: Detection, known: Sequence[Circle]) -> bool:
    """Whether a detection is in the hair or at the neck of a larger face, where much looks like one."""
    at_x, at_y = detection.centre
    return any(
        0.4 * size < np.hypot(at_x - x, at_y - y) < size and detection.size < 0.7 * size
        for x, y, size in known
    )


def _is_known(detection: Detection, known: Sequence[Circle]) -> bool:
    """Whether a detection is of a face that is known."""
    at_x, at_y = detection.centre
    return any(
        np.hypot(at_x - x, at_y - y) < 0.6 * size and 0.4 < detection.size / size < 2.5
        for x, y, size in known
    )
