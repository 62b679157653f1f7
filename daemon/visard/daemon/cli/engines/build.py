"""``visard engines build``."""

from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.engines import options
from visard.daemon.cli.engines.tables import number, size
from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.diagnostics.engine_bench import Trial


@click.command("build")
@options.model_argument
@click.option("--backend", default="auto", show_default=True, help="The library that compiles it.")
@options.device_option
@click.option(
    "--precision",
    type=click.Choice(("auto", *options.PRECISIONS)),
    default="auto",
    show_default=True,
    help="The numbers it computes with; auto: the first that the backend likes on this device.",
)
@options.threads_option
@options.shape_option
@options.timeout_option
@click.option("--progress/--no-progress", "shown", default=None, help="Show a bar.  [default: on a terminal]")
@common
@pass_output
@click.pass_context
def build(
    ctx: click.Context,
    output: Output,
    /,
    model: str,
    backend: str,
    device: str,
    precision: str,
    shown: bool | None,
    **more: Any,
) -> None:
    """Compile a network, check the result and keep it for when it is needed.

    Ctrl-C stops it and leaves nothing behind. The exit status is 1 when the result is wrong.
    """
    from visard.daemon.cli.engines.tables import bar
    from visard.daemon.diagnostics.engine_bench import begin, choose, log_of, run
    from visard.daemon.foreground.signals import terminating

    with terminating():
        network = begin(model, **more)
        trial = choose(backend, device, precision)
        with bar(f"{network.model.stem} on {trial.backend}", shown) as report:
            trial = run(trial, network, report, strict=True)
    log = log_of(network, trial)
    facts = {**trial.facts(), "model": network.model.name, "log": str(log) if log else None}
    output.result(facts, _text(network.model.name, trial, facts["log"]))
    ctx.exit(int(trial.state == "wrong"))


def _text(name: str, trial: "Trial", log: str | None) -> str:
    result = trial.result
    took = f"{number(trial.compiled)} s, {size(trial.size)}"
    lines = [f"{name} is compiled with {trial.backend} for {trial.device} in {trial.precision} ({took})"]
    if trial.state == "unchecked":
        here = "no GPU here" if trial.device.startswith("cuda") else f"no {trial.device} here"
        lines.append(f"compiled, not checked: {here} ({trial.reason})")
    elif trial.state == "wrong":
        lines.append(f"WRONG, it will not be used: {trial.reason}")
    elif result is not None and result.psnr is not None:
        lines.append(f"checked: {result.psnr:.1f} dB, cosine {number(result.cosine, '.6f')}")
    else:
        lines.append(f"checked{f': {trial.reason}' if trial.reason else ''}")
    lines += [f"note: {note}" for note in trial.notes]
    return "\n".join([*lines, *([f"log: {log}"] if log else [])])
