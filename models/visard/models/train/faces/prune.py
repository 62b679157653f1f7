"""Makes a set smaller without making it poorer; what it takes away is kept and can be brought back."""

from pathlib import Path

import numpy as np

from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.folders import PRUNED, move_faces
from visard.models.train.faces.index import Index
from visard.models.train.faces.order import Order

_CELL = 6.0
"""Degrees of yaw and pitch that one direction spans."""


def prune_faces(folder: Path, keep: int | None = None, worst: float = 0.0) -> int:
    """Take faces away; return how many. Raises FaceSetError, OSError.

    First the ``worst`` share, 0..1, by blur; then, down to ``keep``, those of directions that have most, so
    that all directions have as many as they can, the sharpest of each.
    """
    faces = FaceSet(folder)
    blur = faces.column("blur")
    staying = np.argsort(blur, kind="stable")[: len(faces) - int(len(faces) * worst)]
    if keep is not None and keep < len(staying):
        staying = _spread(faces, staying, keep)
    going = np.setdiff1d(np.arange(len(faces)), staying)
    return move_faces((faces.path(int(at)) for at in going), folder / PRUNED)


def _spread(faces: FaceSet, sharpest: Order, keep: int) -> Order:
    """Return ``keep`` faces: the sharpest of every direction, then the second of each, and so on."""
    cells = np.stack([faces.column("yaw"), faces.column("pitch")], 1)[sharpest] // _CELL
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    taken: dict[int, int] = {}
    turns = np.empty(len(sharpest), np.int64)
    for place, number in enumerate(cell.ravel().tolist()):
        turns[place] = taken.get(number, 0)
        taken[number] = turns[place] + 1
    return sharpest[np.argsort(turns, kind="stable")[:keep]]


def restore_faces(folder: Path) -> int:
    """Bring back all that was taken away; return how many faces. Raises FaceSetError, OSError."""
    FaceSet(folder)
    place = folder / PRUNED
    if not place.is_dir():
        return 0
    return move_faces((place / name for name in Index.of(place).names), folder)
