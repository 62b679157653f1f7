"""``visard engines``: networks compiled for this machine."""

import click

from visard.daemon.cli.engines.bench import bench
from visard.daemon.cli.engines.build import build
from visard.daemon.cli.engines.check import check
from visard.daemon.cli.engines.list import clear, list_
from visard.daemon.cli.output import common


@click.group("engines", no_args_is_help=True)
@common
def command() -> None:
    """Compile networks for this machine, check and measure them.

    Visard does this by itself when it first needs a network, and keeps what it compiled. MODEL is a network
    that ships with Visard ('visard engines list' names them); FILE is any ONNX file.
    """


for each in (list_, build, check, bench, clear):
    command.add_command(each)
