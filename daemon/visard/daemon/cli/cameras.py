"""``visard cameras``."""

from dataclasses import asdict

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("cameras")
@common
@pass_output
def command(output: Output) -> None:
    """List the cameras with the names and ids that --source camera:NAME takes."""
    from visard.daemon.sources._cameras import list_cameras

    cameras = list_cameras()
    text = "\n".join(map(str, cameras)) or "no camera was found; 'visard doctor' tells more"
    output.result([asdict(camera) for camera in cameras], text)
