"""Making an engine's plan and reference from a network: the work itself, in whichever process."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from visard.engines.accuracy import ReferenceResults
from visard.engines.cache import files
from visard.engines.compile.reference import compute_reference
from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Backend, Options, Precision, Progress, Report, Samples

SLACK = 64 * 2**20


@dataclass(frozen=True, slots=True)
class CompileTask:
    """A network to be compiled."""

    model: Path
    options: Options
    samples: Samples | None = None
    """Somebody's own inputs, for the self-check and to find what ``mixed`` leaves in fp32."""
    reference: ReferenceResults | None = None
    """When it is known already."""


@dataclass(frozen=True, slots=True)
class CompileResult:
    """What was compiled."""

    plan: bytes
    reference: ReferenceResults
    notes: tuple[str, ...] = ()


def compile_network(
    task: CompileTask, backend: Backend, scratch: Path, report: Report, threads: int | None = None
) -> CompileResult:
    """Run the reference, write the precision into the graph where the backend wants that, and compile.

    ``scratch`` is where converted networks go, ``threads`` are for the reference. Raises ModelRefused, or
    whatever the backend raises.
    """
    report(Progress("reference", 0.0))
    reference = task.reference or compute_reference(
        task.model, task.samples, task.options.ranges, threads or task.options.threads
    )
    graph, notes = _converted(task, backend, reference, scratch, _part(report, 0.05, 0.2))
    plan = backend.compile(graph, task.options, _part(report, 0.2, 1.0))
    return CompileResult(plan, reference, notes)


def _converted(
    task: CompileTask, backend: Backend, reference: ReferenceResults, scratch: Path, report: Report
) -> tuple[Path, tuple[str, ...]]:
    precision = task.options.precision
    if precision is Precision.fp32 or precision not in backend.written:
        return task.model, ()
    if task.model.suffix == ".xml":
        raise ModelRefused(
            f"{task.model.name} is in OpenVINO's own format; only ONNX can be made {precision}"
        )
    from visard.engines.precision import convert_precision

    known = task.samples or reference.samples or None
    graph = scratch / f"{task.model.stem}-{precision}.onnx"
    converted = convert_precision(task.model, precision, graph, samples=known, report=report)
    return converted.path, converted.notes


def _part(report: Report, low: float, high: float) -> Report:
    """Return a listener for one part of the whole."""

    def inner(progress: Progress) -> None:
        done = min(max(progress.done, 0.0), 1.0)
        report(Progress(progress.step, low + (high - low) * done, progress.left))

    return inner


@contextlib.contextmanager
def scratch(folder: Path, model: Path) -> Iterator[Path]:
    """Give a folder with room for copies of the network, and remove it."""
    beside = sum(path.stat().st_size for path in _parts(model))
    place = files.scratch(folder, 3 * beside + SLACK)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _parts(model: Path) -> list[Path]:
    return [path for path in model.parent.glob(f"{model.stem}*") if path.is_file()]
