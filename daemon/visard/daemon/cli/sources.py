"""``visard sources``."""

import click

from visard.daemon.cli.listings import list_kinds
from visard.daemon.cli.output import Output, common, pass_output


@click.command("sources")
@common
@pass_output
def command(output: Output) -> None:
    """List what --source may be."""
    from visard.daemon.sources import sources

    list_kinds(output, sources)
