"""How long engines take for a call: measured in turns, so that what disturbs one disturbs all alike."""

import time
from collections.abc import Sequence

from visard.engines.interfaces import Array, Engine, Progress, Report

MARGIN = 1.15
"""Times as fast as one that is tried earlier a candidate has to be to serve instead of it."""
WARM = 3
"""Calls of each that are not timed: libraries prepare kernels and graphs in them."""
LEAST = 3
"""Rounds that are timed however long they take."""
ROUNDS = 20
SECONDS = 0.25
clock = time.perf_counter


def measure(
    engines: Sequence[Engine],
    arrays: tuple[Array, ...],
    *,
    seconds: float = SECONDS,
    rounds: int = ROUNDS,
    report: Report = lambda _: None,
) -> list[float | Exception]:
    """Return the least seconds of a call of each engine on host arrays, or what it raised.

    Ends after ``rounds`` calls of each, or after ``seconds`` altogether.
    """
    found: list[float | Exception] = [float("inf")] * len(engines)
    begun = clock()
    for number in range(WARM + rounds):
        if number == WARM:
            begun = clock()
        for index, engine in enumerate(engines):
            if not isinstance(known := found[index], Exception):
                found[index] = _call(engine, arrays, known if number >= WARM else None)
        spent = clock() - begun
        if number >= WARM:
            report(Progress("measuring", min(spent / seconds, 1.0)))
        if number >= WARM + LEAST - 1 and spent > seconds:
            break
    return found


def _call(engine: Engine, arrays: tuple[Array, ...], least: float | None) -> float | Exception:
    """Return the lesser of ``least`` and the seconds of a call; one without ``least`` does not count."""
    begun = clock()
    try:
        engine(*arrays)
    except Exception as error:  # a library may raise anything when its device goes
        return error
    return float("inf") if least is None else min(least, clock() - begun)
