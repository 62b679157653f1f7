"""``visard train pairs``: faces of a persona that has no more than a photo."""

from pathlib import Path

import click

from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.cli.train.extract import FACE_TYPES
from visard.daemon.foreground.signals import terminating

_PATH = click.Path(path_type=Path)


@click.command("pairs")
@click.argument("persona")
@click.argument("driver", type=click.Path(path_type=Path, exists=True))
@click.argument("target", metavar="OUT", type=_PATH)
@click.option(
    "--animate",
    is_flag=True,
    help="Move the persona's photo by the film instead: no pairs, but faces for training without pairs.",
)
@click.option("--face-type", type=click.Choice(FACE_TYPES), default="whole_face", show_default=True)
@click.option("--resolution", type=click.IntRange(64, 2048), default=256, show_default=True)
@click.option("--progress/--no-progress", "shown", default=None, help="Show a bar.  [default: on a terminal]")
@common
@pass_output
def pairs(
    output: Output,
    persona: str,
    driver: Path,
    target: Path,
    animate: bool,
    face_type: str,
    resolution: int,
    shown: bool | None,
) -> None:
    """Put PERSONA, of the library or a photo, on every face of DRIVER, and keep both in OUT.

    DRIVER is a film or a set of faces. OUT/persona and OUT/driver are sets as 'extract' makes them; picture i
    of both shows the same moment. Interrupted it goes on where it was.
    """
    from visard.daemon.foreground.training_faces import make_animated, make_pairs
    from visard.daemon.personas.library import Library
    from visard.models.train.faces.options import ExtractOptions

    options = ExtractOptions.model_validate({"face_type": face_type, "resolution": resolution})
    chosen = Library().resolve(persona)
    with terminating(), output.working("making faces", shown) as told:
        made = (make_animated if animate else make_pairs)(chosen, driver, target, options, told)
    kind = "quick" if animate else "distilled"
    output.result(
        {
            "persona": made.persona,
            "driver": made.driver,
            "persona_faces": made.persona_faces,
            "driver_faces": made.driver_faces,
            "paired": not animate,
        },
        f"{made.persona}: {made.persona_faces:,} faces\n{made.driver}: {made.driver_faces:,} faces\n"
        f"train on them: visard train new NAME --preset {kind} "
        f"--persona {made.persona} --driver {made.driver}",
    )
