"""What the command line does with engines: from what people type to networks that run side by side."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from visard.daemon.diagnostics.engine_report import stale
from visard.daemon.diagnostics.network_files import find, ranges
from visard.daemon.errors import BackendUnavailable, EngineError
from visard.engines.bench.compare import (
    Course,
    Runner,
    Way,
    cannot_compile,
    course,
    devices,
    enter,
    judge,
    race,
    ways,
)
from visard.engines.bench.hardware import Machine, gpu, processor
from visard.engines.bench.roofline import Work, floor, work
from visard.engines.cache.cache import Cache, Entry
from visard.engines.interfaces import Options, Precision, Range, Report, backends
from visard.models.bundled import shipped

if TYPE_CHECKING:
    from visard.engines.interfaces import Backend
    from visard.engines.precision import LayerError


def begin(
    model: str, calibrate: str | None = None, *, shapes: tuple[str, ...] = (), threads: int, timeout: float
) -> Course:
    """Return a network, by name or file, with its shapes, inputs and reference results."""
    network = find(model)
    bounds = ranges(network, shapes)
    samples = None
    if calibrate is not None:
        from visard.daemon.diagnostics.calibration_inputs import samples as gather

        samples = gather(network, calibrate, bounds)
    return course(network.path, ranges=bounds, threads=threads, timeout=timeout, samples=samples)


def choose(backend: str, device: str, precision: str) -> Runner:
    """Return one way to compile; ``auto`` is the best that is here. Raises BackendUnavailable."""
    chosen = _backend(backend)
    where = device if device != "auto" else devices(chosen)[0]
    kind = Precision(precision) if precision != "auto" else chosen.precisions(where)[0]
    return Runner(Way(chosen.name, where, kind))


def _backend(name: str) -> "Backend":
    if name != "auto":
        chosen = backends.get(name)
        if reason := cannot_compile(chosen):
            raise BackendUnavailable(f"{name}: {reason}")
        return chosen
    ranked = sorted(backends.all().values(), key=lambda backend: backend.rank)
    usable = [backend for backend in ranked if not backend.unavailable()]
    if not usable:
        raise EngineError("no backend can be used here; 'visard engines list' says why")
    return usable[0]


def log_of(course: Course, way: Way) -> Path | None:
    """Return the log of the last compilation of this network this way, if one was kept."""
    name = f"{course.model.stem}-{way.backend}-{way.precision}"
    folder = course.cache.logs
    found = sorted(folder.glob(f"*-{name}.log")) if folder.is_dir() else []
    return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Checked:
    """A network and how one way to run it did."""

    network: str
    runner: Runner

    @property
    def bad(self) -> bool:
        """Whether something is wrong; what is merely not possible here is not."""
        return self.runner.state in ("wrong", "lost", "damaged")

    def facts(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {"network": self.network, **self.runner.facts()}


Working = Callable[[str], AbstractContextManager[Report]]
"""Shows a person what is being done."""


def check(
    model: str | None,
    calibrate: str | None,
    names: tuple[str, ...],
    device: str,
    precisions: tuple[str, ...],
    working: Working,
    **more: Any,
) -> Iterator[Checked]:
    """Check a network on every way to run it; without one, what ships and what is compiled."""
    if model is not None:
        yield from _check(begin(model, calibrate, **more), model, names, device, precisions, working)
        return
    kept = [entry for entry in Cache().entries() if names in ((), (entry.stamp.backend,))]
    for name in shipped():
        course = begin(name, calibrate, **more)
        yield from _check(course, name, names, device, precisions or ("auto",), working)
    yield from (Checked(entry.name, _again(entry)) for entry in kept)


def _check(
    course: Course,
    name: str,
    names: tuple[str, ...],
    device: str,
    precisions: tuple[str, ...],
    working: Working,
) -> Iterator[Checked]:
    for runner in _ways(names, device, precisions):
        with working(f"{name} on {runner.way.backend} in {runner.way.precision}") as report:
            done = runner if runner.reason else enter(runner, course, report)
        done.engine = None
        yield Checked(name, done)


def _ways(names: tuple[str, ...], device: str, precisions: tuple[str, ...]) -> Iterator[Runner]:
    """Yield the ways to run a network; the precision ``auto`` is what each device here would be given."""
    if "auto" not in precisions:
        yield from ways(names, device, map(Precision, precisions))
        return
    for runner in ways(names, device):
        way, backend = runner.way, backends.get(runner.way.backend)
        reason = backend.unavailable()
        if reason and way.precision is Precision.fp32:  # said once
            yield replace(runner, reason=reason)
        elif not reason and way.precision in backend.precisions(way.device):
            yield runner


def _again(entry: Entry) -> Runner:
    """Check a compiled network once more against the results that are kept with it."""
    stamp = entry.stamp
    bounds = tuple(Range(name, *map(tuple, shapes)) for name, *shapes in stamp.ranges)
    options = Options(stamp.device, Precision(stamp.precision), stamp.threads or 1, bounds)
    runner = Runner(Way(stamp.backend, stamp.device, options.precision), size=entry.size)
    if reason := stale(entry):
        return replace(runner, state="stale", reason=reason)
    content = Cache().find(stamp)
    if content is None:
        return replace(runner, state="damaged", reason="it will be compiled anew when it is needed")
    return judge(runner, content, options)


def layers(
    model: str, calibrate: str | None, precisions: tuple[str, ...], **more: Any
) -> "dict[str, list[LayerError]]":
    """Compare a network layer by layer in these precisions with itself in fp32; see ``precision.compare``."""
    from visard.engines.precision import compare, prepare

    course, found = begin(model, calibrate, **more), {}
    for name in precisions:
        with TemporaryDirectory(prefix="visard-") as folder:
            target = Path(folder) / f"{name}.onnx"
            known = course.samples or course.reference.samples
            prepared = prepare(course.model, Precision(name), target, samples=known, report=lambda _: None)
            found[name] = compare(course.model, prepared.path, known)
    return found


@dataclass(frozen=True, slots=True)
class Measured:
    """A network measured on several engines."""

    network: str
    work: Work
    runners: tuple[Runner, ...]
    machines: Mapping[str, Machine | None]
    """By device."""

    def rows(self) -> list[dict[str, Any]]:
        """Return the results with the floor beside each, the fastest first."""
        rows = [self._row(runner) for runner in self.runners]
        return sorted(rows, key=lambda row: (row["ms"] is None, row["ms_on_device"] or row["ms"]))

    def _row(self, runner: Runner) -> dict[str, Any]:
        facts, machine = runner.facts(), self.machines.get(runner.way.device)
        least = floor(self.work, machine, runner.way.precision).total if machine else None
        took = facts["ms_on_device"] or facts["ms"]
        times = took / (1000 * least) if took and least else None
        return {**facts, "floor_ms": least and 1000 * least, "times_floor": times}

    def facts(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        return {
            "network": self.network,
            "operations": self.work.operations,
            "operations_by_layer": self.work.kinds(),
            "weights": self.work.weights,
            "numbers_moved": self.work.moved,
            "not_counted": list(self.work.unknown),
            "machines": {name: machine and asdict(machine) for name, machine in self.machines.items()},
            "results": self.rows(),
        }


def bench(
    model: str,
    calibrate: str | None,
    names: tuple[str, ...],
    device: str,
    precisions: tuple[str, ...],
    seconds: float,
    working: Working,
    **more: Any,
) -> Measured:
    """Measure a network on every way to run it, in turns, for ``seconds`` altogether."""
    course, runners = begin(model, calibrate, **more), []
    for runner in _ways(names, device, precisions):
        with working(f"{runner.way.backend} in {runner.way.precision}") as report:
            runners.append(runner if runner.reason else enter(runner, course, report))
    if course.reference.samples:
        with working("measuring") as report:
            race(runners, course.reference.samples[0], seconds, report)
    shapes = {bounds.name: bounds.usual for bounds in course.ranges}
    there = dict.fromkeys(runner.way.device for runner in runners)
    machines = {name: machine(name, course.threads) for name in there}
    return Measured(course.model.name, work(course.model, shapes), tuple(runners), machines)


def machine(device: str, threads: int) -> Machine | None:
    """Return what a device can do at best: measured for processors, known of GPUs, else None."""
    if device == "cpu":
        return processor(threads)
    here = (b for b in backends.all().values() if not b.unavailable() and device in b.devices())
    return gpu(" ".join(backend.fingerprint(device) for backend in here))
