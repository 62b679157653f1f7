"""Options that several of these commands have."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

PRECISIONS = ("fp32", "fp16", "mixed", "bf16")
"""As in ``visard.engines.Precision``, which would take long to import for a help text."""

model_argument = click.argument("model", metavar="MODEL|FILE")

device_option = click.option(
    "--device", default="auto", show_default=True, help="Where it runs: cpu, gpu, cuda:0 and so on."
)

threads_option = click.option(
    "--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads, on processors."
)

shape_option = click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="INPUT=SIZES",
    help="Sizes of an input that vary: x=1x3x256x256; or the least, the usual and the most: "
    "x=1x3x64x64:1x3x256x256:1x3x512x512.",
)

timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3600,
    show_default=True,
    help="Seconds that compiling may take.",
)

backends_option = click.option(
    "--backend", "backends", multiple=True, metavar="NAME", help="Only this backend; may be given again."
)

precisions_option = click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice(PRECISIONS),
    help="Only this precision; may be given again.",
)


def side_by_side(function: F) -> F:
    """Give a command the options of all that run a network in several ways."""
    for option in reversed(
        (
            backends_option,
            device_option,
            precisions_option,
            threads_option,
            shape_option,
            timeout_option,
        )
    ):
        function = option(function)
    return function
