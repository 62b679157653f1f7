"""What every face of a folder says of itself, as arrays, kept in the folder so that it opens at once."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from visard.engines.cache import files
from visard.models.errors import FaceSetError, PictureUnreadable
from visard.models.picture_file import read_picture
from visard.models.train.faces.deepfacelab import DeepFaceLabRecord, read_deepfacelab
from visard.models.train.faces.measures import HASH_BYTES, measure
from visard.models.train.faces.point_layout import pose_of_68
from visard.models.train.faces.record import SIDECAR, SUFFIXES, FaceRecord, load_record

NAME = ".index.npz"
_MOST_NOTES = 5
ROW = np.dtype(
    [
        ("stamp", "i8", 4),  # time and size of the picture, and of its sidecar
        ("face_type", "U12"),
        ("resolution", "i4"),
        ("frame", "i8"),
        ("number", "i4"),
        ("track", "i8"),
        *((name, "f4") for name in ("yaw", "pitch", "roll", "size")),
        *((name, "f4") for name in ("blur", "brightness", "side_light", "occluded")),
        ("expression", "f4", 52),  # not a number where it is not known, as of DeepFaceLab's faces
        ("embedding", "f4", 128),
        ("fingerprint", "u1", HASH_BYTES),
    ]
)

Rows = npt.NDArray[Any]
"""A structured array of ROW, [n]."""


@dataclass
class Index:
    """Names, sources and rows of a folder's faces, in the order of the names."""

    names: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    rows: Rows = field(default_factory=lambda: np.zeros(0, ROW))
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, told: Callable[[int, int], None] = lambda _done, _all: None) -> "Index":
        """Return the faces of a folder; only pictures that are new or changed are read."""
        kept = _kept(folder)
        stamps = _stamps(folder)
        index, unread, changed = cls(), [], False
        rows: list[Rows] = []
        for number, (name, stamp) in enumerate(stamps.items()):
            source, row = kept.get(name, ("", None))
            if row is None or tuple(row["stamp"]) != stamp:
                told(number, len(stamps))
                changed = True
                try:
                    source, row = _read(folder / name, stamp)
                except (FaceSetError, PictureUnreadable, OSError) as error:
                    unread.append(str(error))
                    continue
            index.names.append(name)
            index.sources.append(source)
            rows.append(row)
        index.rows = np.array(rows, ROW) if rows else np.zeros(0, ROW)
        index.notes = _shortened(unread)
        if changed or len(kept) != len(rows):
            index.save(folder)
        return index

    def save(self, folder: Path) -> None:
        """Keep it; a folder that cannot be written opens more slowly."""
        with suppress(OSError), files.replacing(folder / NAME) as file:
            names, sources = (np.array(each, "U") for each in (self.names, self.sources))
            np.savez(file, names=names, sources=sources, rows=self.rows)

    def keys(self) -> set[tuple[str, int, int]]:
        """Return which faces of which pictures they are."""
        frames, numbers = self.rows["frame"].tolist(), self.rows["number"].tolist()
        return set(zip(self.sources, frames, numbers, strict=True))

    @classmethod
    def joined(cls, parts: "list[Index]") -> "Index":
        """Return the faces of several folders as one."""
        return cls(
            [name for part in parts for name in part.names],
            [source for part in parts for source in part.sources],
            np.concatenate([np.zeros(0, ROW), *(part.rows for part in parts)]),
        )


def _shortened(notes: list[str]) -> list[str]:
    more = len(notes) - _MOST_NOTES
    return notes if more <= 0 else [*notes[:_MOST_NOTES], f"and {more} more pictures that are left out"]


def _kept(folder: Path) -> dict[str, tuple[str, Any]]:
    """Return source and row by name, as they were kept; nothing where that is damaged or older."""
    try:
        with np.load(folder / NAME, allow_pickle=False) as held:
            names, sources, rows = held["names"], held["sources"], held["rows"]
        if rows.dtype != ROW or not len(names) == len(sources) == len(rows):
            return {}
    except Exception:  # numpy and zipfile raise many kinds for what they cannot read; it is only a copy
        return {}
    return dict(zip(names.tolist(), zip(sources.tolist(), rows, strict=True), strict=True))


def _stamps(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Return when pictures and their sidecars were written and how large they are, by name, in order."""
    found: dict[str, tuple[int, int]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # a link that leads to itself
                if not entry.name.startswith(".") and entry.is_file():
                    status = entry.stat()
                    found[entry.name] = status.st_mtime_ns, status.st_size
    names = sorted(name for name in found if Path(name).suffix.lower() in SUFFIXES)
    beside = (found.get(Path(name).with_suffix(SIDECAR).name, (0, 0)) for name in names)
    return {name: (*found[name], *other) for name, other in zip(names, beside, strict=True)}


def _read(path: Path, stamp: tuple[int, int, int, int]) -> tuple[str, Any]:
    """Return source and row of a picture. Raises FaceSetError for one without a record."""
    record = load_record(path)
    if record is not None:
        return record.source, _row(record, stamp)
    theirs = read_deepfacelab(path)
    if theirs is None:
        raise FaceSetError(f"{path.name} has no record of a face; extract it: visard train extract")
    return theirs.source, _row_of_theirs(path, theirs, stamp)


def _row(record: FaceRecord, stamp: tuple[int, int, int, int]) -> Any:
    row = np.zeros((), ROW)
    row["stamp"] = stamp
    for name in (ROW.names or ())[1:-1]:
        row[name] = getattr(record, name)
    row["fingerprint"] = np.frombuffer(bytes.fromhex(record.fingerprint), np.uint8)
    return row


def _row_of_theirs(path: Path, record: DeepFaceLabRecord, stamp: tuple[int, int, int, int]) -> Any:
    """Measure a face of DeepFaceLab's, whose data tells neither pose nor blur nor light."""
    picture = read_picture(path)
    height, width = picture.shape[:2]
    if height != width:
        raise FaceSetError(f"{path.name} is no aligned face: it has {width}x{height} pixels")
    measured = measure(picture, record.landmarks, record.face_type)
    row = np.zeros((), ROW)
    row["stamp"], row["face_type"], row["resolution"] = stamp, record.face_type, picture.shape[0]
    row["yaw"], row["pitch"], row["roll"] = pose_of_68(record.landmarks)
    row["size"], row["blur"] = record.source_size, measured.blur
    row["brightness"], row["side_light"] = measured.brightness, measured.side_light
    row["expression"] = row["embedding"] = np.nan
    row["fingerprint"] = measured.fingerprint
    return row
