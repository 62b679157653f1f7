"""The same network on several engines, side by side: compiled, checked, and timed in turns."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from visard.engines import accuracy
from visard.engines.accuracy import Reference, Verdict
from visard.engines.cache.cache import Cache, Content
from visard.engines.compile.job import TIMEOUT, Build
from visard.engines.errors import Cancelled, EngineError
from visard.engines.interfaces import (
    Array,
    Backend,
    Engine,
    Options,
    Precision,
    Progress,
    Range,
    Report,
    Samples,
    backends,
)

WARM = 3
"""Runs before any is timed."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run a network."""

    backend: str
    device: str
    precision: Precision


@dataclass(slots=True)
class Runner:
    """How a way went so far."""

    way: Way
    state: str = "unavailable"
    """ok; wrong, lost, refused, unavailable; or unchecked: compiled where it cannot run."""
    reason: str = ""
    verdict: Verdict | None = None
    engine: Engine | None = field(default=None, repr=False)
    compiled: float | None = None
    """Seconds that compiling took, when it was done."""
    size: int = 0
    """Bytes of what was compiled."""
    notes: tuple[str, ...] = ()
    times: list[float] = field(default_factory=list)
    """Seconds of a call with host arrays, each."""
    inside: list[float] = field(default_factory=list)
    """Seconds of a call with arrays that lie on the device and stay there."""

    def facts(self) -> dict[str, Any]:
        """Return it as JSON takes it, times as medians in milliseconds."""
        verdict = self.verdict
        return {
            **asdict(self.way),
            "state": self.state,
            "reason": self.reason,
            "psnr": _finite(verdict.psnr) if verdict else None,
            "cosine": verdict.cosine if verdict else None,
            "seconds_to_compile": self.compiled,
            "bytes": self.size,
            "notes": list(self.notes),
            "ms": usual(self.times),
            "ms_on_device": usual(self.inside),
        }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class Course:
    """What all run: a network with its inputs, and how it is compiled."""

    model: Path
    reference: Reference
    ranges: tuple[Range, ...] = ()
    threads: int = 1
    samples: Samples | None = None
    """Somebody's own; int8 is calibrated with them."""
    cache: Cache = field(default_factory=Cache)
    timeout: float = TIMEOUT


def course(model: Path, **facts: Any) -> Course:
    """Return a course (see Course for the facts) with the reference worked out."""
    known = {name: facts[name] for name in ("samples", "ranges", "threads") if name in facts}
    return Course(model, accuracy.reference(model, **known), **facts)


def cannot_compile(backend: Backend) -> str | None:
    """Return why a backend is of no use at all here; some compile where they cannot run."""
    ask: Callable[[], str | None] = getattr(backend, "cannot_compile", backend.unavailable)
    return ask()


def devices(backend: Backend) -> tuple[str, ...]:
    """Return the devices to compile for: those that are here, or else the first that could be."""
    return backend.devices() or ("cuda:0",)


def ways(
    names: Iterable[str] = (), device: str = "auto", precisions: Iterable[Precision] = ()
) -> Iterator[Runner]:
    """Yield every way to run a network, of these backends (default: all) and in these precisions.

    A backend that is of no use here yields one runner with the reason.
    """
    kinds = tuple(precisions) or tuple(Precision)
    chosen = [backends.get(name) for name in names] or list(backends.all().values())
    for backend in sorted(chosen, key=lambda backend: backend.rank):
        if reason := cannot_compile(backend):
            yield Runner(Way(backend.name, device, Precision.fp32), reason=reason)
            continue
        found = [each for each in devices(backend) if device in ("auto", each)]
        for each, precision in itertools.product(found, kinds):
            yield Runner(Way(backend.name, each, precision))


def enter(runner: Runner, course: Course, report: Report = lambda _: None, *, strict: bool = False) -> Runner:
    """Compile and check one way; whatever goes wrong becomes its reason.

    Raises Cancelled, and with ``strict`` whatever keeps it from being compiled.
    """
    way, backend = runner.way, backends.get(runner.way.backend)
    options = Options(way.device, way.precision, course.threads, course.ranges)
    try:
        build = Build(
            course.model, backend, options, samples=course.samples, cache=course.cache, report=report,
            timeout=course.timeout, reference=course.reference,
        )  # fmt: skip
        content = build.make()
    except Cancelled:
        raise
    except EngineError as error:
        if strict:
            raise
        return replace(runner, state="refused", reason=str(error))
    entry = content.entry
    runner = replace(runner, compiled=entry.seconds, size=len(content.plan), notes=entry.notes)
    return judge(runner, content, options)


def judge(runner: Runner, content: Content, options: Options) -> Runner:
    """Open what was compiled and compare it with the reference, where it can run."""
    backend = backends.get(runner.way.backend)
    if reason := backend.unavailable():
        return replace(runner, state="unchecked", reason=reason)
    try:
        engine = backend.open(content.plan, options)
        limits = accuracy.LIMITS[options.precision]
        verdict = accuracy.check(engine, content.reference.outputs, content.reference.samples, limits)
    except EngineError as error:
        return replace(runner, state="wrong", reason=str(error))
    state = "ok" if verdict.ok else "wrong"
    return replace(runner, state=state, reason=verdict.reason, verdict=verdict, engine=engine)


def race(
    runners: Sequence[Runner], inputs: tuple[Array, ...], seconds: float, report: Report = lambda _: None
) -> None:
    """Time all that run, one call each in turns, for about ``seconds`` together; at least a few rounds."""
    lanes = [lane for runner in runners if runner.engine is not None for lane in _lanes(runner, inputs)]
    for lane in lanes:
        for _ in range(WARM):
            lane.run(keep=False)
    begun, rounds = time.perf_counter(), 0
    while lanes and (rounds < WARM or time.perf_counter() - begun < seconds):
        for lane in lanes:
            lane.run()
        rounds += 1
        report(Progress("measuring", min((time.perf_counter() - begun) / seconds, 1.0)))
    report(Progress("measured", 1.0))


@dataclass(slots=True)
class _Lane:
    """One kind of call of a runner, until it fails."""

    runner: Runner
    call: Callable[[], object]
    times: list[float]

    def run(self, keep: bool = True) -> None:
        if self.runner.state not in ("ok", "wrong"):
            return
        start = time.perf_counter()
        try:
            self.call()
        except EngineError as error:
            self.runner.state, self.runner.reason = "lost", str(error)
        else:
            self.times.extend([time.perf_counter() - start] * keep)


def _lanes(runner: Runner, inputs: tuple[Array, ...]) -> Iterator[_Lane]:
    engine = runner.engine
    assert engine is not None
    yield _Lane(runner, lambda: engine(*inputs), runner.times)
    if runner.way.device.startswith("cuda"):
        yield _Lane(runner, _staying(engine, inputs, runner.way.device), runner.inside)


def _staying(engine: Engine, inputs: tuple[Array, ...], where: str) -> Callable[[], object]:
    """Return a call whose arrays are on the GPU already, and that waits until the results are there."""
    from visard.engines import device

    gpu = device.open_device(device.index_of(where))
    gpu.activate()
    stream = gpu.stream()
    there = tuple(device.to_device(array, gpu, stream) for array in inputs)
    stream.sync()

    def call() -> None:
        for output in engine(*there):
            device.take(output, gpu, stream)
        stream.sync()

    return call


def usual(times: Sequence[float]) -> float | None:
    """Return the median in milliseconds."""
    return 1000 * median(times) if times else None
