"""``visard train people``: whose faces a set holds."""

from dataclasses import asdict
from pathlib import Path

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("people")
@click.argument("folder", metavar="SET", type=click.Path(path_type=Path))
@click.option("--person", type=click.IntRange(1), help="Make the set this person's.")
@click.option("--all-people", is_flag=True, help="Make it everybody's.")
@common
@pass_output
def people(output: Output, folder: Path, person: int | None, all_people: bool) -> None:
    """Say whose faces a set holds, or make it another person's; nothing is extracted again.

    The faces of those who are left out stay in the folder 'people' of the set.
    """
    from visard.models.errors import FaceSetError
    from visard.models.train.faces.extraction_log import ExtractionLog
    from visard.models.train.faces.face_set import FaceSet
    from visard.models.train.faces.people import sort_people
    from visard.models.train.faces.sheet.files import write_sheets

    if person and all_people:
        raise click.UsageError("--person and --all-people exclude each other.")
    FaceSet(folder)
    log = ExtractionLog.load(folder)
    if log.head is None:
        raise FaceSetError(f"{folder} was not made by 'visard train extract', so nobody was told apart")
    found = sort_people(log, person, everybody=all_people)
    if person or all_people:
        write_sheets(folder)
    lines = [
        f"person {each.number}: {each.faces:,} faces{'' if each.chosen else ', left out'}" for each in found
    ]
    output.result([asdict(each) for each in found], "\n".join(lines) or "there is no face")
