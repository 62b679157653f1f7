"""Numbers, tables and bars as these commands show them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visard.engines.interfaces import Progress, Report


def size(count: float) -> str:
    """Return bytes in the unit that people would use."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def number(value: float | None, form: str = ".1f") -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


class Notes:
    """Texts too long for a table: each is said once below it, and referred to by number."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def refer(self, text: str, most: int = 40) -> str:
        """Return a short text as it is, and for a long one its number."""
        text = " ".join(text.split())
        if len(text) <= most:
            return text
        if text not in self._texts:
            self._texts.append(text)
        return f"[{self._texts.index(text) + 1}]"

    def below(self) -> str:
        """Return the lines to put below the table."""
        return "".join(f"\n[{number}] {text}" for number, text in enumerate(self._texts, 1))


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return lines with columns as wide as they need to be."""
    lines = [head, *rows]
    wide = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, wide, strict=True)).rstrip()
        for line in lines
    )


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
