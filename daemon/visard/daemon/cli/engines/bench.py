"""``visard engines bench``."""

from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.engines import options
from visard.daemon.cli.engines.tables import Notes, columns, number
from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.diagnostics.engine_bench import Trial


@click.command("bench")
@options.model_argument
@options.side_by_side
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="How long to measure, all together.",
)
@common
@pass_output
def bench(
    output: Output,
    /,
    model: str,
    precisions: tuple[str, ...],
    backends: tuple[str, ...],
    device: str,
    seconds: float,
    **more: Any,
) -> None:
    """Measure a network on every backend in every precision, called in turns in one run."""
    from visard.daemon.cli.engines.tables import bar
    from visard.daemon.diagnostics import engine_bench
    from visard.daemon.foreground.signals import terminating

    with terminating():
        network = engine_bench.begin(model, **more)
        wanted = engine_bench.trials(backends, device, precisions)
        trials = engine_bench.bench(network, wanted, seconds, bar)
    name = network.model.name
    output.result({"network": name, "results": [each.facts() for each in trials]}, _text(name, trials))


def _text(name: str, trials: "list[Trial]") -> str:
    notes = Notes()
    rows = [_row(trial, notes) for trial in trials]
    return f"{name}:\n{columns(('backend', 'device', 'precision', 'ms', 'dB', ''), rows)}{notes.below()}"


def _row(trial: "Trial", notes: Notes) -> tuple[str, ...]:
    psnr = trial.result.psnr if trial.result else None
    state = "" if trial.state == "ok" else f"{trial.state}: {notes.refer(trial.reason)}"
    return trial.backend, trial.device, trial.precision, number(trial.ms, ".2f"), number(psnr), state
