"""What commands say: results on stdout, errors and progress on stderr, JSON when asked for."""

import json as _json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any, ParamSpec, TypeVar

import click

P = ParamSpec("P")
T = TypeVar("T")

Progress = Callable[[int, int | None], None]
"""Called with how much is done and how much there is, None when nobody knows."""


@dataclass(frozen=True, slots=True)
class Output:
    """How this call answers."""

    json: bool = False
    verbose: bool = False

    def start_log(self) -> None:
        """Send log records to stderr: everything when verbose, else warnings."""
        import logging

        logging.basicConfig(format="visard: %(message)s")
        logging.getLogger("visard").setLevel(logging.DEBUG if self.verbose else logging.WARNING)

    def result(self, data: Any, text: str) -> None:
        """Give the result: ``data`` as JSON or ``text``."""
        click.echo(_json.dumps(data, indent=2, default=str) if self.json else text)

    def note(self, text: str) -> None:
        """Say something that is no part of the result."""
        click.echo(text, err=True)

    def fail(self, code: str, message: str, status: int = 1) -> int:
        """Report an error and return the exit status."""
        if self.verbose and sys.exc_info()[0]:
            import traceback

            traceback.print_exc()
        if self.json:
            click.echo(_json.dumps({"error": {"code": code, "message": message}}))
        else:
            click.echo(f"visard: {' '.join(message.split())}", err=True)
        return status

    @contextmanager
    def progress(self, label: str, shown: bool | None = None) -> Iterator[Progress]:
        """Give a function that moves a bar on stderr; without a terminal it is shown only when asked for."""
        with _bar(label, shown) as update:
            yield lambda done, total: update(completed=done, total=total)

    @contextmanager
    def working(self, label: str, shown: bool | None = None) -> Iterator[Callable[[float, str], None]]:
        """Give what tells how far something is, 0 to 1, and what is being done; shown as ``progress`` is."""
        with _bar(label, shown) as update:
            yield lambda share, text: update(
                completed=share, total=1, description=label + (f": {text}" if text else "")
            )

    @contextmanager
    def preparing(self, name: str, shown: bool | None = None) -> Iterator[Callable[[float, str], None]]:
        """Give what tells how far a persona is; shown as ``progress`` is."""
        with self.working(f"preparing {name}", shown) as report:
            yield report


def shows_bar(shown: bool | None) -> bool:
    """Whether a bar is shown: where it was asked for, else on a terminal."""
    return sys.stderr.isatty() if shown is None else shown


@contextmanager
def _bar(label: str, shown: bool | None) -> Iterator[Callable[..., None]]:
    if not shows_bar(shown):
        yield lambda **_: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True, force_terminal=shown), transient=not shown) as bars:
        yield partial(bars.update, bars.add_task(label, total=None))


def common(function: Callable[P, T]) -> Callable[P, T]:
    """Give a command the options that all have; ``main`` has looked at them before click does."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, expose_value=False, help="Say more."),
        click.option("--json", is_flag=True, expose_value=False, help="Answer in JSON, errors too."),
    ):
        function = update_wrapper(option(function), function)
    return function


pass_output = click.make_pass_decorator(Output)


def ask(question: str) -> None:
    """Go on only after a yes; raises Abort, or UsageError when nobody can answer."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody is here to answer; say --yes.")
    click.confirm(question, abort=True, err=True)
