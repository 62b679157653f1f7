"""Measures the whole pipeline: how fast it can go, and how it does at the source's own rate."""

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from visard.daemon.api.schema import Faces
from visard.daemon.config.settings import Mode, Settings
from visard.daemon.guard.rules import FaceCounts
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import prepare
from visard.daemon.pipeline import tracking
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import Percentiles
from visard.daemon.sources import find_source
from visard.models.face import Image

WARM_UP = 1.0
"""Seconds that are not measured: networks settle, buffers are made."""


@dataclass(frozen=True, slots=True)
class Report:
    """``fps`` is unpaced; everything else was measured at the source's rate. Times in milliseconds."""

    fps: float
    drops: int
    latency_ms: Percentiles
    cpu_ms_per_frame: float
    peak_memory_mb: float
    steps: dict[str, Percentiles]
    faces: FaceCounts

    def json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return asdict(self)


class _TimedSink:
    """A sink that takes everything at once."""

    where = "nowhere"

    def write(self, image: Image) -> None:
        """Take a picture."""

    def close(self) -> None:
        """Nothing to do."""


def measure(
    source: str,
    persona: str | None,
    seconds: float = 20.0,
    *,
    mode: Mode = Mode.swap,
    settings: Settings | None = None,
    processor: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Report:
    """Run unpaced for half the time and at the source's rate for the other half, into nowhere.

    Raises what opening the source, preparing the persona or running may raise.
    """
    recipe = Recipe(prepare(Library().resolve(persona), mode, processor=processor, options=options))
    switches = Switches(settings or Settings())
    fps = _unpaced(source, recipe, switches, seconds / 2)
    return _paced(source, recipe, switches, seconds / 2, fps)


def _unpaced(source: str, recipe: Recipe, switches: Switches, seconds: float) -> float:
    opened = find_source(source).open(source, loop=True, paced=False)
    with Pipeline(opened, [_TimedSink()], recipe, tracking.every_frame, switches=switches) as pipeline:
        _warm_up(pipeline)
        start = time.perf_counter()
        pipeline.wait(seconds)
        return round(pipeline.stats.snapshot().frames / (time.perf_counter() - start), 1)


def _paced(source: str, recipe: Recipe, switches: Switches, seconds: float, fps: float) -> Report:
    opened = find_source(source).open(source, loop=True)
    with Pipeline(opened, [_TimedSink()], recipe, tracking.live, switches=switches, live=True) as pipeline:
        _warm_up(pipeline)
        drops, cpu = pipeline.status().drops, time.process_time()
        pipeline.wait(seconds)
        cpu = time.process_time() - cpu
        status = pipeline.status()
    return Report(
        fps=fps,
        drops=status.drops - drops,
        latency_ms=status.stats.latency_ms,
        cpu_ms_per_frame=round(cpu * 1000 / max(status.stats.frames, 1), 2),
        peak_memory_mb=peak_memory_mb(),
        steps=status.stats.steps,
        faces=status.stats.faces,
    )


def _warm_up(pipeline: Pipeline) -> None:
    """Wait for the first frame, then a little longer, and forget what was counted."""
    while not pipeline.stats.snapshot().frames and not pipeline.wait(0.05):
        pass
    pipeline.wait(WARM_UP)
    pipeline.stats.reset()


def peak_memory_mb() -> float:
    """Return the most memory this process ever held, in MB."""
    if sys.platform == "win32":
        import psutil

        return round(psutil.Process().memory_info().peak_wset / 1e6, 1)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)


def render(report: Report) -> RenderableType:
    """Return a table of the numbers and a bar for each step, for rich to print."""
    table = Table("what", "value", title="visard bench", title_justify="left")
    table.add_row("frames a second, unpaced", f"{report.fps:.1f}")
    table.add_row("frames dropped at the source's rate", str(report.drops))
    latency = report.latency_ms
    table.add_row("faces", Faces(**asdict(report.faces)).words(zeros=True))
    table.add_row("capture to sink", f"{latency.p50:.1f} ms, 99 %: {latency.p99:.1f} ms")
    table.add_row("CPU time a frame", f"{report.cpu_ms_per_frame:.1f} ms")
    table.add_row("most memory", f"{report.peak_memory_mb:.0f} MB")
    steps = Table("step", "median", "99 %", "", title="where the time goes", title_justify="left")
    longest = max((spread.p50 for spread in report.steps.values()), default=1.0) or 1.0
    for name, spread in sorted(report.steps.items(), key=lambda item: -item[1].p50):
        bar = ProgressBar(total=longest, completed=spread.p50, width=30)
        steps.add_row(name, f"{spread.p50:.2f} ms", f"{spread.p99:.2f} ms", bar)
    return Group(table, Text(), steps)
