"""``visard engines check``."""

from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.engines import options
from visard.daemon.cli.engines.tables import Notes, columns, finite, number
from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.diagnostics.engine_bench import Checked
    from visard.engines.precision import LayerError

SHOWN = 25
"""Layers, of those that differ most."""


@click.command("check")
@click.argument("model", metavar="[MODEL|FILE]", required=False)
@options.side_by_side
@click.option("--layers", is_flag=True, help="Compare layer by layer with fp32, to find where it goes wrong.")
@common
@pass_output
@click.pass_context
def check(
    ctx: click.Context,
    output: Output,
    /,
    model: str | None,
    layers: bool,
    calibrate: str | None,
    precisions: tuple[str, ...],
    backends: tuple[str, ...],
    device: str,
    **more: Any,
) -> None:
    """Compare engines with the exact results: a network on every backend in every precision.

    Without a network: all that ship with Visard as it would run them, and everything that is compiled and
    kept. The exit status is 1 when any result is wrong, or a network
    runs nowhere.
    """
    from visard.daemon.cli.engines.progress import bar
    from visard.daemon.diagnostics import engine_bench
    from visard.daemon.foreground.signals import terminating

    if layers:
        if model is None:
            raise click.UsageError("--layers needs a network.")
        with terminating():
            _layers(output, engine_bench.layers(model, calibrate, precisions or ("fp16",), **more))
        return
    with terminating():
        checked = list(engine_bench.check(model, calibrate, backends, device, precisions, bar, **more))
    output.result([each.facts() for each in checked], _text(checked))
    ctx.exit(int(any(each.bad for each in checked) or bool(_nowhere(checked))))


def _text(checked: "list[Checked]") -> str:
    notes = Notes()
    rows = [_row(each, notes) for each in checked]
    head = ("network", "backend", "device", "precision", "result", "dB", "cosine", "")
    bad, nowhere = sum(each.bad for each in checked), _nowhere(checked)
    verdicts = [f"{bad} WRONG"] * bool(bad) + [f"{name} RUNS NOWHERE" for name in nowhere]
    return f"{columns(head, rows)}{notes.below()}\n{', '.join(verdicts) or 'nothing is wrong'}"


def _nowhere(checked: "list[Checked]") -> list[str]:
    """Return the networks that no engine runs, though one was tried."""
    states: dict[str, set[str]] = {}
    for each in checked:
        states.setdefault(each.network, set()).add(each.runner.state)
    return [name for name, found in states.items() if "refused" in found and "ok" not in found]


def _row(each: "Checked", notes: Notes) -> tuple[str, ...]:
    runner = each.runner
    way, verdict = runner.way, runner.verdict
    numbers = (verdict.psnr, verdict.cosine) if verdict else (None, None)
    state = runner.state.upper() if each.bad else runner.state
    return (
        each.network, way.backend, way.device, way.precision, state,
        number(numbers[0]), number(numbers[1], ".6f"), notes.refer(runner.reason),
    )  # fmt: skip


def _layers(output: Output, found: "dict[str, list[LayerError]]") -> None:
    parts = []
    for precision, errors in found.items():
        worst = sorted(errors, key=lambda error: (not error.broken, error.psnr))[:SHOWN]
        rows = [_layer(error) for error in errors if error in worst]
        parts.append(f"{precision}: {len(errors)} layers, the {len(rows)} that differ most, in their order")
        parts.append(columns(("layer", "kind", "dB", "cosine", "largest difference", ""), rows))
    output.result(
        {precision: [finite(error.facts()) for error in errors] for precision, errors in found.items()},
        "\n".join(parts),
    )


def _layer(error: "LayerError") -> tuple[str, ...]:
    worst, broken = f"{error.largest:.3g}", "NO NUMBERS" if error.broken else ""
    return error.layer, error.kind, number(error.psnr), number(error.cosine, ".6f"), worst, broken
