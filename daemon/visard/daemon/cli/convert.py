"""``visard convert``: another face in a file."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.film_options import FilmOptions, film_options
from visard.daemon.cli.options import (
    ProcessorCommand,
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
    from visard.daemon.config.enrolment import Enrolled
    from visard.daemon.config.settings import Mode
    from visard.daemon.foreground.jobs import Summary

INTERRUPTED = 130
_PATH = click.Path(path_type=Path)


@click.command("convert", cls=ProcessorCommand)
@click.argument("source", metavar="IN", type=_PATH)
@click.argument("target", metavar="OUT", type=_PATH)
@persona_option
@mode_option
@processor_options
@film_options
@click.option("--ignore-enrolment", is_flag=True, help="Everybody in the film is swapped, not you alone.")
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
    film: FilmOptions,
    ignore_enrolment: bool,
    reveal: bool,
    settings: Settings,
) -> int:
    """Put a persona on everyone in the film or picture IN and write OUT, sound and subtitles included.

    Where the driver is enrolled ('visard enrol') they alone are given it.

    The ending of OUT says what it becomes: .mp4, .mov, .mkv, .webm, an animated .gif or .webp, or a picture.

    IN may be a folder; then OUT is a folder too, and what is in it already is left. After Ctrl-C or a kill
    the same command goes on where it stopped; until then out.part0.mp4 is there for out.mp4, and plays.
    A .gif or .webp begins anew.
    """
    from visard.daemon.config import enrolment, paths

    if reveals(settings) and not reveal:
        raise WouldReveal.unless("visard convert")
    kept = enrolment.EnrolmentFile(None if ignore_enrolment else paths.config() / enrolment.FILE)
    wanted = Wanted(persona, mode, processor, options)
    return convert_files(output, source, target, wanted, settings, film, kept.load())


@dataclass(frozen=True, slots=True)
class Wanted:
    """A persona, and how it is put on."""

    persona: str | None
    mode: "Mode | None"
    processor: str | None
    options: Mapping[str, str | None]


def convert_files(
    output: Output,
    source: Path,
    target: Path,
    wanted: Wanted,
    settings: Settings,
    film: FilmOptions,
    enrolled: "Enrolled | None",
) -> int:
    """Convert a file, or every file of a folder, and tell what became of it; return the exit status."""
    from visard.daemon.foreground.convert import becomes_film, check, convert, pairs
    from visard.daemon.foreground.jobs import Reporter
    from visard.daemon.personas.library import Library
    from visard.daemon.personas.prepare import configured, prepare

    writing = film.writing()
    jobs = list(pairs(source, target))
    for one, into in jobs:
        check(one, into, writing)
    if film.for_films and not any(becomes_film(*job) for job in jobs):
        raise click.UsageError(
            f"{source} becomes a picture; --start, --end, --codec and --reference are for films."
        )
    jobs = _free(output, jobs, folder=source.is_dir(), overwrite=film.overwrite)
    chosen = configured(Library().resolve(wanted.persona), wanted.processor, wanted.options, wanted.mode)
    with output.preparing(chosen.name, film.shown) as report:
        prepared = prepare(chosen, wanted.mode, report, processor=wanted.processor)
    done = []
    with terminating():
        for one, into in jobs:
            with output.progress(one.name, film.shown) as progress:
                reporter = Reporter(progress, output.note)
                done.append(
                    convert(one, into, prepared, settings, reporter, enrolled=enrolled, writing=writing)
                )
            if not done[-1].complete:
                break
    facts = [_facts(summary) for summary in done]
    output.result(facts if source.is_dir() else facts[0], "\n".join(map(_lines, done)))
    return 0 if all(summary.complete for summary in done) else INTERRUPTED


def _facts(summary: "Summary") -> dict[str, object]:
    kept = str(summary.kept) if summary.kept else None
    return {**asdict(summary), "target": str(summary.target), "kept": kept}


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
    frames = f"{summary.frames} frames in {summary.seconds:.1f} s ({counts})"
    notes = "".join(f"\n  note: {note}" for note in summary.notes)
    return f"{_interrupted(summary)}{summary.target}: {faces}\n  {frames}{notes}"


def _interrupted(summary: "Summary") -> str:
    """Say what is there of a film that is not complete."""
    from visard.daemon.foreground.resume import can_go_on

    if summary.complete:
        return ""
    if summary.kept is None:
        return "interrupted; nothing was written: "
    again = "goes on from there" if can_go_on(summary.target) else "begins anew"
    return f"interrupted; {summary.kept} holds what was done, and the same command {again}\n"
