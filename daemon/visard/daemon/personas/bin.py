"""The bin of the library: personas and photos that were removed or replaced, until somebody empties it."""

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from visard.daemon.personas.entry_files import copy_file
from visard.daemon.personas.names import same
from visard.daemon.personas.record import Persona, read
from visard.engines.file_access import make_private

_PLACE = re.compile(r"(?P<name>.+)\.(?P<when>\d{8}T\d{12})(?P<photo>\.jpg|\.png)?", re.DOTALL)
_WHEN = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, slots=True)
class Removed:
    """A persona's folder in the bin, or a photo of a persona."""

    name: str
    path: Path
    when: datetime
    photo: bool

    @property
    def title(self) -> str:
        """What people called the persona."""
        entry = None if self.photo else read(self.path)
        return entry.record.title if isinstance(entry, Persona) else self.name


@dataclass(frozen=True, slots=True)
class Bin:
    """A folder of what was removed, each thing by its name and when that was."""

    folder: Path

    def put(self, folder: Path, name: str) -> Path:
        """Move a persona's folder into the bin in one step; raises OSError."""
        return folder.rename(self._place(name))

    def copy(self, photo: Path, name: str) -> None:
        """Put a photo of a persona into the bin as well; raises OSError."""
        copy_file(photo, self._place(name, photo.suffix))

    def _place(self, name: str, ending: str = "") -> Path:
        make_private(self.folder)
        return self.folder / f"{name}.{datetime.now(UTC).strftime(_WHEN)}{ending}"

    def items(self) -> list[Removed]:
        """Return what lies in it, the newest last."""
        if not self.folder.is_dir():
            return []
        items = [item for path in self.folder.iterdir() if (item := _removed(path))]
        return sorted(items, key=lambda item: item.when)

    def newest(self, name: str) -> Removed | None:
        """Return what of this name, or with this title, was removed last."""
        items = self.items()
        named = [item for item in items if same(item.name, name)]
        titled = [item for item in items if same(item.title, name)]
        return next(reversed(named or titled), None)

    def empty(self) -> int:
        """Delete everything in it for good; return how much that was. Raises OSError."""
        paths = list(self.folder.iterdir()) if self.folder.is_dir() else []
        for path in paths:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        return len(paths)


def _removed(path: Path) -> Removed | None:
    """Return what a path in the bin is; None: nothing that was put there."""
    place = _PLACE.fullmatch(path.name)
    if place is None:
        return None
    try:
        when = datetime.strptime(place["when"], _WHEN).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Removed(place["name"], path, when, place["photo"] is not None)
