"""``visard train new`` and ``trainings``, and what commands about face models share."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.foreground.signals import terminating

if TYPE_CHECKING:
    from visard.daemon.api.trainings import TrainingInfo
    from visard.models.train.options import TrainOptions
    from visard.models.train.project import Project

_FEW = 300
"""Faces from which a likeness may be expected."""

set_option = click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set an option of training; repeat for more.",
)


@click.command("new")
@click.argument("name")
@click.option(
    "--persona",
    "src",
    required=True,
    metavar="SET|NAME|PHOTO",
    help="Faces of who is to be seen; or a persona of the library or a photo, whose faces are made.",
)
@click.option(
    "--driver",
    "dst",
    required=True,
    metavar="SET|FILM",
    type=click.Path(path_type=Path, exists=True),
    help="Faces of who is in front of the camera, or a film of them.",
)
@click.option(
    "--preset",
    metavar="PRESET",
    default="quick",
    show_default=True,
    help="Options to begin with; distilled: learn a swap from pairs, in the least time.",
)
@set_option
@common
@pass_output
def new(output: Output, name: str, src: str, dst: Path, preset: str, options: tuple[str, ...]) -> None:
    """Begin the training of a face model.

    Where --persona is no set, or --driver a film, faces are made first, as by 'pairs' and 'extract'.
    """
    from visard.models.train import presets, project

    wanted, place = presets.preset(preset, values(options)), folder_of(name)
    project.check_new(place)
    _note_torch(output)
    made = project.create(place, *_sets(output, place, src, dst, wanted), wanted, preset)
    for faces in (made.src, made.dst):
        _note_few(output, faces)
    output.result(_summary(made), f"begun in {made.folder}; train it with: visard train run {quote(name)}")


def _note_torch(output: Output) -> None:
    """Say at the beginning what ``run`` will need; sets can be made without."""
    from visard.models.train.errors import TrainingError
    from visard.models.train.project import needs_torch

    try:
        needs_torch()
    except TrainingError as error:
        output.note(str(error))


def _note_few(output: Output, folder: Path) -> None:
    """Say so where a set is too small to learn a person from."""
    from visard.models.train.faces.face_set import FaceSet

    if (count := len(FaceSet(folder))) < _FEW:
        output.note(f"{folder} has {count:,} faces; a network learns a person from hundreds that differ")


def _sets(output: Output, place: Path, src: str, dst: Path, options: "TrainOptions") -> tuple[Path, Path]:
    """Return the folders of both sets, made where they are not there."""
    persona = Path(src)
    if persona.is_dir() and dst.is_dir():
        return persona, dst
    from visard.daemon.foreground.extract import Choice, extract_faces
    from visard.daemon.foreground.training_faces import make_animated, make_pairs
    from visard.daemon.personas.library import Library
    from visard.models.train.faces.options import ExtractOptions

    side = max(256, options.resolution)
    cut = ExtractOptions(face_type=options.face_type, resolution=side)
    with terminating(), output.working("making faces") as told:
        if persona.is_dir():
            extract_faces([dst], place / "faces" / "driver", cut, Choice(), told)
            return persona, place / "faces" / "driver"
        make = make_pairs if options.paired else make_animated
        made = make(Library().resolve(src), dst, place / "faces", cut, told)
    return made.persona, made.driver


@click.command("trainings")
@click.argument("name", required=False)
@common
@pass_output
def trainings(output: Output, name: str | None) -> None:
    """List face models in training, or show one with its options."""
    from visard.daemon.config import paths
    from visard.daemon.service.trainings import Trainings
    from visard.models.train import project

    if name:
        one = project.read(folder_of(name))
        lines = [f"{key:16} {value}" for key, value in one.options.model_dump(mode="json").items()]
        head = f"{one.folder}\npersona {one.src}\ndriver  {one.dst}\n{one.steps} steps"
        output.result(_summary(one), "\n".join([head, *lines]))
        return
    told = Trainings(paths.trainings).all()
    begun = {each.folder.name: _summary(each) for each in project.every(paths.trainings())}
    facts = [begun[each.name] | each.model_dump(mode="json", exclude={"losses"}) for each in told]
    output.result(facts, "\n".join(map(_row, told)) or "no face model is in training")


def _row(training: "TrainingInfo") -> str:
    """Return a line about a training, with what went wrong below."""
    kind = f"{training.preset or training.archi}, {training.resolution} pixels"
    line = f"{training.name}: {kind}, step {training.step:,} of {training.target:,}"
    pace = f", {training.rate:.2f} it/s" if training.rate else ""
    trouble = f"\n  {training.trouble}" if training.trouble else ""
    return f"{line}, {training.state}{pace}{trouble}"


def folder_of(name: str) -> Path:
    """Return where the training of a name is. Raises BadParameter for what cannot be a folder's name."""
    from visard.daemon.config import paths

    if not name.isprintable() or name != Path(name).name or name.startswith("."):
        raise click.BadParameter(f"{name!r} cannot be the name of a folder", param_hint="NAME")
    return paths.trainings() / name


def values(options: tuple[str, ...]) -> dict[str, Any]:
    """Return options by name as they were typed. Raises BadParameter for what is not KEY=VALUE."""
    pairs = [each.partition("=") for each in options]
    for key, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"{key!r} is not KEY=VALUE", param_hint="--option")
    return {key: None if value == "none" and key == "gan_patch_size" else value for key, _, value in pairs}


def _summary(training: "Project") -> dict[str, Any]:
    return {
        "folder": str(training.folder),
        "src": str(training.src),
        "dst": str(training.dst),
        "step": training.steps,
        "options": training.options.model_dump(mode="json"),
    }
