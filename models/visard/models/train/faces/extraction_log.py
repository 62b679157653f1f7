"""What was done in a folder of faces, line by line: whoever is stopped in the middle goes on from there."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visard.engines.file_access import private_file, read_plain
from visard.models.errors import FaceSetError
from visard.models.swap.dfm.options import FaceType
from visard.models.train.faces.options import DropReason

NAME = "extraction.jsonl"
_MAX_BYTES = 256 << 20


class SetHead(BaseModel):
    """What all faces of a folder share."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["set"] = "set"
    version: Literal[1] = 1
    face_type: FaceType
    resolution: int


class SourceDone(BaseModel):
    """How far a source is."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["source"] = "source"
    path: str
    label: str = Field(max_length=400)
    """How its faces name it."""
    stamp: tuple[int, int]
    """Time and size of the file."""
    options: str
    """Those that it was looked at with."""
    next_frame: int = 0
    """The first that was not looked at."""
    frames: int = 0
    """That were."""
    finished: bool = False
    kept: int = 0
    dropped: dict[DropReason, int] = {}
    error: str = ""
    """Why it could not be read."""


class PeopleChosen(BaseModel):
    """Whose faces the folder holds; those of others are in folders below it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["people"] = "people"
    chosen: int | None
    """Number of a person, from 1, the one with most faces; None: all people."""
    count: int


@dataclass
class ExtractionLog:
    """The lines of one folder."""

    folder: Path
    head: SetHead | None = None
    sources: dict[str, SourceDone] = field(default_factory=dict)
    people: PeopleChosen | None = None

    @classmethod
    def load(cls, folder: Path) -> "ExtractionLog":
        """Return what was done; a last line that was cut off is left out. Raises FaceSetError, OSError."""
        log = cls(folder)
        try:
            lines = read_plain(folder / NAME, _MAX_BYTES).splitlines()
        except FileNotFoundError:
            return log
        for number, line in enumerate(lines):
            with suppress(ValueError):  # a writer that was killed leaves half a line
                data = json.loads(line)
                log._understood(data, number + 1)
        return log

    def _understood(self, data: Any, number: int) -> None:
        try:
            self._take(data)
        except (ValidationError, KeyError, TypeError) as error:
            raise FaceSetError(
                f"line {number} of {self.folder / NAME} cannot be understood; remove that file and extract "
                "again: faces that are there stay"
            ) from error

    def _take(self, data: Mapping[str, Any]) -> None:
        match data["kind"]:
            case "set":
                self.head = SetHead.model_validate(data)
            case "source":
                done = SourceDone.model_validate(data)
                self.sources[done.path] = done
            case "people":
                self.people = PeopleChosen.model_validate(data)

    def write(self, entry: SetHead | SourceDone | PeopleChosen) -> None:
        """Add a line, after whatever half line a killed writer left. Raises OSError."""
        data = entry.model_dump(mode="json")
        path = self.folder / NAME
        with open(path, "ab", opener=private_file) as file:
            half = file.tell() > 0 and not _ends_with_line(path)
            file.write(b"\n" * half + json.dumps(data).encode() + b"\n")
        self._take(data)

    def label(self, path: str, wanted: str) -> str:
        """Return how faces of a source name it: as before, and unlike those of any other."""
        if path in self.sources:
            return self.sources[path].label
        taken = {done.label for done in self.sources.values()}
        labels = [wanted, *(f"{wanted} ({number})" for number in range(2, len(taken) + 3))]
        return next(label for label in labels if label not in taken)

    def dropped(self) -> dict[DropReason, int]:
        """Return how many faces were left out, by reason."""
        total: Counter[DropReason] = Counter()
        for done in self.sources.values():
            total.update(done.dropped)
        return {reason: total[reason] for reason in DropReason if total[reason]}


def _ends_with_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
