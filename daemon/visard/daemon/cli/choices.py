"""Options that several commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from visard.daemon.settings import Mode

MODES = ("swap", "animate")  # importing Mode for its names would load OpenCV to show a help text


def _mode(_ctx: click.Context, _option: click.Parameter, value: str) -> "Mode":
    from visard.daemon.settings import Mode

    return Mode(value)


def persona_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --persona."""
    text = "A persona of the library or the path of a photo.  [default: the first that ships]"
    return click.option("-p", "--persona", help=text)(function)


def mode_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --mode, which the command gets as a Mode."""
    return click.option(
        "--mode",
        type=click.Choice(MODES),
        default="swap",
        show_default=True,
        callback=_mode,
        help="Swap the face in the frame, or animate the persona's portrait.",
    )(function)
