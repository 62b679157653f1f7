"""What is remembered of a model: where its files came from, their pins, and the licence that was accepted."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from visard.engines.cache import files
from visard.engines.file_access import make_private, read_plain
from visard.models.errors import ModelError

NAME = "record.json"
_MAX_BYTES = 1 << 20


@dataclass(slots=True)
class Kept:
    """A file that is here."""

    sha256: str
    size: int
    origin: str
    """Its address, or the path that it was imported from."""
    when: str
    """ISO 8601, UTC."""


@dataclass(slots=True)
class Acceptance:
    """A licence that was accepted."""

    licence: str
    """Its id."""
    sha256: str
    """Digest of what was shown."""
    when: str


@dataclass(slots=True)
class Record:
    """Everything remembered of one model; pins and acceptance outlive the files."""

    files: dict[str, Kept] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)
    """SHA-256 by file, of those that were first used without anybody having published theirs."""
    accepted: Acceptance | None = None

    @classmethod
    def load(cls, folder: Path) -> "Record":
        """Return what is remembered in a model's folder; raises ModelError when that cannot be read."""
        try:
            data = json.loads(read_plain(folder / NAME, _MAX_BYTES, links=False))
            return _record(data)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(
                f"{folder / NAME} cannot be read ({error}); remove it, and fetch or import the model again"
            ) from error

    def accepts(self, licence: str) -> bool:
        """Whether the licence of this digest was accepted."""
        return self.accepted is not None and self.accepted.sha256 == licence

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        make_private(folder)
        with files.replacing(folder / NAME) as file:
            file.write(json.dumps(asdict(self), indent=2).encode())


def _record(data: dict[str, Any]) -> Record:
    accepted = data["accepted"]
    return Record(
        {name: Kept(**kept) for name, kept in data["files"].items()},
        {name: str(digest) for name, digest in data["pins"].items()},
        Acceptance(**accepted) if accepted else None,
    )


def now() -> str:
    """Return the time as records have it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
