"""``visard status``."""

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("status")
@common
@pass_output
def command(output: Output) -> None:
    """Tell how the running daemon is."""
    from visard.daemon.cli.told import overview
    from visard.daemon.client import Client

    with Client() as daemon:
        status = daemon.status()
    output.result(status.model_dump(mode="json"), overview(status))
