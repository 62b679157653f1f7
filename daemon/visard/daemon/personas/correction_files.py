"""The file of a tuned correction, in the folder of the persona that it belongs to."""

from pathlib import Path
from typing import TYPE_CHECKING

from visard.daemon.personas.record import TunedFile

if TYPE_CHECKING:
    from visard.models.swap.mesh.correction import Correction

_NAMES = "tuned-*.npz"


def keep_beside(folder: Path, correction: "Correction") -> TunedFile:
    """Write a correction into a folder and return what its record says of it; raises OSError.

    Its name tells its content, so that a record never points to another one.
    """
    made = correction.save(folder / ".tuned.npz")
    name = f"tuned-{made.sha256[:12]}.npz"
    made.path.replace(folder / name)
    return TunedFile(file=name, sha256=made.sha256)


def drop_others(folder: Path, kept: TunedFile) -> None:
    """Delete the corrections that went before; raises OSError."""
    for path in folder.glob(_NAMES):
        if path.name != kept.file:
            path.unlink()
