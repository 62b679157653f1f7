"""``visard train extract``: a set of aligned faces."""

from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.foreground.signals import terminating

if TYPE_CHECKING:
    from visard.daemon.foreground.extract import ExtractSummary

INTERRUPTED = 130
_MOST_NOTES = 8
FACE_TYPES = ("half", "mid_full", "full", "whole_face", "head")
_PATH = click.Path(path_type=Path)


@click.command("extract")
@click.argument("paths", metavar="IN...", nargs=-1, required=True, type=_PATH)
@click.argument("target", metavar="OUT", type=_PATH)
@click.option(
    "--face-type",
    type=click.Choice(FACE_TYPES),
    default="whole_face",
    show_default=True,
    help="How much of the head a picture shows, in DeepFaceLab's words.",
)
@click.option(
    "--resolution",
    type=click.IntRange(64, 2048),
    default=512,
    show_default=True,
    help="Side of the pictures in pixels.",
)
@click.option(
    "--every", type=click.IntRange(1), default=1, show_default=True, help="Look at every n-th frame of films."
)
@click.option(
    "--fps", type=click.FloatRange(0, 1000, min_open=True), help="Look at so many frames a second instead."
)
@click.option(
    "--person", type=click.IntRange(1), help="Whose faces; 1 has most.  [default: 1, or who it was before]"
)
@click.option("--all-people", is_flag=True, help="Everybody's faces.")
@click.option(
    "--min-size", type=click.FloatRange(0), default=64, show_default=True, help="Pixels of the smallest face."
)
@click.option(
    "--max-yaw",
    type=click.FloatRange(0, 180),
    default=75,
    show_default=True,
    help="Degrees that a face is turned aside.",
)
@click.option(
    "--max-pitch", type=click.FloatRange(0, 180), default=45, show_default=True, help="Degrees up or down."
)
@click.option(
    "--max-blur", type=float, default=0.55, show_default=True, help="0 is sharp, 0.5 soft, 0.6 lost."
)
@click.option(
    "--max-occlusion",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Share that may be hidden.",
)
@click.option("--duplicates", is_flag=True, help="Keep faces that look like one that is there already.")
@click.option(
    "--format", type=click.Choice(("jpg", "png")), default="jpg", show_default=True, help="Of the pictures."
)
@click.option("--quality", type=click.IntRange(90, 100), default=97, show_default=True, help="Of JPEGs.")
@click.option("--progress/--no-progress", "shown", default=None, help="Show a bar.  [default: on a terminal]")
@common
@pass_output
def extract(
    output: Output,
    /,
    paths: tuple[Path, ...],
    target: Path,
    person: int | None,
    all_people: bool,
    every: int,
    fps: float | None,
    shown: bool | None,
    **more: Any,
) -> int:
    """Take the faces out of the films, pictures and folders IN and put them into the folder OUT.

    The faces are aligned and masked; blurred, hidden and repeated ones are left out, and so are other people.
    A contact sheet in OUT/sheet shows what there is, and what is not there and why. Ctrl-C and a kill lose
    nothing: the same command goes on, and takes in what is new.
    """
    from visard.daemon.foreground.extract import Choice, extract_faces
    from visard.models.train.faces.options import ExtractOptions

    if person and all_people:
        raise click.UsageError("--person and --all-people exclude each other.")
    if fps and every > 1:
        raise click.UsageError("--every and --fps exclude each other.")
    options = ExtractOptions(every=every, fps=fps, **more)
    with terminating(), output.working("extracting", shown) as told:
        summary = extract_faces(paths, target, options, Choice(person, all_people), told)
    facts = {**asdict(summary), "frames_per_second": round(summary.frames_per_second, 2)}
    output.result(facts, "\n".join(_lines(summary, verbose=output.verbose)))
    return 0 if summary.complete else INTERRUPTED


def _lines(summary: "ExtractSummary", *, verbose: bool) -> list[str]:
    from visard.models.train.faces.options import DropReason

    start = "" if summary.complete else "interrupted; the same command goes on: "
    lines = [f"{start}{summary.folder}: {summary.faces:,} faces, {summary.added:,} found now"]
    if summary.frames:
        lines[0] += f" ({summary.frames:,} frames, {summary.frames_per_second:.1f} a second)"
    if summary.dropped:
        reasons = (f"{count:,} {DropReason(name).words}" for name, count in summary.dropped.items())
        lines.append(f"  left out: {', '.join(reasons)}")
    lines += _others(summary)
    if summary.sheets:
        lines.append(f"  contact sheet: {summary.sheets[1]}")
    return [*lines, *_unread(summary, verbose=verbose)]


def _others(summary: "ExtractSummary") -> list[str]:
    """Return who else is there, and how to choose one of them."""
    others = [each for each in summary.people if not each.chosen]
    if not others:
        return []
    told = ", ".join(
        f"person {each.number} with {each.faces:,} face{'s' * (each.faces > 1)}" for each in others[:5]
    )
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    choose = f"  choose one with: visard train people {quote(str(summary.folder))} --person N"
    return [f"  other people, left out: {told}{more}", choose]


def _unread(summary: "ExtractSummary", *, verbose: bool) -> list[str]:
    """Return what could not be read, a line for each, and how many there were."""
    shown = summary.notes if verbose else summary.notes[:_MOST_NOTES]
    lines = [f"  note: {' '.join(note.split())}" for note in shown]
    if len(shown) < len(summary.notes):
        lines.append(f"  note: and {len(summary.notes) - len(shown):,} more; -v names all")
    if summary.others:
        lines.append(f"  neither films nor pictures by their names: {summary.others:,}")
    if summary.unreadable:
        lines.append(f"  could not be read: {summary.unreadable:,}")
    return lines
