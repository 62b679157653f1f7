"""How a training went, out of its record, which another process may be writing. Needs no PyTorch."""

import json
import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
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
        self.points: list[Point] = []
        self.step = 0
        self.rate = self.left = 0.0
        """Steps a second, and seconds to the target, when the last line was written."""
        self.updated: float | None = None
        """When that was, seconds since 1970."""
        self.preview: int | None = None
        """The step of the newest preview."""
        self._trouble: tuple[int, str] | None = None

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
                self.points = [point for point in self.points if point.step <= self.step]
                self._trouble = None
            case "previewed":
                self.preview = self.step
            case "trouble":
                self._trouble = self.step, str(line["text"])

    def _add(self, point: Point) -> None:
        if not all(map(math.isfinite, point.losses.values())):
            return
        self.points.append(point)
        if len(self.points) >= 2 * _MOST:
            self.points = [_mean(*self.points[at : at + 2]) for at in range(0, 2 * _MOST, 2)]


def _mean(one: Point, other: Point) -> Point:
    losses = {name: (one.losses.get(name, loss) + loss) / 2 for name, loss in other.losses.items()}
    return Point(other.step, losses)
