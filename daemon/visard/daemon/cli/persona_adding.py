"""``visard personas add``, ``try`` and ``photos``: faces that come into the library."""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.api.schema import Consent
from visard.daemon.cli.options import ProcessorCommand, Time, processor_options, value_type
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.cli.persona_output import tell, through_daemon
from visard.daemon.cli.persona_tuning import Wanted, tune_persona
from visard.daemon.cli.photo_arguments import (
    FILE,
    check_given,
    model_given,
    photo_options,
    portraits_of,
    written,
)
from visard.daemon.config import paths
from visard.daemon.personas.entry_files import from_file, unsaved
from visard.daemon.personas.library import Library
from visard.daemon.personas.record import Persona

if TYPE_CHECKING:
    from visard.models.processor import Report


@click.command(cls=ProcessorCommand)
@photo_options
@click.option("--name", help="What to call the persona.")
@click.option(
    "--consent",
    type=click.Choice([choice.value for choice in Consent]),
    help="Why this face may be worn: it is yours, its owner permits it, it is nobody's, or it is free.",
)
@click.option("--title", help="What people see, in any script.  [default: the name]")
@click.option("--picture", type=FILE, help="A photo for a trained model, to be shown and animated.")
@click.option("--try", "trial", is_flag=True, help="Only show how it would look, as 'try' does.")
@click.option("--tune", "tuned", is_flag=True, help="Tune it at once, which takes minutes.")
@processor_options
@common
@pass_output
def add(
    output: Output,
    photos: tuple[Path, ...],
    faces: tuple[int, ...],
    at: float | None,
    snapshot: bool,
    name: str | None,
    consent: str | None,
    title: str | None,
    picture: Path | None,
    trial: bool,
    tuned: bool,
    processor: str | None,
    options: dict[str, str | None],
) -> None:
    """Make a persona from photos of one face, a clip, or a trained model such as FACE.dfm."""
    check_given(photos, snapshot)
    if trial:
        _try(output, photos, faces, at, snapshot, None)
        return
    if name is None or consent is None:
        raise click.UsageError("say --name and --consent; or --try, to see how it would look")
    with output.preparing(name) as report:
        if model_given(photos, snapshot):
            persona = _add_model(
                output, photos[0], name, Consent(consent), title, picture, processor, options, report
            )
        else:
            portraits = portraits_of(output, photos, faces, at, snapshot, report)
            persona = Library().add_portraits(
                portraits, name, Consent(consent), title, processor=processor, options=options
            )
    if tuned and not output.json:
        output.note(f"added {persona.name}")
    if tuned:
        tune_persona(output, Library(), persona, Wanted.usual(persona.name))
        return
    done = f"added {persona.name}; wear it with: visard run --persona {persona.name!r}"
    tell(output, persona, f"{done}\n{_offer(persona)}" if persona.photos else done)


def _offer(persona: Persona) -> str:
    """Say how a persona becomes more alike, and what that lacks here."""
    from visard.daemon.pipeline.tuning import lacking

    offer = f"more alike in minutes: visard personas tune {persona.name!r}"
    return f"{offer} ({why})" if (why := lacking()) else offer


def _add_model(
    output: Output,
    path: Path,
    name: str,
    consent: Consent,
    title: str | None,
    picture: Path | None,
    processor: str | None,
    options: dict[str, str | None],
    report: "Report",
) -> Persona:
    from visard.daemon.pipeline.sample import sample

    return Library().add(
        path,
        name,
        consent,
        title,
        processor=processor,
        options=_asked(output, path, processor, options),
        picture=picture,
        sample=partial(sample, report=report),
    )


def _asked(
    output: Output, path: Path, processor: str | None, options: dict[str, str | None]
) -> dict[str, str | None]:
    """Ask at a terminal for what only the person knows, unless it was given."""
    if output.json or not sys.stdin.isatty() or not path.is_file():
        return options
    from visard.daemon.personas.prepare import questions

    answers = {
        name: click.prompt(
            (field.description or name).capitalize(),
            default=getattr(field.default, "value", field.default),
            type=value_type(field),
            err=True,
        )
        for name, field in questions(from_file(path), processor).items()
        if name not in options
    }
    return {**answers, **options}


@click.command("try")
@photo_options
@click.option("--out", type=FILE, help="Where to write the picture.  [default: it is opened]")
@common
@pass_output
def try_(
    output: Output,
    photos: tuple[Path, ...],
    faces: tuple[int, ...],
    at: float | None,
    snapshot: bool,
    out: Path | None,
) -> None:
    """Show how a face would look, on the demo driver, before it is added; nothing is kept."""
    check_given(photos, snapshot)
    _try(output, photos, faces, at, snapshot, out)


def _try(
    output: Output,
    photos: tuple[Path, ...],
    faces: tuple[int, ...],
    at: float | None,
    snapshot: bool,
    out: Path | None,
) -> None:
    from visard.daemon.personas.photos import remarks
    from visard.daemon.pipeline.trial import trial

    found: tuple[str, ...] = ()
    with output.preparing("a trial picture") as report, tempfile.TemporaryDirectory() as folder:
        if model_given(photos, snapshot):
            persona = from_file(photos[0])
        else:
            portraits = portraits_of(output, photos, faces, at, snapshot, report)
            persona, found = unsaved(Path(folder), portraits), remarks(portraits)
        picture = trial(persona, report)
    place = written(picture, out or paths.cache() / "trial.jpg")
    if out is None and sys.stdout.isatty() and not output.json:
        click.launch(str(place))
    lines = [f"the trial picture is {place}", *(f"note: {remark}" for remark in found)]
    output.result({"picture": str(place), "warnings": list(found)}, "\n".join(lines))


@click.command()
@click.argument("name")
@click.option("--add", "added", type=FILE, multiple=True, metavar="PHOTO", help="Add a photo.")
@click.option("--face", type=click.IntRange(1), help="Which face of the first added photo.")
@click.option("--at", type=Time(), metavar="TIME", help="The frame of the first added clip.")
@click.option(
    "--remove", "removed", type=click.IntRange(1), multiple=True, metavar="N", help="Move a photo to the bin."
)
@click.option("--first", type=click.IntRange(1), metavar="N", help="Let this one show the persona.")
@common
@pass_output
def photos(
    output: Output,
    name: str,
    added: tuple[Path, ...],
    face: int | None,
    at: float | None,
    removed: tuple[int, ...],
    first: int | None,
) -> None:
    """List the photos of a persona, or change them: remove some, add others, choose the one that shows it."""
    from visard.daemon.api.requests import PhotoChange

    library = Library()
    persona = library.get(name)
    if added or removed or first:

        def here() -> None:
            with output.preparing(persona.name) as report:
                portraits = portraits_of(output, added, (face,) if face else (), at, False, report)
            library.change_photos(persona.name, portraits, removed, first)

        wanted = PhotoChange(
            add=tuple(str(path.absolute()) for path in added), remove=removed, first=first, face=face, at=at
        )
        through_daemon(
            lambda daemon: daemon.change_photos(persona.name, wanted),
            here,
        )
        persona = library.get(persona.name)
    lines = [f"{number}  {path}" for number, path in enumerate(persona.photos, 1)]
    tell(output, persona, "\n".join(lines) or f"{persona.name} has no photo")
