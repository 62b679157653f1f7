"""``visard tray``: one icon for each user."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.errors import VisardError


class TrayRunning(VisardError):
    """Another tray of this user is at work."""

    code = "tray-running"


@click.command("tray")
@click.option("--or-preview", is_flag=True, help="Open the preview page if the icon is there already.")
@common
@pass_output
def command(output: Output, or_preview: bool) -> None:  # noqa: ARG001
    """Show the icon in the panel: state, personas, pause, settings.

    The daemon is started from the menu if it does not run.
    """
    from visard.tray.tray import Tray

    try:
        with single_instance():
            Tray().run()
    except TrayRunning:
        if not or_preview:
            raise
        _preview()


def _preview() -> None:
    from visard.daemon.api.client import Client
    from visard.daemon.errors import DaemonError
    from visard.tray.launch import open_browser

    with Client() as daemon:
        if not open_browser(daemon.preview()):
            raise DaemonError("there is no browser that could show the preview")


@contextmanager
def single_instance() -> Iterator[None]:
    """Keep other trays of this user away while the block runs; raises TrayRunning."""
    from filelock import FileLock, Timeout

    from visard.daemon.api import address

    lock = FileLock(address.home() / "tray.lock", mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise TrayRunning("the tray is running already; look for its icon in the panel") from error
    try:
        yield
    finally:
        lock.release()
