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


def _answer(output: Output, status: "Status") -> None:
    from visard.daemon.cli.status import who

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
        _answer(output, daemon.switch_persona(name, Mode(mode) if mode else None))


@click.command()
@common
@pass_output
def next(output: Output) -> None:  # noqa: A001
    """Put the next persona of the library on."""
    with _client() as daemon:
        _answer(output, daemon.next())


@click.command()
@common
@pass_output
def previous(output: Output) -> None:
    """Put the previous persona of the library on."""
    with _client() as daemon:
        _answer(output, daemon.previous())


@click.command()
@common
@pass_output
def pause(output: Output) -> None:
    """Show a card instead of the camera, until 'visard resume'."""
    with _client() as daemon:
        _answer(output, daemon.pause())


@click.command()
@common
@pass_output
def resume(output: Output) -> None:
    """Go on after a pause."""
    with _client() as daemon:
        _answer(output, daemon.resume())


@click.command()
@click.option("--off", is_flag=True, help="Stop showing it.")
@common
@pass_output
def reveal(output: Output, off: bool) -> None:
    """Show your real face, until 'visard reveal --off'."""
    with _client() as daemon:
        _answer(output, daemon.reveal(not off))


@click.command()
@common
@pass_output
def calibrate(output: Output) -> None:
    """Take how you look now as the neutral face."""
    with _client() as daemon:
        _answer(output, daemon.calibrate())


@click.command("preview")
@click.option("--open", "opened", is_flag=True, help="Open it in the browser as well.")
@common
@pass_output
def preview(output: Output, opened: bool) -> None:
    """Give the address of a page that shows driver and result; it is good for one visit."""
    with _client() as daemon:
        url = daemon.preview()
    if opened:
        import webbrowser

        webbrowser.open(url)
    output.result({"url": url}, url)
