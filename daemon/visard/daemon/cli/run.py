"""``visard run``: the live loop in the foreground."""

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from visard.daemon.cli.options import mode_option, persona_option, settings_options
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.config.settings import Settings

if TYPE_CHECKING:
    from visard.daemon.config.settings import Mode


@click.command("run")
@click.option(
    "-s", "--source", help="A camera, a video, a picture, a folder or 'demo'.  [default: camera, else demo]"
)
@persona_option
@click.option(
    "-k",
    "--sink",
    "sinks",
    multiple=True,
    help="Where frames go, several at once: 'camera', 'preview', 'null', a video.  [default: camera]",
)
@mode_option
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after this long.")
@settings_options
@common
@pass_output
def command(
    output: Output,
    source: str | None,
    persona: str | None,
    sinks: tuple[str, ...],
    mode: "Mode",
    seconds: float | None,
    settings: Settings,
) -> None:
    """Put a persona on live: camera in, virtual camera out. Esc or Ctrl-C stops it.

    'visard sources' and 'visard sinks' tell what SOURCE and SINK may be.
    """
    from visard.daemon.foreground.run import run

    said = click.get_current_context().get_parameter_source("mode") is not ParameterSource.DEFAULT
    status = run(source, persona, sinks, settings, mode if said else None, seconds=seconds)
    if output.json:
        output.result(status.model_dump(mode="json"), "")
