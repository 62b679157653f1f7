"""How a training went, out of its record, which another process may be writing. Needs no PyTorch."""

import json
import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

_MOST = 200
"""Points of a curve; of up to twice as many, two become one."""
_NEWS = 500
"""Steps after which trouble is no news any more."""


@dataclass(frozen=True, slots=True)
class Point:
    """Mean losses of the steps up to one."""

    step: int
    losses: dict[str, float]


class History:
    """Follows a record: ``update`` reads what was added, so that looking often costs little. One thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin()

    def _begin(self) -> None:
        self._offset = 0
        self._points: list[Point] = []
        self._newest: list[Point] = []
        self._together = 1
        """How many lines make a point; ``_newest`` are fewer."""
        self.step = 0
        self.rate = self.left = 0.0
        """Steps a second, and seconds to the target, when the last line was written."""
        self.updated: float | None = None
        """When that was, seconds since 1970."""
        self.preview: int | None = None
        """The step of the newest preview."""
        self._trouble: tuple[int, str] | None = None

    @property
    def points(self) -> list[Point]:
        """The losses from the beginning on, evenly thinned out."""
        return [*self._points, _mean(self._newest)] if self._newest else self._points

    @property
    def trouble(self) -> str | None:
        """What went wrong lately."""
        step, text = self._trouble or (-_NEWS, None)
        return text if self.step - step < _NEWS else None

    def update(self) -> None:
        """Read the lines that were added; a last one that is not whole yet is left for the next time."""
        try:
            if self._path.stat().st_size < self._offset:
                self._begin()
            with self._path.open("rb") as file:
                file.seek(self._offset)
                added = file.read()
        except OSError:  # nothing was written yet
            return
        whole = added[: added.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            with suppress(ValueError, LookupError, TypeError, AttributeError):  # cut off by a crash
                self._take(json.loads(line))

    def _take(self, line: dict[str, Any]) -> None:
        kind, self.updated, self.step = line["event"], float(line["time"]), int(line["step"])
        match kind:
            case "stepped":
                self.rate, self.left = float(line["rate"]), float(line["left"])
                self._add(Point(self.step, {name: float(loss) for name, loss in line["losses"].items()}))
            case "resumed":  # what was done after it is done again
                self._points = [point for point in self._points if point.step <= self.step]
                self._newest = [point for point in self._newest if point.step <= self.step]
                self._trouble = None
            case "previewed":
                self.preview = self.step
            case "trouble":
                self._trouble = self.step, str(line["text"])

    def _add(self, point: Point) -> None:
        if not all(map(math.isfinite, point.losses.values())):
            return
        self._newest.append(point)
        if len(self._newest) >= self._together:
            self._points.append(_mean(self._newest))
            self._newest = []
        if len(self._points) == 2 * _MOST:
            self._points = [_mean(self._points[at : at + 2]) for at in range(0, 2 * _MOST, 2)]
            self._together *= 2


def _mean(points: list[Point]) -> Point:
    names = points[-1].losses
    known = {name: [each.losses[name] for each in points if name in each.losses] for name in names}
    return Point(points[-1].step, {name: fmean(losses) for name, losses in known.items()})
