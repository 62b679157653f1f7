"""A bar for long work on networks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visard.engines.interfaces import Progress, Report


@contextmanager
def bar(label: str, shown: bool | None = None) -> "Iterator[Report]":
    """Give a Report that shows step, share and time left on stderr, when that is a terminal."""
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bars(*columns, console=Console(stderr=True, force_terminal=shown), transient=True) as bars:
        task = bars.add_task(label, total=1.0, left="")

        def report(progress: "Progress") -> None:
            text = f"{label}: {progress.step}"
            bars.update(task, completed=progress.done, description=text, left=left(progress.left))

        yield report


def left(seconds: float | None) -> str:
    """Return the time that is left in words."""
    if seconds is None:
        return ""
    return f"{seconds:.0f} s left" if seconds < 90 else f"{seconds / 60:.0f} min left"
