"""``visard train run``: trains, and says how it goes."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output, common, pass_output, shows_bar
from visard.daemon.cli.train.extract import INTERRUPTED
from visard.daemon.cli.train.model import folder_of, set_option, values

if TYPE_CHECKING:
    from visard.models.train.events import Event, Tell

_EVERY = 10
"""Of so many steps one is told, where there is no bar."""
_SET = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("run")
@click.argument("name")
@set_option
@click.option("--classic", is_flag=True, help="Go on from pairs as with two sets that are no pairs.")
@click.option("--persona", "src", type=_SET, help="Other faces of the persona, from now on.")
@click.option("--driver", "dst", type=_SET, help="Other faces of the driver, from now on.")
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), help="Where to compute; else the best there is."
)
@click.option(
    "--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="Processes that read faces."
)
@click.option("--progress/--no-progress", "shown", default=None, help="Show a bar.  [default: on a terminal]")
@common
@pass_output
def run(
    output: Output,
    name: str,
    options: tuple[str, ...],
    classic: bool,
    src: Path | None,
    dst: Path | None,
    device: str | None,
    workers: int,
    shown: bool | None,
) -> int:
    """Train until the target, or Ctrl-C; it goes on where it stopped. With torchrun on several devices.

    With --json every event is a line: each tenth step, checkpoints, previews, trouble, and the end.
    """
    from visard.models.train import presets, project

    project.needs_torch()
    from visard.models.train.trainer import Schedule

    training = project.read(folder_of(name))
    changes = (dict(presets.CLASSIC) if classic else {}) | values(options)
    if changes or src or dst:
        training = training.changed(changes, src, dst)
    target = training.options.target_iter
    with _told(output, target, shown) as tell, _stopping() as asked:
        done = project.run(
            training, schedule=Schedule(workers=workers), tell=tell, stop=lambda: bool(asked), device=device
        )
    if _leads():
        _end(output, name, done, target)
    return 0 if done >= target or _launched() else INTERRUPTED  # torchrun starts again what ends otherwise


def _leads() -> bool:
    """Whether this process speaks for all that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Give a list that has something in it after Ctrl-C or a termination; the second time ends at once.

    Not under torchrun, which passes on what a terminal has told all processes already, and kills those that
    do not end in half a minute.
    """
    asked: list[int] = []

    def ask(number: int, _frame: object) -> None:
        if asked and not _launched():
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _told(output: Output, target: int, shown: bool | None) -> Iterator["Tell"]:
    """Give what tells events: lines of JSON, a bar, or lines of text."""
    if not _leads():
        yield lambda _: None
    elif output.json:
        yield _print
    else:
        with output.working("training", shown) as report:
            bar = report if shows_bar(shown) else None
            yield lambda event: _say(output, event, target, bar)


def _print(event: "Event") -> None:
    from visard.models.train.events import Stepped

    if not isinstance(event, Stepped) or event.step % _EVERY == 0:
        click.echo(json.dumps({"event": type(event).__name__.lower(), **asdict(event)}))


def _say(output: Output, event: "Event", target: int, bar: Callable[[float, str], None] | None) -> None:
    from visard.models.train.events import Previewed, Resumed, Saved, Stepped, Trouble

    if isinstance(event, Stepped):
        losses = " ".join(f"{name} {loss:.3f}" for name, loss in event.losses.items())
        text = f"step {event.step:,}, {losses}, {event.rate:.2f} it/s, {_time(event.left)} left"
        if bar:
            bar(event.step / target, text)
        elif event.step % _EVERY == 0:
            output.note(text)
    elif isinstance(event, Resumed):
        output.note(f"goes on from step {event.step:,}")
    elif isinstance(event, Trouble):
        output.note(event.text)
    elif isinstance(event, Saved | Previewed) and output.verbose:
        output.note(event.path)


def _time(seconds: float) -> str:
    """Return hours, minutes and seconds as people read them."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60:02d} min" if hours else f"{rest // 60}:{rest % 60:02d} min"


def _end(output: Output, name: str, done: int, target: int) -> None:
    if output.json:
        click.echo(json.dumps({"event": "ended", "step": done, "complete": done >= target}))
    elif done < target:
        click.echo(f"stopped; {done:,} of {target:,} steps are kept, and the same command goes on")
    else:
        export = f"visard train export {quote(name)} --consent WHY"
        click.echo(f"{done:,} steps are done; make a persona of it with: {export}")
