"""The library of personas: the six that ship with Visard and the user's own, one folder each.

A folder appears under its name complete or not at all; removing moves it to a bin inside the library.
"""

import difflib
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from visard.daemon.config import paths
from visard.daemon.errors import FaceUnusable, PersonaError, PersonaUnknown
from visard.daemon.personas.record import (
    PICTURE,
    RECORD,
    THUMBNAIL,
    Consent,
    Damaged,
    Persona,
    PersonaKind,
    Record,
    check_name,
    check_title,
    read,
)

if TYPE_CHECKING:
    from visard.models.face import Image
    from visard.models.portrait import Portrait

SHIPPED = Path(__file__).parent / "shipped"
ATTEMPTS = 8
_BIN = ".removed"


def _own_folder() -> Path:
    folder = paths.data() / "personas"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Library:
    """Personas on disk; every call looks anew, so several programs may use one library."""

    root: Path = field(default_factory=_own_folder)
    shipped: Path = SHIPPED

    def entries(self) -> list[Persona | Damaged]:
        """Return everything there is, the shipped ones first, each part in order of name."""
        return [*self._read(self.shipped, shipped=True), *self._read(self.root)]

    def _read(self, folder: Path, *, shipped: bool = False) -> Iterator[Persona | Damaged]:
        for path in sorted(folder.iterdir(), key=lambda path: path.name.lower()):
            if path.is_dir() and not path.name.startswith("."):
                yield read(path, shipped=shipped)

    def personas(self) -> list[Persona]:
        """Return the usable entries."""
        return [entry for entry in self.entries() if isinstance(entry, Persona)]

    def find(self, name: str) -> Persona | Damaged | None:
        """Return the entry of this name or alias, upper and lower case being the same."""
        for entry in self.entries():
            names = (entry.name, *(entry.record.aliases if isinstance(entry, Persona) else ()))
            if name.lower() in map(str.lower, names):
                return entry
        return None

    def get(self, name: str) -> Persona:
        """Return the usable entry of this name, or raise PersonaError."""
        entry = self.find(name)
        if isinstance(entry, Damaged):
            raise PersonaError(
                f"persona {entry.name} is damaged: {entry.reason}; remove it and add its photo again"
            )
        if entry is None:
            raise PersonaUnknown(self._unknown(name))
        return entry

    def _unknown(self, name: str) -> str:
        names = [persona.name for persona in self.personas()]
        near = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
        return f"there is no persona and no picture {name!r}; {hint}"

    def resolve(self, choice: str | None = None) -> Persona:
        """Return the persona that ``choice`` names: an entry, an alias or the path of a picture.

        None is the first shipped one. The picture is not examined here. Raises PersonaError.
        """
        if choice is None:
            return self.personas()[0]
        if self.find(choice) is None and (path := Path(choice).expanduser()).is_file():
            return Persona(_record(path.stem, PersonaKind.photo, title=path.name), path, saved=False)
        return self.get(choice)

    def add(self, photo: Path, name: str, consent: Consent, title: str | None = None) -> Persona:
        """Examine a photo and keep it, without its metadata. Raises PersonaError and PortraitError."""
        from visard.models.portrait import examine

        self._check_free(name)
        record = _record(
            name, PersonaKind.photo, consent=consent, title=check_title(name if title is None else title)
        )
        return self._save(record, examine(photo))

    def generate(
        self, person: "Callable[[int, int], Image]", seed: int | None = None, name: str | None = None
    ) -> Persona:
        """Keep a person who does not exist; the same seed gives the same person.

        ``person(seed, attempt)`` draws one; of a seed the first attempt with a usable face is taken.
        """
        seed = secrets.randbelow(1_000_000) if seed is None else seed
        name = f"person-{seed}" if name is None else name
        self._check_free(name)
        record = _record(name, PersonaKind.generated, consent=Consent.generated, seed=seed)
        return self._save(record, _first_usable(person, seed))

    def _check_free(self, name: str) -> None:
        check_name(name)
        if entry := self.find(name):
            raise PersonaError(
                f"there is a persona {entry.name} already; choose another name or remove it first"
            )

    def _save(self, record: Record, portrait: "Portrait") -> Persona:
        record = record.model_copy(update={"warnings": portrait.warnings})
        with self._new_folder(record.name) as folder:
            write_files(folder, record, portrait)
        return Persona(record, self.root / record.name / PICTURE)

    @contextmanager
    def _new_folder(self, name: str) -> Iterator[Path]:
        """Give a hidden folder to fill; at the end it takes its name, and after an error it is gone."""
        try:
            with tempfile.TemporaryDirectory(dir=self.root, prefix=".new-") as hidden:
                folder = Path(hidden) / name
                folder.mkdir(mode=0o700)
                yield folder
                folder.rename(self.root / name)
        except OSError as error:
            reason = error.strerror or error
            raise PersonaError(f"persona {name} cannot be written to {self.root}: {reason}") from error

    def remove(self, name: str, *, forever: bool = False) -> None:
        """Move an entry to the bin, or delete it for good. Raises PersonaError for a shipped one."""
        entry = self.find(name)
        if entry is None:
            raise PersonaUnknown(self._unknown(name))
        if entry.folder.parent == self.shipped:
            raise PersonaError(f"{entry.name} ships with Visard and cannot be removed")
        place = self.root / _BIN / f"{entry.folder.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        place.parent.mkdir(mode=0o700, exist_ok=True)
        entry.folder.rename(place)
        if forever:
            shutil.rmtree(place)

    def removed(self) -> dict[str, Path]:
        """Return what lies in the bin, by name; of several with one name the newest."""
        folder = self.root / _BIN
        return (
            {path.name.rpartition(".")[0]: path for path in sorted(folder.iterdir())}
            if folder.exists()
            else {}
        )

    def restore(self, name: str) -> Persona | Damaged:
        """Bring the last removed entry of this name back. Raises PersonaError."""
        bin_ = {key.lower(): (key, path) for key, path in self.removed().items()}
        if name.lower() not in bin_:
            known = ", ".join(self.removed()) or "nothing"
            raise PersonaUnknown(f"no persona {name!r} was removed; the bin holds: {known}")
        original, path = bin_[name.lower()]
        self._check_free(original)
        return read(path.rename(self.root / original))

    def rename(self, name: str, new: str) -> Persona:
        """Give a persona of the user another name."""
        persona = self.get(name)
        if persona.shipped:
            raise PersonaError(f"{persona.name} ships with Visard and keeps its name")
        if persona.name.lower() != new.lower():
            self._check_free(new)
        entry = read(persona.folder.rename(self.root / check_name(new)))
        return entry if isinstance(entry, Persona) else self.get(new)


def _record(
    name: str,
    kind: PersonaKind,
    *,
    title: str | None = None,
    consent: Consent | None = None,
    seed: int | None = None,
) -> Record:
    now = datetime.now(UTC)
    return Record(name=name, title=title or name, consent=consent, kind=kind, created=now, seed=seed)


def _first_usable(person: "Callable[[int, int], Image]", seed: int) -> "Portrait":
    from visard.models.portrait import examine

    for attempt in range(ATTEMPTS):
        try:
            return examine(person(seed, attempt))
        except FaceUnusable as error:
            reason = error
    raise PersonaError(
        f"seed {seed} gives no usable face in {ATTEMPTS} attempts ({reason}); try another seed"
    )


def write_files(folder: Path, record: Record, portrait: "Portrait") -> None:
    """Write picture, thumbnail and record into an empty folder; raises OSError."""
    from PIL import Image as Pillow

    from visard.models.portrait import shrink

    for name, image, quality in ((PICTURE, portrait.image, 95), (THUMBNAIL, shrink(portrait.image, 256), 88)):
        Pillow.fromarray(image[:, :, ::-1]).save(folder / name, quality=quality, subsampling=0)
    (folder / RECORD).write_text(record.model_dump_json(indent=1, exclude_none=True) + "\n")
