"""Where a picture changed more than it usually does: what is new in view can only be there."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image

GRID = 72, 36
"""Width and height of the tiny grey picture that is compared."""
UNUSUAL = 3
"""Cells that changed from which on something new is in view."""
_MOTION, _HABIT, _LEARNING = 6.0, 4.0, 0.05
"""Grey levels by which a cell differs that something moved into, beyond so many times the usual there; and
the share of that which is learnt from each picture."""
_EDGE = 2
"""Cells at each side that are the picture's edges."""

Circle = tuple[float, float, float]
"""Centre and size of a face: x, y, longer side, pixels."""
Cells = npt.NDArray[np.float32]
"""A tiny grey picture, float32 [36, 72]."""


class Changes:
    """Compares the newest picture with any earlier one; learns what usually moves. Not thread-safe."""

    def __init__(self) -> None:
        self.cells: Cells = np.zeros(GRID[::-1], np.float32)
        """The newest picture."""
        self._limits = self._habit = np.full_like(self.cells, 255)
        self._pictures = 0

    def see(self, image: Image, known: Sequence[Circle]) -> None:
        """Take the next BGR picture; changes in the faces that are ``known`` do not count."""
        cells = _cells(image)
        if self._pictures == 1:
            self._habit = np.zeros_like(cells)
        if self._pictures:
            self._habit += _LEARNING * (np.abs(cells - self.cells) - self._habit)
        self._limits = _MOTION + _HABIT * self._habit
        for x, y, size in known:
            across, down = GRID[0] / image.shape[1], GRID[1] / image.shape[0]
            axes = round(0.7 * size * across), round(0.8 * size * down)
            cv2.ellipse(self._limits, (round(x * across), round(y * down)), axes, 0, 0, 360, (255,), -1)
        self.cells = cells
        self._pictures += 1

    def since(self, before: Cells) -> npt.NDArray[np.bool_]:
        """Return the cells that changed since the picture was as ``before``, bool [36, 72]."""
        return np.asarray(np.abs(self.cells - before) > self._limits)


def at_edges(changed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Leave only what changed at the picture's edges."""
    edges = changed.copy()
    edges[_EDGE:-_EDGE, _EDGE:-_EDGE] = False
    return edges


def many(changed: npt.NDArray[np.bool_]) -> bool:
    """Whether enough changed for something to be new."""
    return int(np.count_nonzero(changed)) >= UNUSUAL


def _cells(image: Image) -> Cells:
    """Return a mean of four pixels for each cell."""
    width, height = GRID
    few = cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    tiny = cv2.resize(few, GRID, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(tiny, cv2.COLOR_BGR2GRAY), np.float32)
