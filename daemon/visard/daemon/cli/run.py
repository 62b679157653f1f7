"""``visard run``: the live loop in the foreground."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.options import (
    ProcessorCommand,
    mode_option,
    persona_option,
    processor_options,
    settings_options,
)
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.config.settings import Settings

if TYPE_CHECKING:
    from visard.daemon.config.settings import Mode


@click.command("run", cls=ProcessorCommand)
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
@processor_options
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after this long.")
@click.option("-y", "--overwrite", is_flag=True, help="Replace a video that is there already.")
@settings_options
@common
@pass_output
def command(
    output: Output,
    source: str | None,
    persona: str | None,
    sinks: tuple[str, ...],
    mode: "Mode | None",
    processor: str | None,
    options: dict[str, str | None],
    seconds: float | None,
    overwrite: bool,
    settings: Settings,
) -> None:
    """Put a persona on live: camera in, virtual camera out. Esc or Ctrl-C stops it.

    'visard sources', 'visard sinks' and 'visard processors' tell what there is to choose from.
    """
    from visard.daemon.foreground.run import run

    if not overwrite:
        _check_free(sinks)
    status = run(
        source, persona, sinks, settings, mode, processor=processor, options=options, seconds=seconds
    )
    for problem in status.problems:
        output.note(problem.message + (f". Run: {problem.fix}" if problem.fix else ""))
    faces = status.numbers.faces.words(zeros=True)
    output.result(status.model_dump(mode="json"), f"{status.numbers.frames} frames: {faces}")


def _check_free(sinks: tuple[str, ...]) -> None:
    """Refuse to write over a file. Raises SinkUnavailable."""
    from visard.daemon.errors import SinkUnavailable
    from visard.daemon.sinks import find_sink

    for spec in sinks:
        if find_sink(spec).name == "file" and Path(spec).is_file():
            raise SinkUnavailable(f"{spec} is there already; say --overwrite, or choose another name")
