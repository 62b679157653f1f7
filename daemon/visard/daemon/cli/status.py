"""``visard status``."""

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("status")
@common
@pass_output
def command(output: Output) -> None:
    """Tell how the running daemon is."""
    from visard.daemon.api.client import Client
    from visard.daemon.cli.status_text import overview

    with Client() as daemon:
        status = daemon.status()
    output.result(status.model_dump(mode="json"), overview(status))
