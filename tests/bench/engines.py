"""Measures engines side by side: backends x precisions x networks, with the theoretical floor beside each.

    python tests/bench/engines.py OUT             all networks at their real size; minutes to an hour on a CPU
    python tests/bench/engines.py OUT --quick     a quarter of the channels: a sixteenth of the work

Networks have random weights and the shapes of those that people bring, plus the landmark network that ships.
All engines of a network are compiled first (in child processes, kept in OUT/cache), then called in turns in
one run, so that whatever disturbs the machine disturbs all alike. Writes OUT/engines.json, OUT/engines.md and
OUT/engines.png. "ms" is the least of a call with host arrays. The floor is the larger of operations / peak
and bytes / bandwidth; a processor's peak is measured by a large matrix product, a GPU's is its data sheet's.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _hardware import Machine, gpu, processor
from _roofline import Work, floor, work
from networks import NETWORKS, samples
from rich.console import Console
from rich.table import Table

from visard.daemon.diagnostics.engine_bench import NetworkUnderTest, Trial, bench, trials
from visard.engines.cache.cache import Cache
from visard.engines.compile.reference import compute_reference
from visard.engines.errors import EngineError
from visard.engines.interfaces import Precision, Progress, Report, backends
from visard.models.bundled import shipped

QUICK = 0.25
LANDMARKS = "mp_face_landmarks_v2_478"
COLUMNS = ("network", "backend", "device", "precision", "build s", "ms", "floor", "x floor")
COLUMNS += ("x fastest", "dB", "")
console = Console(stderr=True)


@dataclass(frozen=True)
class Plan:
    """What the command line asks for."""

    out: Path
    width: float
    seconds: float
    threads: int
    names: tuple[str, ...]
    backends: tuple[str, ...]
    precisions: tuple[Precision, ...]


def plan(arguments: Iterable[str] | None = None) -> Plan:
    parser = argparse.ArgumentParser(description="Measure engines side by side.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true", help=f"the same as --width {QUICK} --seconds 2")
    parser.add_argument("--width", type=float, default=1.0, help="times the real number of channels")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each network, all engines together")
    parser.add_argument("--threads", type=int, default=2, help="on processors")
    parser.add_argument("--network", action="append", choices=[LANDMARKS, *NETWORKS], dest="names")
    parser.add_argument("--backend", action="append", choices=sorted(backends.all()), dest="backends")
    parser.add_argument("--precision", action="append", choices=list(Precision), dest="precisions")
    asked = parser.parse_args(arguments)
    width, seconds = (QUICK, 2.0) if asked.quick else (asked.width, asked.seconds)
    names = tuple(asked.names or [LANDMARKS, *NETWORKS])
    kinds = tuple(map(Precision, asked.precisions or ()))
    return Plan(asked.out, width, seconds, asked.threads, names, tuple(asked.backends or ()), kinds)


@dataclass(frozen=True)
class Measured:
    """A network measured on several engines, with the floor beside each."""

    network: str
    work: Work
    trials: tuple[Trial, ...]
    machines: dict[str, Machine | None]
    """By device."""

    def rows(self) -> list[dict[str, Any]]:
        return [self._row(trial) for trial in self.trials]

    def _row(self, trial: Trial) -> dict[str, Any]:
        known = self.machines.get(trial.device)
        least = floor(self.work, known, trial.precision).total if known else None
        times = trial.ms / (1000 * least) if trial.ms and least else None
        return {**trial.facts(), "floor_ms": least and 1000 * least, "times_floor": times}

    def facts(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "operations": self.work.operations,
            "operations_by_layer": self.work.kinds(),
            "weights": self.work.weights,
            "numbers_moved": self.work.moved,
            "machines": {name: known and asdict(known) for name, known in self.machines.items()},
            "results": self.rows(),
        }


def machine(device: str, threads: int) -> Machine | None:
    """Return what a device can do at best: measured for processors, known of GPUs, else None."""
    if device == "cpu":
        return processor(threads)
    here = (b for b in backends.all().values() if not b.unavailable() and device in b.devices())
    return gpu(" ".join(backend.fingerprint(device) for backend in here))


def measure(name: str, plan: Plan, folder: Path, machines: dict[str, Machine | None]) -> Measured:
    """Compile, check and time one network on everything that is here."""
    if name == LANDMARKS:
        path = shipped()[name]
        given = [(np.random.default_rng(seed).random((1, 256, 256, 3), np.float32),) for seed in range(3)]
    else:
        path = NETWORKS[name](folder / f"{name}.onnx", plan.width)
        given = samples(path, 3)
    reference = compute_reference(path, given, (), plan.threads)
    cache = Cache(plan.out / "cache")
    network = NetworkUnderTest(path, reference, threads=plan.threads, cache=cache, timeout=900)

    @contextmanager
    def working(what: str) -> Iterator[Report]:
        console.print(f"{name}: {what}")
        yield _quiet

    found = bench(network, trials(plan.backends, precisions=plan.precisions), plan.seconds, working)
    for device in {trial.device for trial in found} - set(machines):
        machines[device] = machine(device, plan.threads)
    return Measured(name, work(path), tuple(found), dict(machines))


def _quiet(_: Progress) -> None:
    pass


def environment(plan: Plan) -> dict[str, str]:
    """Return what the numbers depend on."""
    import psutil

    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "python": platform.python_version(),
        "processor": f"{_processor()}, {plan.threads} threads",
        "load": f"{psutil.getloadavg()[0]:.1f} when it began",
        "width": f"{plan.width:g}",
    }
    for name, backend in sorted(backends.all().items()):
        reason = backend.unavailable()
        facts[name] = " ".join((reason or f"{backend.version()}: {', '.join(backend.devices())}").split())
        for device in () if reason else backend.devices():
            if device.startswith("cuda"):
                facts[device] = backend.fingerprint(device) or facts.get(device, "")
    return facts


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next(
        (line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor()
    )


def rows(measured: Measured) -> Iterator[tuple[str, ...]]:
    """Yield lines of a table; "x fastest" is how many times as long as the fastest beside it."""
    found = measured.rows()
    times = [row["ms"] for row in found if row["state"] == "ok" and row["ms"]]
    for row in found:
        took = row["ms"]
        if took is None:
            continue
        ratio = took / min(times) if took and times else None
        remark = "" if row["state"] == "ok" else _reason(row)
        numbers = [row[name] for name in ("seconds_to_compile", "ms", "floor_ms", "times_floor")]
        way = row["backend"], row["device"], row["precision"]
        yield measured.network, *way, *map(_text, (*numbers, ratio, row["psnr"])), remark


def others(everything: list[Measured]) -> Iterator[str]:
    """Yield what has no time and why, each reason once."""
    found: dict[str, dict[str, None]] = {}
    for measured in everything:
        for row in measured.rows():
            if row["ms"] is None:
                reason = _reason(row).replace(f"{measured.network}.onnx", "it")
                found.setdefault(reason, {})[f"{row['backend']} {row['precision']}"] = None
    for reason, ways_ in found.items():
        yield f"{', '.join(ways_)}: {reason}"


def _reason(row: dict[str, Any]) -> str:
    return f"{row['state']}: {' '.join(row['reason'].split())}"[:200]


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def markdown(facts: dict[str, str], everything: list[Measured], command: str) -> str:
    lines = [
        f"# Engines side by side\n\n`{command}`\n",
        *(f"- {name}: {text}" for name, text in facts.items()),
    ]
    lines += ["", "| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for measured in everything:
        lines += ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows(measured)]
    lines += ["", "Not measured:\n", *(f"- {text}" for text in others(everything))]
    lines += ["", "| network | G operations | MB of weights (fp32) | mostly |", "|---|---|---|---|"]
    for measured in everything:
        kinds = ", ".join(f"{kind} {share:.0%}" for kind, share in _shares(measured)[:3])
        total = f"{measured.work.operations / 1e9:.3g} | {measured.work.weights * 4e-6:.3g}"
        lines.append(f"| {measured.network} | {total} | {kinds} |")
    return "\n".join(lines) + "\n"


def _shares(measured: Measured) -> list[tuple[str, float]]:
    return [(kind, count / measured.work.operations) for kind, count in measured.work.kinds().items()]


def table(everything: list[Measured]) -> Table:
    shown = Table(*COLUMNS)
    for measured in everything:
        for row in rows(measured):
            shown.add_row(*row)
        shown.add_section()
    return shown


def main() -> None:
    wanted = plan()
    wanted.out.mkdir(parents=True, exist_ok=True)
    facts, everything = environment(wanted), []
    machines = {"cpu": machine("cpu", wanted.threads)}
    command = " ".join(["python", "tests/bench/engines.py", *sys.argv[1:]])
    for name in wanted.names:
        try:
            with tempfile.TemporaryDirectory() as folder:
                everything.append(measure(name, wanted, Path(folder), machines))
        except EngineError as error:
            console.print(f"{name}: {error}")
        data = {"command": command, "environment": facts, "networks": [each.facts() for each in everything]}
        (wanted.out / "engines.json").write_text(json.dumps(data, indent=1, allow_nan=False))
        (wanted.out / "engines.md").write_text(markdown(facts, everything, command))
    Console(width=180).print(table(everything))
    print(*others(everything), sep="\n")
    from _engines_plot import draw

    draw([each.facts() for each in everything], wanted.out / "engines.png")


if __name__ == "__main__":
    main()
