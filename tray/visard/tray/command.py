"""``visard tray``."""

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("tray")
@click.option("--or-preview", is_flag=True, help="Open the preview page if the icon is there already.")
@common
@pass_output
def command(output: Output, or_preview: bool) -> None:  # noqa: ARG001
    """Show the icon in the panel: state, personas, pause, settings.

    The daemon is started from the menu if it does not run.
    """
    from visard.tray.single_instance import TrayRunning, only_one
    from visard.tray.tray import Tray

    try:
        with only_one():
            Tray().run()
    except TrayRunning:
        if not or_preview:
            raise
        _preview()


def _preview() -> None:
    from visard.daemon.api.client import Client
    from visard.daemon.errors import DaemonError
    from visard.tray.browser import browse

    with Client() as daemon:
        if not browse(daemon.preview()):
            raise DaemonError("there is no browser that could show the preview")
