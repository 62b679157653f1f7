"""The order of personas that a person chose, kept in a file."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from visard.daemon.config.file import replace_file
from visard.daemon.personas.record import MAX_BYTES, Damaged, Persona
from visard.engines.file_access import read_plain

_NAMES = TypeAdapter(list[str])


@dataclass(frozen=True, slots=True)
class Order:
    """Names one after the other; who is not among them comes last."""

    path: Path

    def names(self) -> list[str]:
        """Return the names; none where nothing was chosen or the file is broken."""
        try:
            return _NAMES.validate_json(read_plain(self.path, MAX_BYTES, links=False))
        except (OSError, ValidationError):
            return []

    def arrange(self, entries: Iterable[Persona | Damaged]) -> list[Persona | Damaged]:
        """Return the entries in this order, and as they were where it says nothing of them."""
        ranks = {name.lower(): rank for rank, name in reversed(list(enumerate(self.names())))}
        return sorted(entries, key=lambda entry: ranks.get(entry.name.lower(), len(ranks)))

    def write(self, names: Sequence[str]) -> None:
        """Keep an order; raises OSError."""
        replace_file(self.path, json.dumps(list(names), indent=1, ensure_ascii=False) + "\n")

    def rename(self, name: str, new: str) -> None:
        """Give a persona's place to its new name as well; the old one does no harm. Raises OSError."""
        names = self.names()
        places = [place for place, known in enumerate(names) if known.lower() == name.lower()]
        if places and new not in names:
            names.insert(places[0], new)
            self.write(names)
