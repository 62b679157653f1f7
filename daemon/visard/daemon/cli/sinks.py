"""``visard sinks``."""

import click

from visard.daemon.cli.listings import list_kinds
from visard.daemon.cli.output import Output, common, pass_output


@click.command("sinks")
@common
@pass_output
def command(output: Output) -> None:
    """List what --sink may be."""
    from visard.daemon.sinks import sinks

    list_kinds(output, sinks)
