"""``visard engines check``."""

from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.engines import options
from visard.daemon.cli.engines.tables import Notes, columns, number
from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.diagnostics.engine_bench import Trial


@click.command("check")
@click.argument("model", metavar="[MODEL|FILE]", required=False)
@options.side_by_side
@common
@pass_output
@click.pass_context
def check(
    ctx: click.Context,
    output: Output,
    /,
    model: str | None,
    precisions: tuple[str, ...],
    backends: tuple[str, ...],
    device: str,
    **more: Any,
) -> None:
    """Compare engines with the exact results: a network on every backend in every precision.

    Without a network: all that ship with Visard as it would run them, and everything that is compiled and
    kept. The exit status is 1 when any result is wrong, or a network runs nowhere.
    """
    from visard.daemon.cli.engines.tables import bar
    from visard.daemon.diagnostics import engine_bench
    from visard.daemon.foreground.signals import terminating

    with terminating():
        checked = list(engine_bench.check(model, backends, device, precisions, bar, **more))
    output.result([each.facts() for each in checked], _text(checked))
    ctx.exit(int(any(each.bad for each in checked) or bool(_nowhere(checked))))


def _text(checked: "list[Trial]") -> str:
    notes = Notes()
    rows = [_row(each, notes) for each in checked]
    head = ("network", "backend", "device", "precision", "result", "dB", "cosine", "")
    bad, nowhere = sum(each.bad for each in checked), _nowhere(checked)
    verdicts = [f"{bad} WRONG"] * bool(bad) + [f"{name} RUNS NOWHERE" for name in nowhere]
    return f"{columns(head, rows)}{notes.below()}\n{', '.join(verdicts) or 'nothing is wrong'}"


def _nowhere(checked: "list[Trial]") -> list[str]:
    """Return the networks that no engine runs, though one was tried."""
    states: dict[str, set[str]] = {}
    for each in checked:
        states.setdefault(each.network, set()).add(each.state)
    return [name for name, found in states.items() if "refused" in found and "ok" not in found]


def _row(trial: "Trial", notes: Notes) -> tuple[str, ...]:
    result = trial.result
    psnr, cosine = (result.psnr, result.cosine) if result else (None, None)
    state = trial.state.upper() if trial.bad else trial.state
    return (
        trial.network, trial.backend, trial.device, trial.precision, state,
        number(psnr), number(cosine, ".6f"), notes.refer(trial.reason),
    )  # fmt: skip
