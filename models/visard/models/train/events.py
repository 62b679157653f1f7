"""What a training tells while it runs, and its record: a line of JSON for each."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step was done."""

    step: int
    losses: dict[str, float]
    rate: float
    """Steps a second, lately."""
    left: float
    """Seconds to the target."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """It goes on from a checkpoint."""

    step: int


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint was kept."""

    step: int
    path: str


@dataclass(frozen=True, slots=True)
class Previewed:
    """A picture shows what it has learned."""

    step: int
    path: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong, and training goes on."""

    step: int
    text: str


Event = Stepped | Resumed | Saved | Previewed | Trouble
Tell = Callable[[Event], None]


class Journal:
    """Appends events to a file of JSON lines; of steps every tenth, with mean losses."""

    def __init__(self, path: Path, every: int = 10) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._every = path, every
        self._losses: list[dict[str, float]] = []
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            self._append("\n")  # a crash cut the last line off, and the next is not to be lost with it

    def __call__(self, event: Event) -> None:
        """Note an event; a full disk loses the line and nothing else."""
        if isinstance(event, Stepped):
            self._losses.append(event.losses)
            if event.step % self._every:
                return
            means = {name: sum(each.get(name, 0) for each in self._losses) / len(self._losses)
                     for name in event.losses}  # fmt: skip
            event = Stepped(event.step, means, event.rate, event.left)
            self._losses.clear()
        line = {"event": type(event).__name__.lower(), "time": round(time.time(), 3), **asdict(event)}
        self._append(json.dumps(line) + "\n")

    def _append(self, text: str) -> None:
        with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(text)


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Return the lines of a record that still count: what was done again after a crash comes once."""
    lines: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
        except ValueError:  # cut off by a crash
            continue
        if line["event"] == "resumed":
            lines = [each for each in lines if each["step"] <= line["step"]]
        lines.append(line)
    yield from lines


class Pace:
    """How fast steps are, lately."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def stepped(self) -> float:
        """Note a step; return steps a second over the last fifty, 0 at first."""
        self._times = [*self._times[-50:], time.monotonic()]
        taken = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / taken if taken > 0 else 0.0
