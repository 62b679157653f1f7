"""What a running pipeline tells about itself: times and counts, over a sliding window of bounded memory."""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Lock

import numpy as np

from visard.daemon.guard.rules import FaceCounts, GuardVerdict
from visard.daemon.media.frame import Frame

WINDOW = 900
"""Frames that percentiles look back over: 30 seconds at 30 a second."""

GAP = 2.0
"""Seconds without a frame after which the rate is measured anew: the camera was away."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Median and 99th percentile, milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: "deque[float]") -> "Percentiles":
        """Summarise times in seconds; zeros when there are none."""
        if not seconds:
            return cls(0.0, 0.0)
        low, high = np.percentile(np.array(seconds), (50, 99)) * 1000
        return cls(round(float(low), 2), round(float(high), 2))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Stats knew at one moment; ``fps`` and the spreads cover the window, the counts everything."""

    fps: float
    frames: int
    latency_ms: Percentiles
    steps: dict[str, Percentiles]
    verdicts: dict[str, int]
    reasons: dict[str, int]
    """Why frames did not go out as they were, and how often."""
    errors: dict[str, int]
    faces: FaceCounts
    """What became of the faces of all frames together."""
    faces_now: FaceCounts
    """And of those in the last one."""


class Stats:
    """Collects from every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Start over, as after a warm-up."""
        with self._lock:
            self._arrivals: deque[float] = deque(maxlen=WINDOW)
            self._latency: deque[float] = deque(maxlen=WINDOW)
            self._steps: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))
            self._verdicts: Counter[str] = Counter()
            self._reasons: Counter[str] = Counter()
            self._errors: Counter[str] = Counter()
            self._faces: Counter[str] = Counter()
            self._faces_now = FaceCounts()

    def cleared(self, frame: Frame, verdict: GuardVerdict, why: str, faces: FaceCounts) -> None:
        """Note that the guard gave its verdict on a camera frame."""
        now = time.perf_counter()
        with self._lock:
            if self._arrivals and now - self._arrivals[-1] > GAP:
                self._arrivals.clear()
            self._arrivals.append(now)
            self._verdicts[verdict.value] += 1
            self._faces.update(asdict(faces))
            self._faces_now = faces
            if why:
                self._reasons[why] += 1
            for step, seconds in frame.trace.items():
                self._steps[step].append(seconds)

    def written(self, frame: Frame, seconds: float) -> None:
        """Note that a sink took ``seconds`` to write a camera frame and has it now."""
        with self._lock:
            self._steps["sink"].append(seconds)
            self._latency.append(time.perf_counter() - frame.captured)

    def failed(self, step: str, error: BaseException) -> bool:
        """Count an error; true the first time that this kind happens in this step."""
        with self._lock:
            kind = f"{step}: {type(error).__name__}"
            self._errors[kind] += 1
            return self._errors[kind] == 1

    def snapshot(self) -> Snapshot:
        """Return everything known now."""
        with self._lock:
            span = self._arrivals[-1] - self._arrivals[0] if len(self._arrivals) > 1 else 0.0
            return Snapshot(
                fps=round((len(self._arrivals) - 1) / span, 2) if span else 0.0,
                frames=self._verdicts.total(),
                latency_ms=Percentiles.of(self._latency),
                steps={step: Percentiles.of(seconds) for step, seconds in self._steps.items()},
                verdicts=dict(self._verdicts),
                reasons=dict(self._reasons),
                errors=dict(self._errors),
                faces=FaceCounts(**self._faces),
                faces_now=self._faces_now,
            )


class Heartbeat:
    """How long each step has been at work on its present frame; each is one thread, and anybody may ask."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    @contextmanager
    def beat(self, step: str) -> Iterator[None]:
        """Count the block as work of ``step``."""
        self._since[step] = time.monotonic()
        try:
            yield
        finally:
            del self._since[step]

    def busy(self) -> dict[str, float]:
        """Return the seconds for which each step that is at work has been so."""
        now = time.monotonic()
        return {step: now - since for step, since in self._since.copy().items()}


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """A picture of the whole pipeline at one moment."""

    persona: str | None
    mode: str
    paused: bool
    reveal: bool
    verdict: str
    why: str
    source: str
    """``ok``, or why there is no camera."""
    sinks: dict[str, str]
    """Where each output goes, and ``ok`` or what is wrong with it."""
    drops: int
    reference: int | None
    seeking: bool
    stats: Snapshot
    upside_down: bool = False
    """Whether the faces in the camera's picture stand on their heads."""
