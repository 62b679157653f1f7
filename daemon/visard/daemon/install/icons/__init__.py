"""Visard's icon, drawn once as SVG and rendered by packaging/icons/render.sh."""

from importlib.resources import files
from pathlib import PurePosixPath

SIZES = (16, 22, 24, 32, 48, 64, 128, 256)


def icons() -> dict[PurePosixPath, bytes]:
    """Return every form of the icon by its path below an icon theme's folder."""
    here = files(__package__)
    found = {PurePosixPath("scalable/apps/visard.svg"): here.joinpath("visard.svg").read_bytes()}
    for size in SIZES:
        path = PurePosixPath(f"{size}x{size}/apps/visard.png")
        found[path] = here.joinpath(f"visard-{size}.png").read_bytes()
    return found
