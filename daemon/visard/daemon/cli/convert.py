"""``visard convert``: another face in a file."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.options import (
    ProcessorCommand,
    mode_option,
    persona_option,
    processor_options,
    settings_options,
)
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.config.settings import Settings, reveals
from visard.daemon.errors import WouldReveal
from visard.daemon.foreground.signals import terminating

if TYPE_CHECKING:
    from visard.daemon.config.settings import Mode
    from visard.daemon.foreground.convert import Summary

INTERRUPTED = 130
_PATH = click.Path(path_type=Path)


@click.command("convert", cls=ProcessorCommand)
@click.argument("source", metavar="IN", type=_PATH)
@click.argument("target", metavar="OUT", type=_PATH)
@persona_option
@mode_option
@processor_options
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
    ignore_enrolment: bool,
    shown: bool | None,
    reveal: bool,
    settings: Settings,
) -> int:
    """Put a persona on everyone in the video or picture IN and write OUT, sound included.

    Where the driver is enrolled ('visard enrol') they alone are given it.

    IN may be a folder; then OUT is a folder too. Ctrl-C leaves a file that plays up to there;
    a kill leaves that under another name beside it: out.part0.mp4 for out.mp4.
    """
    from visard.daemon.config import enrolment, paths
    from visard.daemon.foreground.convert import check, convert, pairs
    from visard.daemon.personas.library import Library
    from visard.daemon.personas.prepare import configured, prepare

    if reveals(settings) and not reveal:
        raise WouldReveal.unless("visard convert")
    jobs = list(pairs(source, target))
    for start, end in jobs:
        check(start, end)
    kept = enrolment.EnrolmentFile(None if ignore_enrolment else paths.config() / enrolment.FILE)
    enrolled = kept.load()
    chosen = configured(Library().resolve(persona), processor, options)
    with output.preparing(chosen.name, shown) as report:
        prepared = prepare(chosen, mode, report, processor=processor)
    done = []
    with terminating():
        for start, end in jobs:
            with output.progress(start.name, shown) as progress:
                done.append(convert(start, end, prepared, settings, progress, enrolled=enrolled))
            if not done[-1].complete:
                break
    facts = [{**asdict(summary), "target": str(summary.target)} for summary in done]
    output.result(facts if source.is_dir() else facts[0], "\n".join(map(_lines, done)))
    return 0 if done[-1].complete else INTERRUPTED


def _lines(summary: "Summary") -> str:
    from visard.daemon.api.schema import Faces

    faces = Faces(**asdict(summary.faces)).words(zeros=True)
    kinds = {name: getattr(summary, name) for name in ("passed", "held", "blurred", "carded")}
    counts = ", ".join(f"{count} {name}" for name, count in kinds.items() if count) or "none passed"
    if summary.reasons:
        counts += " because: " + ", ".join(f"{why} {count}" for why, count in summary.reasons.items())
    start = "" if summary.complete else "interrupted; what was done is kept: "
    frames = f"{summary.frames} frames in {summary.seconds:.1f} s ({counts})"
    return f"{start}{summary.target}: {faces}\n  {frames}"
