"""``visard engines build``."""

from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.engines import options
from visard.daemon.cli.engines.tables import number, size
from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.engines.bench.compare import Runner


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
@options.calibrate_option
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
    calibrate: str | None,
    shown: bool | None,
    **more: Any,
) -> None:
    """Compile a network, check the result and keep it for when it is needed.

    Ctrl-C stops it and leaves nothing behind. The exit status is 1 when the result is wrong.
    """
    from visard.daemon.cli.engines.progress import bar
    from visard.daemon.diagnostics.engine_bench import begin, choose, log_of
    from visard.daemon.errors import EngineError
    from visard.daemon.foreground.signals import terminating
    from visard.engines.bench.compare import enter

    if precision == "int8" and calibrate is None:
        raise EngineError("int8 is fitted to examples of what the network is given; say --calibrate SOURCE")
    with terminating():
        course = begin(model, calibrate, **more)
        runner = choose(backend, device, precision)
        with bar(f"{course.model.stem} on {runner.way.backend}", shown) as report:
            runner = enter(runner, course, report, strict=True)
    log = log_of(course, runner.way)
    facts = {**runner.facts(), "model": course.model.name, "log": str(log) if log else None}
    output.result(facts, _text(course.model.name, runner, facts["log"]))
    ctx.exit(int(runner.state == "wrong"))


def _text(name: str, runner: "Runner", log: str | None) -> str:
    way, verdict = runner.way, runner.verdict
    took = f"{number(runner.compiled)} s, {size(runner.size)}"
    lines = [f"{name} is compiled with {way.backend} for {way.device} in {way.precision} ({took})"]
    if runner.state == "unchecked":
        here = "no GPU here" if way.device.startswith("cuda") else f"no {way.device} here"
        lines.append(f"compiled, not checked: {here} ({runner.reason})")
    elif runner.state == "wrong":
        lines.append(f"WRONG, it will not be used: {runner.reason}")
    elif verdict is not None and verdict.psnr is not None:
        lines.append(f"checked: {verdict.psnr:.1f} dB, cosine {number(verdict.cosine, '.6f')}")
    else:
        lines.append(f"checked{f': {runner.reason}' if runner.reason else ''}")
    lines += [f"note: {note}" for note in runner.notes]
    return "\n".join([*lines, *([f"log: {log}"] if log else [])])
