"""``visard train sort``, ``prune`` and ``sheet``: sets of faces."""

from pathlib import Path

import click

from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.errors import FaceSetError

ORDERS = ("yaw", "pitch", "blur", "light", "expression", "identity", "similarity", "source")
_folder = click.argument("folder", metavar="SET", type=click.Path(path_type=Path))


@click.command("sort")
@_folder
@click.option("--by", type=click.Choice(ORDERS), required=True, help="What to sort by; source: as found.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@common
@pass_output
def sort(output: Output, folder: Path, by: str, reverse: bool) -> None:
    """Put the faces of a set in order, by a number in front of their names.

    blur: the sharpest first; light: the darkest; expression: those at rest; identity: those most like the
    person, so that strangers come last; similarity: each beside the one that looks most like it. Sets of
    DeepFaceLab can be sorted too, but not by expression and identity.
    """
    from visard.models.train.faces.order import sort_faces

    _check_filled(folder)
    order = sort_faces(folder, by, reverse=reverse)
    said = f"{len(order):,} faces in {folder} are in the order of {by}"
    output.result({"folder": folder, "by": by, "faces": [path.name for path in order]}, said)


@click.command("prune")
@_folder
@click.option(
    "--keep", metavar="N", type=click.IntRange(1), help="Keep so many, evenly spread over directions."
)
@click.option(
    "--worst",
    metavar="PERCENT",
    type=click.FloatRange(0, 100),
    default=0.0,
    help="First take so many of the most blurred.",
)
@click.option("--restore", is_flag=True, help="Bring back all that was taken away.")
@common
@pass_output
def prune(output: Output, folder: Path, keep: int | None, worst: float, restore: bool) -> None:
    """Make a set smaller: the sharpest faces of every direction stay, others go into its folder 'pruned'."""
    from visard.models.train.faces.face_set import FaceSet
    from visard.models.train.faces.prune import prune_faces, restore_faces

    if restore == bool(keep or worst):
        raise click.UsageError("Say --keep, --worst or both; or else --restore.")
    if not restore:
        _check_filled(folder)
    moved = restore_faces(folder) if restore else prune_faces(folder, keep, worst / 100)
    left = len(FaceSet(folder))
    done = (
        f"{moved:,} are back"
        if restore
        else f"{moved:,} are in {folder / 'pruned'}; --restore brings them back"
    )
    output.result(
        {"folder": folder, "faces": left, "moved": moved}, f"{left:,} faces are in {folder}; {done}"
    )


@click.command("sheet")
@_folder
@common
@pass_output
def sheet(output: Output, folder: Path) -> None:
    """Draw a contact sheet of a set, as a picture and as a page."""
    from visard.models.train.faces.sheet.files import write_sheets

    _check_filled(folder)
    picture, page = write_sheets(folder)
    output.result({"picture": picture, "page": page}, f"{picture}\n{page}")


def _check_filled(folder: Path) -> None:
    """Raise FaceSetError where there is no face."""
    from visard.models.train.faces.face_set import FaceSet

    faces = FaceSet(folder)
    if not len(faces):
        why = f" ({faces.notes[0]})" if faces.notes else ""
        raise FaceSetError(f"there is no face in {folder}{why}; make a set with: visard train extract")
