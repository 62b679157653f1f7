"""``visard cameras``."""

from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.api.schema import CameraInfo


@click.command("cameras")
@common
@pass_output
def command(output: Output) -> None:
    """List the cameras with the names and ids that --source camera:NAME and the setting camera take."""
    from visard.daemon.api.client import Client
    from visard.daemon.cli.status_text import camera
    from visard.daemon.errors import DaemonError

    try:
        with Client() as daemon:
            cameras = daemon.cameras()
    except DaemonError:
        cameras = _look()
    text = "\n".join(map(camera, cameras)) or "no camera was found; 'visard doctor' tells more"
    output.result([each.model_dump(mode="json") for each in cameras], text)


def _look() -> "list[CameraInfo]":
    """Return what this process sees by itself; nobody has chosen yet."""
    from visard.daemon.api.schema import CameraInfo
    from visard.daemon.sources._cameras import list_cameras

    return [
        CameraInfo(id=each.stable_id, name=each.name, path=each.path, busy=each.busy, chosen=False)
        for each in list_cameras()
    ]
