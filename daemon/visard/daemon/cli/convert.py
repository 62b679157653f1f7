"""``visard convert``: another face in a file."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.options import (
    ProcessorCommand,
    Time,
    mode_option,
    persona_option,
    processor_options,
    settings_options,
)
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.config.settings import Settings, reveals
from visard.daemon.errors import SinkUnavailable, WouldReveal
from visard.daemon.foreground.signals import terminating

if TYPE_CHECKING:
    from visard.daemon.config.settings import Mode
    from visard.daemon.foreground.convert import Summary

INTERRUPTED = 130
CODECS = ("h264", "hevc", "vp9", "av1")
_PATH = click.Path(path_type=Path)


@click.command("convert", cls=ProcessorCommand)
@click.argument("source", metavar="IN", type=_PATH)
@click.argument("target", metavar="OUT", type=_PATH)
@persona_option
@mode_option
@processor_options
@click.option("--start", type=Time(), default=0.0, help="Where to begin, in seconds or [HH:]MM:SS[.mmm].")
@click.option("--end", type=Time(), help="Where to end; sound and subtitles are cut with the pictures.")
@click.option("--codec", type=click.Choice(CODECS), help="Of the pictures.  [default: h264; vp9 in .webm]")
@click.option(
    "--quality",
    type=click.IntRange(0, 100),
    help="0 to 100, of the pictures; sets their constant rate factor.  [default: hardly differs from IN]",
)
@click.option("-y", "--overwrite", is_flag=True, help="Replace results that are there already.")
@click.option("--ignore-enrolment", is_flag=True, help="Everybody in the film is swapped, not you alone.")
@click.option("--progress/--no-progress", "shown", default=None, help="Show a bar.  [default: on a terminal]")
@click.option("--reveal", is_flag=True, help="Also if people may be recognised with these settings.")
@settings_options
@common
@pass_output
def command(
    output: Output,
    source: Path,
    target: Path,
    persona: str | None,
    mode: "Mode | None",
    processor: str | None,
    options: dict[str, str | None],
    start: float,
    end: float | None,
    codec: str | None,
    quality: int | None,
    overwrite: bool,
    ignore_enrolment: bool,
    shown: bool | None,
    reveal: bool,
    settings: Settings,
) -> int:
    """Put a persona on everyone in the film or picture IN and write OUT, sound and subtitles included.

    Where the driver is enrolled ('visard enrol') they alone are given it.

    The ending of OUT says what it becomes: .mp4, .mov, .mkv, .webm, an animated .gif or .webp, or a picture.

    IN may be a folder; then OUT is a folder too, and what is in it already is left. Ctrl-C leaves a file that
    plays up to there; a kill leaves that under another name beside it: out.part0.mp4 for out.mp4.
    """
    from visard.daemon.config import enrolment, paths
    from visard.daemon.foreground.convert import Writing, becomes_film, check, convert, pairs
    from visard.daemon.media.video import Part
    from visard.daemon.personas.library import Library
    from visard.daemon.personas.prepare import configured, prepare

    if reveals(settings) and not reveal:
        raise WouldReveal.unless("visard convert")
    writing = Writing(Part(start, float("inf") if end is None else end), codec, quality)
    jobs = list(pairs(source, target))
    for one, into in jobs:
        check(one, into, writing)
    if (codec or start or end) and not any(becomes_film(*job) for job in jobs):
        raise click.UsageError(f"{source} becomes a picture; --start, --end and --codec are for films.")
    jobs = _free(output, jobs, folder=source.is_dir(), overwrite=overwrite)
    kept = enrolment.EnrolmentFile(None if ignore_enrolment else paths.config() / enrolment.FILE)
    enrolled = kept.load()
    chosen = configured(Library().resolve(persona), processor, options)
    with output.preparing(chosen.name, shown) as report:
        prepared = prepare(chosen, mode, report, processor=processor)
    done = []
    with terminating():
        for one, into in jobs:
            with output.progress(one.name, shown) as progress:
                done.append(
                    convert(one, into, prepared, settings, progress, enrolled=enrolled, writing=writing)
                )
            if not done[-1].complete:
                break
    facts = [{**asdict(summary), "target": str(summary.target)} for summary in done]
    output.result(facts if source.is_dir() else facts[0], "\n".join(map(_lines, done)))
    return 0 if all(summary.complete for summary in done) else INTERRUPTED


def _free(
    output: Output, jobs: list[tuple[Path, Path]], *, folder: bool, overwrite: bool
) -> list[tuple[Path, Path]]:
    """Return what may be written. Of a folder what is not there yet; else it is asked for, or refused."""
    free = [(one, into) for one, into in jobs if overwrite or not into.exists()]
    if folder:
        if left := len(jobs) - len(free):
            output.note(
                f"{left} of {len(jobs)} results are there already and stay; --overwrite replaces them"
            )
    elif not free:
        (_, into) = jobs[0]
        if output.json or not sys.stdin.isatty():
            raise SinkUnavailable(f"{into} is there already; say --overwrite, or choose another name")
        click.confirm(f"{into} is there already. Replace it?", abort=True, err=True)
        return jobs
    return free


def _lines(summary: "Summary") -> str:
    from visard.daemon.api.schema import Faces

    faces = Faces(**asdict(summary.faces)).words(zeros=True)
    kinds = {name: getattr(summary, name) for name in ("passed", "held", "blurred", "carded")}
    counts = ", ".join(f"{count} {name}" for name, count in kinds.items() if count) or "none passed"
    if summary.reasons:
        counts += " because: " + ", ".join(f"{why} {count}" for why, count in summary.reasons.items())
    start = "" if summary.complete else "interrupted; what was done is kept: "
    frames = f"{summary.frames} frames in {summary.seconds:.1f} s ({counts})"
    notes = "".join(f"\n  note: {note}" for note in summary.notes)
    return f"{start}{summary.target}: {faces}\n  {frames}{notes}"
