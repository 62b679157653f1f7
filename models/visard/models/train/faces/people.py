"""Whose faces they are: groups of faces by SFace's embeddings, the person with most faces first."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visard.models.errors import FaceSetError
from visard.models.train.faces.extraction_log import ExtractionLog, PeopleChosen
from visard.models.train.faces.folders import (
    PEOPLE,
    PRUNED,
    UNSORTED,
    every_index,
    move_faces,
    people_folders,
)
from visard.models.train.faces.index import Index, Rows

_SAME, _SAME_TURNED = 0.45, 0.3
"""Mean cosine with a person's faces from which a face is theirs, and one that is seen badly.

SFace's authors take two pictures above 0.363 for one person; to mix two people costs more than to split one,
and among generated people, who share a style, pairs above 0.4 are not rare.
"""
_OTHER = 0.2
"""Cosine below which a face that is seen well is not the one that its track was so far."""
_TURNED, _TILTED = 35.0, 25.0
"""Degrees of yaw and pitch beyond which a face says little of who it is."""
_LITTLE = 0.05
"""Weight of such a face, where one that is seen well has 1."""

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Person:
    """One of the people in a set."""

    number: int
    """From 1, the one with most faces."""
    faces: int
    chosen: bool
    """Whether the set is theirs."""


def person_numbers(sources: list[str], rows: Rows) -> Numbers:
    """Return for each face the number of its person, from 1 in the order of how many faces they have.

    Faces of one track are taken together, but where they plainly are two people's.
    """
    if not len(rows):
        return np.zeros(0, np.int64)
    weights = np.where((abs(rows["yaw"]) < _TURNED) & (abs(rows["pitch"]) < _TILTED), 1.0, _LITTLE)
    weights = weights.astype(np.float32)
    tracks = _tracks(sources, rows, weights)
    sums = np.zeros((int(tracks.max()) + 1, rows["embedding"].shape[1]), np.float32)
    np.add.at(sums, tracks, np.nan_to_num(rows["embedding"]) * weights[:, None])
    groups = _groups(sums, np.bincount(tracks, weights).astype(np.float32))[tracks]
    found, first, counts = np.unique(groups, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    numbers = np.empty(int(found.max()) + 1, np.int64)
    numbers[found[order]] = np.arange(1, len(found) + 1)
    return np.asarray(numbers[groups], np.int64)


def _tracks(sources: list[str], rows: Rows, weights: Floats) -> Numbers:
    """Return a number for each face that those of a track share, a new one from where the person changes."""
    tracks = np.zeros(len(rows), np.int64)
    sums: dict[tuple[str, int], tuple[int, Floats]] = {}
    count = 0
    for at in sorted(range(len(rows)), key=lambda at: (sources[at], rows["track"][at], rows["frame"][at])):
        key = sources[at], int(rows["track"][at])
        embedding = rows["embedding"][at]
        known = sums.get(key)
        if known is None or (weights[at] == 1 and _cosine(known[1], embedding) < _OTHER):
            known = count, np.zeros_like(embedding)
            count += 1
        sums[key] = known[0], known[1] + weights[at] * embedding
        tracks[at] = known[0]
    return tracks


def _cosine(one: Floats, other: Floats) -> float:
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 0 else 1.0


def _groups(sums: Floats, weights: Floats) -> Numbers:
    """Return the group of each weighted sum of embeddings: the heaviest begin groups, others join.

    How alike two groups are is the mean cosine of their faces, the product of their mean embeddings.
    """
    groups, count = np.zeros(len(sums), np.int64), 0
    totals, heavy = np.zeros_like(sums), np.zeros_like(weights)
    for at in np.argsort(-weights, kind="stable"):
        alike = (totals[:count] @ sums[at]) / (heavy[:count] * weights[at])
        best = int(alike.argmax()) if count else 0
        if not count or alike[best] < (_SAME if weights[at] >= 1 else _SAME_TURNED):
            best, count = count, count + 1
        totals[best] += sums[at]
        heavy[best] += weights[at]
        groups[at] = best
    return _merged(groups, totals[:count], heavy[:count])


def _merged(groups: Numbers, totals: Floats, weights: Floats) -> Numbers:
    """Join groups that turned out to be alike, the most alike first."""
    means = totals / weights[:, None]
    alike = means @ means.T
    np.fill_diagonal(alike, -1)
    while alike.max(initial=-1) >= _SAME:
        one, other = map(int, sorted(np.unravel_index(int(alike.argmax()), alike.shape)))
        groups[groups == other] = one
        totals[one] += totals[other]
        weights[one] += weights[other]
        means[one] = totals[one] / weights[one]
        alike[one] = alike[:, one] = np.where(alike[one] > -1, means @ means[one], -1)
        alike[other] = alike[:, other] = -1
    return groups


def sort_people(log: ExtractionLog, wanted: int | None = None, *, everybody: bool = False) -> list[Person]:
    """Leave the faces of one person in the set's folder and put those of others below it; return all people.

    ``wanted`` is a person's number, of those who are there; without it the one that was chosen before, else
    the one with most faces. Raises FaceSetError for a number that nobody has, OSError.
    """
    folder = log.folder
    index = every_index(folder)
    if not np.isfinite(index.rows["embedding"]).all():
        raise FaceSetError(f"{folder} holds faces of DeepFaceLab's, which tell no identity; move those away")
    fresh = any(name.startswith(f"{UNSORTED}/") for name in index.names)
    if fresh or log.people is None:
        numbers = person_numbers(index.sources, index.rows)
    else:
        numbers = _as_they_lie(index, log.people.chosen)
    count = int(numbers.max(initial=0))
    before = log.people or PeopleChosen(chosen=1, count=0)
    if wanted is None and fresh and before.chosen is not None and before.count:
        wanted = _most_of(index, numbers)
    chosen = None if everybody else wanted or before.chosen
    if chosen is not None and count and chosen > count:
        raise FaceSetError(f"there is no person {chosen}; {count} were found, 1 has most faces")
    for number in range(1, count + 1):
        mine = chosen is None or number == chosen
        target = folder if mine else folder / PEOPLE / str(number)
        theirs = (folder / index.names[at] for at in np.flatnonzero(numbers == number))
        kept = (target, folder / PRUNED) if mine else (target,)
        move_faces((path for path in theirs if path.parent not in kept), target)
    _remove_empty(folder)
    log.write(PeopleChosen(chosen=chosen, count=count))
    counts = np.bincount(numbers, minlength=count + 1)
    return [Person(n, int(counts[n]), chosen in (None, n)) for n in range(1, count + 1)]


def _as_they_lie(index: Index, chosen: int | None) -> Numbers:
    """Return the numbers that people had, by the folders that their faces are in."""
    numbers = (
        person_numbers(index.sources, index.rows) if chosen is None else np.full(len(index.names), chosen)
    )
    for at, name in enumerate(index.names):
        parts = Path(name).parts
        if parts[0] == PEOPLE:
            numbers[at] = int(parts[1])
    return np.asarray(numbers, np.int64)


def _most_of(index: Index, numbers: Numbers) -> int | None:
    """Return the new number of the person that the set was of."""
    theirs = [number for name, number in zip(index.names, numbers, strict=True) if "/" not in name]
    return int(np.bincount(theirs).argmax()) if theirs else None


def _remove_empty(folder: Path) -> None:
    for place in [*people_folders(folder).values(), folder / PEOPLE, folder / UNSORTED]:
        if place.is_dir() and not any(not path.name.startswith(".") for path in place.iterdir()):
            for path in place.iterdir():
                path.unlink()
            place.rmdir()
