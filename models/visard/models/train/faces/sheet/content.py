"""What a contact sheet shows: faces by direction and by person, and what was left out and why."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.errors import PictureUnreadable
from visard.models.face import Image
from visard.models.picture_file import read_picture
from visard.models.train.faces.extraction_log import ExtractionLog
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.folders import DROPPED, PRUNED, people_folders
from visard.models.train.faces.index import Index
from visard.models.train.faces.people import person_numbers

SIDE = 112
"""Pixels of a small picture."""
IN_ROW = 12
"""Small pictures in a row of the picture, and of a group on the page by default."""
MOST = 60
"""Small pictures of a group on the page at most."""
YAWS = (-90, -45, -25, -10, 10, 25, 45, 90)
PITCHES = (-90, -25, -10, 10, 25, 90)
"""Edges of directions, degrees."""
_DIRECTIONS = ("far left", "left", "slightly left", "from the front", "slightly right", "right", "far right")
_MOST_PEOPLE = 12

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture and what it is."""

    picture: Image
    """BGR [SIDE, SIDE, 3]."""
    caption: str


@dataclass(frozen=True, slots=True)
class SheetGroup:
    """Faces that belong together."""

    title: str
    note: str
    count: int
    faces: tuple[Thumbnail, ...]
    """At most MOST of them."""
    command: str = ""
    """What to type to have these."""


@dataclass(frozen=True, slots=True)
class SheetSection:
    """One part of a sheet."""

    title: str
    text: str
    groups: tuple[SheetGroup, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that both kinds of sheet show."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """Numbers, each with what it is."""
    directions: Counts
    """How many faces look where, [pitches, yaws], up first."""
    sections: tuple[SheetSection, ...]


def sheet_of(folder: Path) -> Sheet:
    """Look at a set. Raises FaceSetError for a folder that is none."""
    faces = FaceSet(folder)
    log = ExtractionLog.load(folder)
    sections = [_by_direction(faces), _by_person(faces, log), _dropped(folder, log)]
    shown = tuple(section for section in sections if section is not None)
    yaws, pitches = np.clip(faces.column("yaw"), -89, 89), np.clip(faces.column("pitch"), -89, 89)
    directions = np.histogram2d(pitches, yaws, (PITCHES, YAWS))[0].astype(np.int64)
    return Sheet(folder.resolve().name, tuple(_facts(faces, log)), directions, shown)


def _facts(faces: FaceSet, log: ExtractionLog) -> list[tuple[str, str]]:
    facts = [(f"{len(faces):,}", "face" if len(faces) == 1 else "faces")]
    if len(faces):
        side = int(np.median(faces.index.rows["resolution"]))
        facts.append((f"{side}", f"pixels, {faces.index.rows['face_type'][0].replace('_', ' ')}"))
    if sources := len(set(faces.index.sources)):
        facts.append((f"{sources:,}", "source" if sources == 1 else "sources"))
    if log.people and log.people.count:
        facts.append((str(log.people.count), "person" if log.people.count == 1 else "people found"))
    if dropped := sum(log.dropped().values()):
        facts.append((f"{dropped:,}", "left out"))
    if pruned := _count(faces.folder / PRUNED):
        facts.append((f"{pruned:,}", "pruned"))
    return facts


def _count(folder: Path) -> int:
    return len(Index.of(folder).names) if folder.is_dir() else 0


def _by_direction(faces: FaceSet) -> SheetSection:
    yaws, pitches = np.clip(faces.column("yaw"), -89, 89), faces.column("pitch")
    groups = []
    for low, high, title in zip(YAWS[:-1], YAWS[1:], _DIRECTIONS, strict=True):
        inside = np.flatnonzero((yaws >= low) & (yaws < high))
        inside = inside[np.argsort(pitches[inside], kind="stable")]
        edges = f"{low}° to {high}°" if abs(low) < 90 > abs(high) else f"beyond {min(abs(low), abs(high))}°"
        groups.append(SheetGroup(title, edges, len(inside), _thumbnails(faces, inside)))
    text = "By yaw, each from looking up to looking down. An even spread trains best."
    return SheetSection("Directions", text, tuple(groups))


def _by_person(faces: FaceSet, log: ExtractionLog) -> SheetSection | None:
    if log.people is None or log.people.count < 2:
        return None
    chosen, groups = log.people.chosen, []
    if chosen is None:
        numbers = person_numbers(faces.index.sources, faces.index.rows)
        for number in range(1, min(int(numbers.max(initial=0)), _MOST_PEOPLE) + 1):
            theirs = np.flatnonzero(numbers == number)
            groups.append(
                _person(number, len(theirs), _thumbnails(faces, theirs), "in this set", faces.folder)
            )
        return SheetSection("People", "All of them are in this set.", tuple(groups))
    everyone = np.arange(len(faces))
    shown = {chosen: (faces, everyone, "this set")}
    for number, place in people_folders(faces.folder).items():
        others = FaceSet(place)
        shown[number] = others, np.arange(len(others)), "left out"
    for number, (held, which, note) in sorted(shown.items())[:_MOST_PEOPLE]:
        groups.append(_person(number, len(which), _thumbnails(held, which), note, faces.folder))
    return SheetSection(
        "People", "This set is of one of them; the command makes it another's.", tuple(groups)
    )


def _person(
    number: int, count: int, thumbnails: tuple[Thumbnail, ...], note: str, folder: Path
) -> SheetGroup:
    command = "" if note == "this set" else f"visard train people {folder.name} --person {number}"
    return SheetGroup(f"person {number}", note, count, thumbnails[:IN_ROW], command)


def _dropped(folder: Path, log: ExtractionLog) -> SheetSection | None:
    groups = []
    for reason, count in log.dropped().items():
        paths = sorted((folder / DROPPED / reason).glob("*.jpg"))
        groups.append(SheetGroup(reason.words, "", count, tuple(filter(None, map(_example, paths)))))
    if not groups:
        return None
    return SheetSection("Left out", "Some of the faces that were not taken, and why.", tuple(groups))


def _example(path: Path) -> Thumbnail | None:
    try:
        return Thumbnail(_small(read_picture(path, 2 * SIDE)), "")
    except PictureUnreadable:
        return None


def _thumbnails(faces: FaceSet, which: Counts) -> tuple[Thumbnail, ...]:
    """Read some of them, evenly spread."""
    some = which if len(which) <= MOST else which[np.linspace(0, len(which) - 1, MOST).round().astype(int)]
    found = []
    for at in some:
        try:
            picture = _small(read_picture(faces.path(int(at)), 2 * SIDE))
        except PictureUnreadable:
            continue
        row = faces.index.rows[at]
        pose = f"yaw {row['yaw']:.0f}°, pitch {row['pitch']:.0f}°"
        found.append(Thumbnail(picture, f"{faces.names[at]}: {pose}, blur {row['blur']:.2f}"))
    return tuple(found)


def _small(picture: Image) -> Image:
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def evenly(faces: tuple[Thumbnail, ...], most: int) -> list[Thumbnail]:
    """Return so many of them, evenly spread."""
    if len(faces) <= most:
        return list(faces)
    return [faces[round(at)] for at in np.linspace(0, len(faces) - 1, most)]
