"""``visard daemon``: the service itself."""

from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.service.service import Service

ENDING = 10.0
"""Seconds in which a daemon that was asked to end must have ended."""


@click.command("daemon")
@click.option("--stop", is_flag=True, help="End the one that runs.")
@common
@pass_output
def command(output: Output, stop: bool) -> None:
    """Own the camera and wait for commands; Ctrl-C ends it.

    The tray, 'visard status' and the other commands talk to it.
    """
    if stop:
        _stop()
        return
    from visard.daemon import logs
    from visard.daemon.server.server import run

    logs.start(verbose=output.verbose)
    run(_service)


def _stop() -> None:
    """Ask the daemon to end, and wait until another one could start."""
    from filelock import FileLock, Timeout

    from visard.daemon.api import address
    from visard.daemon.api.client import Client
    from visard.daemon.errors import DaemonError

    with Client() as daemon:
        daemon.shutdown()
    try:
        with FileLock(address.lock(address.home()), timeout=ENDING, mode=0o600):
            pass
    except Timeout:
        raise DaemonError(f"the daemon has not ended within {ENDING:g} s; its log may say why") from None


def _service() -> "Service":
    from visard.daemon.config import paths
    from visard.daemon.config.file import ConfigFile
    from visard.daemon.personas.library import Library

    config = ConfigFile(paths.config() / "config.toml")  # before all that is slow: it may be wrong
    from visard.daemon.service.service import Service

    return Service(config, Library())
