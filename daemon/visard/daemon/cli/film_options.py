"""Options of the commands that make one file of another."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.options import Time

if TYPE_CHECKING:
    from visard.daemon.foreground.jobs import Reference, Writing

CODECS = ("h264", "hevc", "vp9", "av1")


class _ReferenceFrame(Time):
    """``first``, ``best`` or a time."""

    name = "first|best|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the word, or seconds."""
        return value if value in ("first", "best") else super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True)
class FilmOptions:
    """What was chosen."""

    start: float
    end: float | None
    codec: str | None
    quality: int | None
    overwrite: bool
    shown: bool | None
    reference: "Reference"

    @property
    def for_films(self) -> bool:
        """Whether anything was chosen that says nothing of pictures."""
        return bool(self.codec or self.start or self.end or self.reference != "first")

    def writing(self) -> "Writing":
        """Return it as conversions take it. Raises SourceUnavailable where the end is before the start."""
        from visard.daemon.foreground.jobs import Writing
        from visard.daemon.media.video import Part

        part = Part(self.start, float("inf") if self.end is None else self.end)
        return Writing(part, self.codec, self.quality, self.reference, self.overwrite)


def film_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add them to a command, which gets them as one argument ``film``."""

    @wraps(function)
    def collect(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name) for name in FilmOptions.__dataclass_fields__}
        return function(*args, film=FilmOptions(**chosen), **kwargs)

    command: Callable[..., Any] = collect
    for option in (
        click.option(
            "--progress/--no-progress", "shown", default=None, help="Show a bar.  [default: on a terminal]"
        ),
        click.option(
            "-y",
            "--overwrite",
            is_flag=True,
            help="Replace results that are there, and begin anew what was interrupted without this.",
        ),
        click.option(
            "--reference",
            type=_ReferenceFrame(),
            default="first",
            help="Of an animator: when the driver looks neutral, from where motion is counted: in the first "
            "frame, in the best, whose face is most like the portrait's, or at a time.  [default: first]",
        ),
        click.option(
            "--quality",
            type=click.IntRange(0, 100),
            help="0 to 100, of the pictures; sets their constant rate factor.  "
            "[default: hardly differs from the original]",
        ),
        click.option(
            "--codec", type=click.Choice(CODECS), help="Of the pictures.  [default: h264; vp9 in .webm]"
        ),
        click.option(
            "--end", type=Time(), help="Where to end; sound and subtitles are cut with the pictures."
        ),
        click.option(
            "--start", type=Time(), default=0.0, help="Where to begin, in seconds or [HH:]MM:SS[.mmm]."
        ),
    ):
        command = option(command)
    return command
