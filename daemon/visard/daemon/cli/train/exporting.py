"""``visard train export``: what was trained becomes a persona, or a file."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.api.schema import Consent
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.cli.persona_output import facts
from visard.daemon.cli.train.model import folder_of
from visard.engines.cache import files

if TYPE_CHECKING:
    from visard.models.processor import Report
    from visard.models.train.project import Project


@click.command("export")
@click.argument("name")
@click.argument("path", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--half", is_flag=True, help="Half the size: weights in half precision.")
@click.option(
    "--as", "called", metavar="NAME", help="What to call the persona.  [default: the training's name]"
)
@click.option(
    "--consent",
    type=click.Choice([choice.value for choice in Consent]),
    help="Why this face may be worn, of a persona: it is yours, its owner permits it, or it is nobody's.",
)
@common
@pass_output
def export(
    output: Output, name: str, path: Path | None, half: bool, called: str | None, consent: str | None
) -> None:
    """Put what was trained into the library as a persona, or write the .dfm file PATH.

    DeepFaceLive reads the file as well.
    """
    from visard.models.train import project

    training = project.read(folder_of(name))
    if path is None:
        if consent is None:
            why = ", ".join(choice.value for choice in Consent)
            raise click.UsageError(f"say --consent ({why}); or a path, to write a file alone")
        with output.preparing(called or name) as report:
            _into_library(output, training, called or name, Consent(consent), report, half=half)
        return
    done = project.export_newest(training, path, half=half)
    output.result(
        {"path": str(done.path), "bytes": done.bytes, "most": done.most, "mean": done.mean},
        f"{done.path}: {done.bytes / 1e6:.1f} MB; wear it with: visard personas add {done.path}",
    )


def _into_library(
    output: Output, training: "Project", name: str, consent: Consent, report: "Report", *, half: bool
) -> None:
    from visard.daemon.personas.library import Library
    from visard.daemon.pipeline.sample import sample
    from visard.models.train import project
    from visard.models.train.faces.alignment import crop_options

    library = Library()
    library.check_free(name)
    options = crop_options(training.options.face_type) | {"resolution": training.options.resolution}
    files.sweep(training.folder)
    place = files.scratch(training.folder, 0)
    try:
        report(0.0, "exporting")
        done = project.export_newest(training, place / "model.dfm", half=half)
        persona = library.add(
            done.path, name, consent, processor="dfm", options=options, sample=partial(sample, report=report)
        )
    finally:
        files.remove_tree(place)
    said = f"{persona.name} is in the library, {done.bytes / 1e6:.1f} MB, step {training.steps:,}"
    output.result(
        {**facts(persona), "bytes": done.bytes, "most": done.most, "mean": done.mean},
        f"{said}; wear it with: visard run --persona {persona.name!r}",
    )
