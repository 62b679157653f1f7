"""The commands that a shortcut or a key of a stream deck is bound to: ``visard next`` and its like."""

from typing import TYPE_CHECKING

import click

from visard.daemon.cli.options import MODES
from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.api.client import Client
    from visard.daemon.api.schema import Status


def _client() -> "Client":
    from visard.daemon.api.client import Client

    return Client()


def _tell(output: Output, status: "Status") -> None:
    from visard.daemon.cli.status_text import who

    output.result(status.model_dump(mode="json"), who(status))


@click.command()
@click.argument("name")
@click.option("--mode", type=click.Choice(MODES), help="Swap the face, or animate the portrait.")
@common
@pass_output
def persona(output: Output, name: str, mode: str | None) -> None:
    """Put a persona on."""
    from visard.daemon.config.settings import Mode

    with _client() as daemon:
        _tell(output, daemon.wear(name, Mode(mode) if mode else None))


@click.command("next")
@common
@pass_output
def next_(output: Output) -> None:
    """Put the next persona of the library on."""
    with _client() as daemon:
        _tell(output, daemon.next())


@click.command()
@common
@pass_output
def previous(output: Output) -> None:
    """Put the previous persona of the library on."""
    with _client() as daemon:
        _tell(output, daemon.previous())


@click.command()
@common
@pass_output
def pause(output: Output) -> None:
    """Show a card instead of the camera, until 'visard resume'."""
    with _client() as daemon:
        _tell(output, daemon.pause())


@click.command()
@common
@pass_output
def resume(output: Output) -> None:
    """Go on after a pause."""
    with _client() as daemon:
        _tell(output, daemon.resume())


@click.command()
@click.option("--off", is_flag=True, help="Stop showing it.")
@common
@pass_output
def reveal(output: Output, off: bool) -> None:
    """Show your real face, until 'visard reveal --off'."""
    with _client() as daemon:
        _tell(output, daemon.reveal(not off))


@click.command()
@common
@pass_output
def calibrate(output: Output) -> None:
    """Take how you look now as the neutral face."""
    with _client() as daemon:
        _tell(output, daemon.calibrate())
