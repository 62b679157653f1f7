"""A network on every engine, side by side: compiled, checked, and timed in turns."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from visard.daemon.diagnostics.engine_report import stale
from visard.daemon.diagnostics.network_files import find, ranges
from visard.daemon.errors import BackendUnavailable, EngineError
from visard.engines import accuracy
from visard.engines.accuracy import CheckResult, ReferenceResults
from visard.engines.cache.cache import Cache, CachedEngine, CacheEntry
from visard.engines.compile.job import TIMEOUT, CompileJob
from visard.engines.compile.reference import compute_reference
from visard.engines.errors import Cancelled
from visard.engines.interfaces import (
    Array,
    Backend,
    Engine,
    Options,
    Precision,
    Range,
    Report,
    Samples,
    backends,
)
from visard.engines.runtime.speed import measure
from visard.models.bundled import shipped

Working = Callable[[str], AbstractContextManager[Report]]
"""Shows a person what is being done."""


@dataclass(frozen=True, slots=True)
class NetworkUnderTest:
    """A network with its inputs and its results in fp32, and how it is compiled."""

    model: Path
    reference: ReferenceResults
    ranges: tuple[Range, ...] = ()
    threads: int = 1
    cache: Cache = field(default_factory=Cache)
    timeout: float = TIMEOUT
    isolated: bool = False
    """Whether somebody else made it: then it is tried in a process that can be killed."""


@dataclass(slots=True)
class Trial:
    """One way to run a network, and how it went so far."""

    backend: str
    device: str
    precision: Precision
    network: str = ""
    state: str = "unavailable"
    """ok; wrong, lost, damaged, stale, refused, unavailable; or unchecked: compiled where it cannot run."""
    reason: str = ""
    result: CheckResult | None = None
    engine: Engine | None = field(default=None, repr=False)
    compiled: float | None = None
    """Seconds that compiling took, when it was done."""
    size: int = 0
    """Bytes of what was compiled."""
    notes: tuple[str, ...] = ()
    ms: float | None = None
    """Least milliseconds of a call with host arrays."""

    @property
    def bad(self) -> bool:
        """Whether something is wrong; what is merely not possible here is not."""
        return self.state in ("wrong", "lost", "damaged")

    def facts(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        told = asdict(replace(self, engine=None, result=None))
        psnr = self.result.psnr if self.result else None
        numbers = {
            "psnr": psnr if psnr is None or math.isfinite(psnr) else None,
            "cosine": self.result.cosine if self.result else None,
        }
        names = {"compiled": "seconds_to_compile", "size": "bytes"}
        kept = {names.get(n, n): value for n, value in told.items() if n not in ("engine", "result")}
        return {**kept, **numbers, "notes": list(self.notes)}


def begin(
    model: str, *, shapes: tuple[str, ...] = (), threads: int, timeout: float, samples: Samples | None = None
) -> NetworkUnderTest:
    """Return a network, by name or file, with its shapes, inputs and reference results."""
    network = find(model)
    bounds = ranges(network, shapes)
    options, isolated = Options(threads=threads, ranges=bounds), model not in shipped()
    if isolated:
        job = CompileJob(network.path, backends.get("onnxruntime"), options, samples=samples, timeout=timeout)
        reference = job.reference()
    else:
        reference = compute_reference(network.path, samples, bounds, threads)
    return NetworkUnderTest(network.path, reference, bounds, threads, timeout=timeout, isolated=isolated)


def choose(backend: str, device: str, precision: str) -> Trial:
    """Return one way to compile; ``auto`` is the first that is here. Raises BackendUnavailable."""
    chosen = _backend(backend)
    where = device if device != "auto" else _devices(chosen)[0]
    kind = Precision(precision) if precision != "auto" else chosen.precisions(where)[0]
    return Trial(chosen.name, where, kind)


def _backend(name: str) -> Backend:
    if name != "auto":
        chosen = backends.get(name)
        if reason := _cannot_compile(chosen):
            raise BackendUnavailable(f"{name}: {reason}")
        return chosen
    ranked = sorted(backends.all().values(), key=lambda backend: backend.rank)
    usable = [backend for backend in ranked if not backend.unavailable()]
    if not usable:
        raise EngineError("no backend can be used here; 'visard engines list' says why")
    return usable[0]


def _cannot_compile(backend: Backend) -> str | None:
    """Return why a backend is of no use at all here; some compile where they cannot run."""
    ask: Callable[[], str | None] = getattr(backend, "cannot_compile", backend.unavailable)
    return ask()


def _devices(backend: Backend) -> tuple[str, ...]:
    """Return the devices to compile for: those that are here, or else the first that could be."""
    return backend.devices() or ("cuda:0",)


def log_of(network: NetworkUnderTest, trial: Trial) -> Path | None:
    """Return the log of the last compilation of this network this way, if one was kept."""
    name = f"{network.model.stem}-{trial.backend}-{trial.precision}"
    folder = network.cache.logs
    found = sorted(folder.glob(f"*-{name}.log")) if folder.is_dir() else []
    return found[-1] if found else None


def trials(
    names: Iterable[str] = (), device: str = "auto", precisions: Sequence[str] = ()
) -> Iterator[Trial]:
    """Yield every way to run a network; the precision ``auto`` is what each device here would be given.

    A backend that is of no use here yields one with the reason.
    """
    auto = "auto" in precisions
    kinds = tuple(Precision) if auto or not precisions else tuple(map(Precision, precisions))
    chosen = [backends.get(name) for name in names] or list(backends.all().values())
    for backend in sorted(chosen, key=lambda backend: backend.rank):
        if reason := backend.unavailable() if auto else _cannot_compile(backend):
            yield Trial(backend.name, device, Precision.fp32, reason=reason)
            continue
        found = [each for each in _devices(backend) if device in ("auto", each)]
        for each, precision in itertools.product(found, kinds):
            if not auto or precision in backend.precisions(each):
                yield Trial(backend.name, each, precision)


def run(
    trial: Trial, network: NetworkUnderTest, report: Report = lambda _: None, *, strict: bool = False
) -> Trial:
    """Compile and check one way; whatever goes wrong becomes its reason.

    Raises Cancelled, and with ``strict`` whatever keeps it from being compiled.
    """
    options = Options(trial.device, trial.precision, network.threads, network.ranges)
    try:
        job = CompileJob(
            network.model, backends.get(trial.backend), options, cache=network.cache, report=report,
            timeout=network.timeout, reference=network.reference, isolated=network.isolated,
        )  # fmt: skip
        content = job.make()
    except Cancelled:
        raise
    except EngineError as error:
        if strict:
            raise
        return replace(trial, state="refused", reason=str(error))
    entry = content.entry
    trial = replace(trial, compiled=entry.seconds, size=len(content.plan), notes=entry.notes)
    return _judge(trial, content, options)


def _judge(trial: Trial, content: CachedEngine, options: Options) -> Trial:
    """Open what was compiled and compare it with the reference, where it can run."""
    backend = backends.get(trial.backend)
    if reason := backend.unavailable():
        return replace(trial, state="unchecked", reason=reason)
    try:
        engine = backend.open(content.plan, options)
        limits = accuracy.LIMITS[options.precision]
        result = accuracy.check(engine, content.reference.outputs, content.reference.samples, limits)
    except EngineError as error:
        return replace(trial, state="wrong", reason=str(error))
    state = "ok" if result.ok else "wrong"
    return replace(trial, state=state, reason=result.reason, result=result, engine=engine)


def check(
    model: str | None,
    names: tuple[str, ...],
    device: str,
    precisions: tuple[str, ...],
    working: Working,
    **more: Any,
) -> Iterator[Trial]:
    """Check a network on every way to run it; without one, what ships and what is compiled."""
    if model is not None:
        yield from _check(model, trials(names, device, precisions), working, **more)
        return
    kept = [entry for entry in Cache().entries() if names in ((), (entry.key.backend,))]
    for name in shipped():
        yield from _check(name, trials(names, device, precisions or ("auto",)), working, **more)
    yield from map(_again, kept)


def _check(name: str, wanted: Iterable[Trial], working: Working, **more: Any) -> Iterator[Trial]:
    network = begin(name, **more)
    for trial in wanted:
        with working(f"{name} on {trial.backend} in {trial.precision}") as report:
            done = trial if trial.reason else run(trial, network, report)
        yield replace(done, engine=None, network=name)


def _again(entry: CacheEntry) -> Trial:
    """Check a compiled network once more against the results that are kept with it."""
    key = entry.key
    bounds = tuple(Range(name, *map(tuple, shapes)) for name, *shapes in key.ranges)
    options = Options(key.device, Precision(key.precision), key.threads or 1, bounds)
    trial = Trial(key.backend, key.device, options.precision, entry.name, size=entry.size)
    if reason := stale(entry):
        return replace(trial, state="stale", reason=reason)
    content = Cache().find(key)
    if content is None:
        return replace(trial, state="damaged", reason="it will be compiled anew when it is needed")
    return replace(_judge(trial, content, options), engine=None)


def bench(
    network: NetworkUnderTest, wanted: Iterable[Trial], seconds: float, working: Working
) -> list[Trial]:
    """Measure a network on every way to run it, in turns, for ``seconds`` altogether; the fastest first."""
    done = []
    for trial in wanted:
        with working(f"{trial.backend} in {trial.precision}") as report:
            done.append(trial if trial.reason else run(trial, network, report))
    if network.reference.samples:
        with working("measuring") as report:
            _time(done, network.reference.samples[0], seconds, report)
    return sorted(done, key=lambda trial: (trial.ms is None, trial.ms))


def _time(done: list[Trial], inputs: tuple[Array, ...], seconds: float, report: Report) -> None:
    able = [trial for trial in done if trial.engine is not None]
    engines = [trial.engine for trial in able if trial.engine is not None]
    for trial, took in zip(
        able, measure(engines, inputs, seconds=seconds, rounds=10**6, report=report), strict=True
    ):
        trial.engine = None
        if isinstance(took, Exception):
            trial.state, trial.reason = "lost", str(took)
        else:
            trial.ms = 1000 * took
