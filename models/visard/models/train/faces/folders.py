"""The folders of a set of faces, and how pictures move between them: nothing is ever overwritten."""

from collections.abc import Iterable
from pathlib import Path

from visard.engines.file_access import make_private
from visard.models.train.faces.index import Index
from visard.models.train.faces.record import SIDECAR

UNSORTED = "unsorted"
"""Faces whose person is not settled yet; empty once an extraction has ended."""
PEOPLE = "people"
"""Faces of other people, in a folder for each."""
DROPPED = "dropped"
"""Small pictures of faces that were left out, in a folder for each reason."""
PRUNED = "pruned"
"""Faces that ``prune`` took away."""


def free_path(path: Path) -> Path:
    """Return the path, or one with a number behind its name where there is something already."""
    number, free = 2, path
    while free.exists() or free.with_suffix(SIDECAR).exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def move_face(path: Path, target: Path) -> Path:
    """Move a picture and what is beside it; return where it is now. Raises OSError.

    The sidecar goes first: a picture that is left alone for a moment has its record inside.
    """
    target = free_path(target)
    sidecar = path.with_suffix(SIDECAR)
    if sidecar.exists():
        sidecar.rename(target.with_suffix(SIDECAR))
    path.rename(target)
    return target


def move_faces(paths: Iterable[Path], folder: Path) -> int:
    """Move pictures into a folder; return how many."""
    make_private(folder)
    count = 0
    for path in list(paths):
        move_face(path, folder / path.name)
        count += 1
    return count


def people_folders(folder: Path) -> dict[int, Path]:
    """Return the folders of other people by their numbers."""
    below = folder / PEOPLE
    found = (path for path in below.iterdir() if path.is_dir()) if below.is_dir() else ()
    return dict(sorted((int(path.name), path) for path in found if path.name.isdecimal()))


def every_folder(folder: Path) -> list[Path]:
    """Return all folders of a set that hold faces."""
    places = [folder, folder / UNSORTED, *people_folders(folder).values(), folder / PRUNED]
    return [place for place in places if place.is_dir()]


def every_index(folder: Path) -> Index:
    """Return what is known of all faces of a set, wherever they lie; names are paths below the folder."""
    parts = []
    for place in every_folder(folder):
        part = Index.of(place)
        below = place.relative_to(folder)
        part.names = [(below / name).as_posix() for name in part.names]
        parts.append(part)
    return Index.joined(parts)
