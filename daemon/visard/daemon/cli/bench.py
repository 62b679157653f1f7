"""``visard bench``: how fast it is here."""

from typing import TYPE_CHECKING

import click

from visard.daemon.cli.options import (
    ProcessorCommand,
    mode_option,
    persona_option,
    processor_options,
    settings_options,
)
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.config.settings import Settings

if TYPE_CHECKING:
    from visard.daemon.config.settings import Mode


@click.command("bench", cls=ProcessorCommand)
@click.option(
    "-s", "--source", default="demo", show_default=True, help="What to measure on, as for 'visard run'."
)
@persona_option
@mode_option
@processor_options
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=20,
    show_default=True,
    help="How long, half of it as fast as possible and half at the source's rate.",
)
@settings_options
@common
@pass_output
def command(
    output: Output,
    source: str,
    persona: str | None,
    mode: "Mode | None",
    processor: str | None,
    options: dict[str, str | None],
    seconds: float,
    settings: Settings,
) -> None:
    """Measure speed, delay and memory on this machine."""
    from rich.console import Console

    from visard.daemon.foreground.bench import measure, render
    from visard.daemon.personas.library import Library
    from visard.daemon.personas.prepare import configured, mode_for

    mode = mode or mode_for(configured(Library().resolve(persona), processor, options))
    report = measure(
        source, persona, seconds, mode=mode, settings=settings, processor=processor, options=options
    )
    if output.json:
        output.result(report.json(), "")
    else:
        Console().print(render(report))
