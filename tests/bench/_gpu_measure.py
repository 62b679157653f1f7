"""What the parts of tests/bench/gpu.py share: rows of a table, comparing and timing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from _gpu_memory import ROUNDS, Gpu, Outputs, Pair, fetch, poison

WARM = 30


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


def wall(work: Callable[[], object]) -> float:
    """Return the median in milliseconds of doing something to its end, one after the other."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times[ROUNDS // 10 :])) * 1000


def compare(row: Row, results: list[tuple[Outputs, Outputs]]) -> None:
    """Note the worst difference of outputs from the reference."""
    error, relative, cosine = 0.0, 0.0, 1.0
    for outputs, expected in results:
        for name, right in expected.items():
            a, b = outputs[name].ravel().astype(np.float64), right.ravel().astype(np.float64)
            # numpy's maximum hands NaN on, where max() may drop it
            error = float(np.maximum(error, np.abs(a - b).max()))
            relative = float(np.maximum(relative, np.linalg.norm(a - b) / (np.linalg.norm(b) + 1e-12)))
            scale = np.linalg.norm(a) * np.linalg.norm(b) + 1e-12
            cosine = float(np.minimum(cosine, a @ b / scale)) if a.size > 1 else cosine
    row.numbers |= {"error": error, "relative": relative, "cosine": cosine}


def speed(row: Row, gpu: Gpu, work: Callable[[], None], outputs: dict[str, Pair]) -> None:
    """Time work by events and by the clock, and again as a replayed CUDA graph."""

    def to_end(work: Callable[[], None]) -> Callable[[], None]:
        def done() -> None:
            work()
            gpu.sync()

        return done

    def timed(prefix: str, work: Callable[[], None]) -> None:
        for _ in range(WARM):
            work()
        gpu.sync()
        row.numbers[f"{prefix}ms"] = float(np.median(gpu.elapsed(work)))
        row.numbers[f"{prefix}wall ms"] = wall(to_end(work))

    def replay(row: Row) -> None:
        expected = fetch(gpu, outputs)
        graph = gpu.capture(work)
        poison(gpu, outputs)
        graph()
        results = fetch(gpu, outputs)
        row.numbers["graph error"] = float(np.max([np.abs(results[n] - expected[n]).max() for n in expected]))
        timed("graph ", graph)

    timed("", work)
    attempt(row, replay, "graph replay: ")
