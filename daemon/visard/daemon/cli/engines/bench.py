"""``visard engines bench``."""

from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.engines import options
from visard.daemon.cli.engines.tables import Notes, columns, number, size
from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.diagnostics.engine_bench import Measured


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
    calibrate: str | None,
    precisions: tuple[str, ...],
    backends: tuple[str, ...],
    device: str,
    seconds: float,
    **more: Any,
) -> None:
    """Measure a network on every backend in every precision, side by side in one run.

    The floor beside each is the least time that its operations and bytes can take on this device.
    """
    from visard.daemon.cli.engines.progress import bar
    from visard.daemon.diagnostics import engine_bench
    from visard.daemon.foreground.signals import terminating

    with terminating():
        measured = engine_bench.bench(model, calibrate, backends, device, precisions, seconds, bar, **more)
    output.result(measured.facts(), _text(measured))


def _text(measured: "Measured") -> str:
    work = measured.work
    head = ("backend", "device", "precision", "ms", "on the device", "floor", "x floor", "dB", "")
    told = f"{work.operations / 1e9:.2f} G operations, {size(work.weights * 4)} of weights in fp32"
    uncounted = f" ({len(work.unknown)} layers could not be counted)" if work.unknown else ""
    notes = Notes()
    rows = [_row(each, notes) for each in measured.rows()]
    return f"{measured.network}: {told}{uncounted}\n{columns(head, rows)}{notes.below()}"


def _row(facts: dict[str, Any], notes: Notes) -> tuple[str, ...]:
    return (
        facts["backend"], facts["device"], facts["precision"], number(facts["ms"], ".2f"),
        number(facts["ms_on_device"], ".2f"), number(facts["floor_ms"], ".3f"),
        number(facts["times_floor"]), number(facts["psnr"]),
        "" if facts["state"] == "ok" else f"{facts['state']}: {notes.refer(facts['reason'])}",
    )  # fmt: skip
