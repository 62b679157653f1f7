"""``visard tray``."""

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("tray")
@common
@pass_output
def command(output: Output) -> None:  # noqa: ARG001
    """Show the icon in the panel: state, personas, pause, settings.

    The daemon is started from the menu if it does not run.
    """
    from visard.tray.app import Tray
    from visard.tray.single import only_one

    with only_one():
        Tray().run()
