"""What the parts of tests/bench/gpu.py share: rows of a table, comparing and timing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from visard.engines.device import Stream

WARM, ROUNDS = 30, 300
Arrays = Sequence[npt.NDArray[Any]]


@dataclass
class Row:
    what: str
    how: str
    numbers: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def attempt(row: Row, measure: Callable[[Row], None], label: str = "") -> Row:
    """Measure into a row; what goes wrong becomes a note in it."""
    try:
        measure(row)
    except Exception as error:
        row.notes.append(f"{label}{type(error).__name__}: {' '.join(str(error).split())[:400]}")
    return row


def compare(row: Row, results: Sequence[tuple[Arrays, Arrays]]) -> None:
    """Note the worst difference of outputs from the right ones."""
    error, relative, cosine = 0.0, 0.0, 1.0
    for outputs, expected in results:
        for output, reference in zip(outputs, expected, strict=True):
            a, b = output.ravel().astype(np.float64), reference.ravel().astype(np.float64)
            # numpy's maximum hands NaN on, where max() may drop it
            error = float(np.maximum(error, np.abs(a - b).max()))
            relative = float(np.maximum(relative, np.linalg.norm(a - b) / (np.linalg.norm(b) + 1e-12)))
            scale = np.linalg.norm(a) * np.linalg.norm(b) + 1e-12
            cosine = float(np.minimum(cosine, a @ b / scale)) if a.size > 1 else cosine
    row.numbers |= {"error": error, "relative": relative, "cosine": cosine}


def wall(work: Callable[[], object]) -> float:
    """Return the median in milliseconds of doing something to its end, one after the other."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times[ROUNDS // 10 :])) * 1000


def elapsed(stream: "Stream", work: Callable[[], object]) -> float:
    """Return the median in milliseconds of the GPU's own time for work given to a stream."""
    for _ in range(WARM):
        work()
    stream.sync()
    events = []
    for _ in range(ROUNDS):
        start = stream.record()
        work()
        events.append((start, stream.record()))
    stream.sync()
    return float(np.median([end.since(start) for start, end in events]))
