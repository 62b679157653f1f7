import io
import json
import math

import pytest
from fakes import Reel, Truth, worn
from leftovers import no_thread_left
from rich.console import Console

from visard.daemon.foreground import bench
from visard.daemon.guard.rules import FaceCounts, GuardVerdict
from visard.daemon.media.frame import Frame
from visard.daemon.pipeline.stats import WINDOW, Percentiles, Stats


@pytest.fixture
def report(monkeypatch):
    class Kind:
        def open(self, spec, wanted=None, *, loop=True, paced=True):
            return Reel(100_000, live=paced, fps=50)

    monkeypatch.setattr(bench, "WARM_UP", 0.1)
    monkeypatch.setattr(bench, "find_source", lambda _: Kind())
    monkeypatch.setattr(bench, "prepare", lambda *_, **__: worn())
    for name in ("live", "every_frame"):
        monkeypatch.setattr(bench.tracking, name, lambda _: Truth())
    report = bench.measure("reel", None, 1.0)
    assert no_thread_left()
    return report


def test_the_keys_are_the_agreed_ones_and_the_numbers_are_real(report):
    data = json.loads(json.dumps(report.json()))
    assert set(data) == {"fps", "drops", "latency_ms", "cpu_ms_per_frame", "peak_memory_mb", "steps", "faces"}
    assert set(data["latency_ms"]) == {"p50", "p99"}
    assert {"track", "swap", "blend", "view", "guard", "sink"} <= set(data["steps"])
    assert all(set(step) == {"p50", "p99"} for step in data["steps"].values())
    assert data["faces"] == {"swapped": data["faces"]["swapped"], "covered": 0, "shown": 0}
    assert data["faces"]["swapped"] > 0
    assert data["fps"] > 0
    assert data["cpu_ms_per_frame"] > 0
    assert data["latency_ms"]["p99"] >= data["latency_ms"]["p50"] > 0
    assert 20 < data["peak_memory_mb"] < 100_000


def test_the_report_is_drawn(report):
    out = io.StringIO()
    Console(file=out, width=100).print(bench.render(report))
    assert all(
        word in out.getvalue()
        for word in ("frames a second", "swapped, 0 covered, 0 shown", "capture to sink", "track", "ms")
    )


def test_a_source_that_ends_does_not_hang_the_bench(monkeypatch):
    class Kind:
        def open(self, spec, wanted=None, *, loop=True, paced=True):
            return Reel(0, live=paced)

    monkeypatch.setattr(bench, "WARM_UP", 0.05)
    monkeypatch.setattr(bench, "find_source", lambda _: Kind())
    monkeypatch.setattr(bench, "prepare", lambda *_, **__: worn())
    for name in ("live", "every_frame"):
        monkeypatch.setattr(bench.tracking, name, lambda _: Truth())
    assert bench.measure("reel", None, 0.2).fps == 0


def test_memory_of_the_statistics_is_bounded():
    stats = Stats()
    for number in range(3 * WINDOW):
        frame = Frame(number, 0.0, None, {"track": 0.001 * (number >= 2 * WINDOW)})
        stats.cleared(frame, GuardVerdict.frame, "", FaceCounts(1, number % 3, 0))
        stats.written(frame, 0.002)
    snapshot = stats.snapshot()
    assert snapshot.frames == 3 * WINDOW
    assert snapshot.steps["track"] == Percentiles(1.0, 1.0), "only the window counts"
    assert snapshot.verdicts == {"frame": 3 * WINDOW}
    assert (snapshot.faces, snapshot.faces_now) == (FaceCounts(3 * WINDOW, 3 * WINDOW), FaceCounts(1, 2))


def test_spreads_are_percentiles_in_milliseconds():
    from collections import deque

    spread = Percentiles.of(deque(n / 1000 for n in range(101)))
    assert math.isclose(spread.p50, 50)
    assert math.isclose(spread.p99, 99)
    assert Percentiles.of(deque()) == Percentiles(0, 0)


def test_each_kind_of_error_is_news_once():
    stats = Stats()
    assert [stats.failed("swap", ValueError(str(n))) for n in range(3)] == [True, False, False]
    assert stats.failed("swap", KeyError()) is True
    assert stats.snapshot().errors == {"swap: ValueError": 3, "swap: KeyError": 1}
