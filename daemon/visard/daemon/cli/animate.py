"""``visard animate``: a portrait moved by somebody in a file."""

from pathlib import Path

import click

from visard.daemon.cli.convert import Wanted, convert_files
from visard.daemon.cli.film_options import FilmOptions, film_options
from visard.daemon.cli.options import AnimatorCommand, animator_options, settings_of
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.config.settings import Settings

_PATH = click.Path(path_type=Path)


@click.command("animate", cls=AnimatorCommand)
@click.argument("portrait")
@click.argument("driving", type=_PATH)
@click.argument("target", metavar="OUT", type=_PATH)
@animator_options
@film_options
@settings_of("who", "rotate", "mirror", "zoom", "pan_x", "pan_y")
@common
@pass_output
def command(
    output: Output,
    portrait: str,
    driving: Path,
    target: Path,
    processor: str | None,
    options: dict[str, str | None],
    film: FilmOptions,
    settings: Settings,
) -> int:
    """Move PORTRAIT as the driver in the film or picture DRIVING moves, and write OUT with DRIVING's sound.

    PORTRAIT is a photo or painting by its path, or a persona of the library; OUT has its size, 1280 x 720 at
    most either way up. Nothing of DRIVING is seen. While no driver is there the portrait stays as it is.

    Motion is counted from the first frame: let the driver look there as the portrait does, or choose another
    --reference. A single picture has none, so its pose is taken where the animator can.

    DRIVING may be a folder; then OUT is a folder too, and what is in it already is left. After Ctrl-C or a
    kill the same command goes on where it stopped; until then out.part0.mp4 is there for out.mp4, and plays.
    """
    from visard.daemon.config.settings import Mode

    wanted = Wanted(portrait, Mode.animate, processor, options)
    return convert_files(output, driving, target, wanted, settings, film, None)
