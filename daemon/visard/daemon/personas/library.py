"""The library of personas: the six that ship with Visard and the user's own, one folder each.

A folder appears under its name complete or not at all; removing moves it to a bin inside the library.
"""

import difflib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from visard.daemon.api.schema import Consent
from visard.daemon.config import paths
from visard.daemon.errors import PersonaError, PersonaUnknown
from visard.daemon.personas.entry_files import (
    copy_model,
    from_file,
    write_choice,
    write_pictures,
    write_record,
    write_thumbnail,
)
from visard.daemon.personas.record import (
    MAX_BYTES,
    Damaged,
    Persona,
    PersonaKind,
    ProcessorChoice,
    Record,
    check_name,
    check_title,
    new_record,
    read,
)
from visard.engines.file_access import make_private, read_plain

if TYPE_CHECKING:
    from visard.models.face import Image
    from visard.models.portrait import Portrait

SHIPPED = Path(__file__).parent / "shipped"
_BIN = ".removed"


def _own_folder() -> Path:
    folder = paths.data() / "personas"
    make_private(folder)
    return folder


@dataclass
class Library:
    """Personas on disk; every call looks anew, so several programs may use one library."""

    root: Path = field(default_factory=_own_folder)
    shipped: Path = SHIPPED
    guest: Persona | None = None
    """One that is here for a while, unsaved, and goes before any other of its name."""

    def entries(self) -> list[Persona | Damaged]:
        """Return everything there is: a guest, the shipped ones, the others, each part in order of name."""
        kept = [*self._read(self.shipped, shipped=True), *self._read(self.root)]
        if self.guest is None:
            return kept
        return [self.guest, *(one for one in kept if one.name.lower() != self.guest.name.lower())]

    def _read(self, folder: Path, *, shipped: bool = False) -> Iterator[Persona | Damaged]:
        for path in sorted(folder.iterdir(), key=lambda path: path.name.lower()):
            if path.is_dir() and not path.name.startswith("."):
                entry = read(path, shipped=shipped)
                yield self._with_choice(entry) if shipped and isinstance(entry, Persona) else entry

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
        """Return the persona that ``choice`` names: an entry, an alias or the path of a picture or model.

        None is the first shipped one. The file is not examined here. Raises PersonaError.
        """
        if choice is None:
            return self.personas()[0]
        if self.find(choice) is None and (path := Path(choice).expanduser()).is_file():
            return from_file(path)
        return self.get(choice)

    def add(
        self,
        path: Path,
        name: str,
        consent: Consent,
        title: str | None = None,
        *,
        processor: str | None = None,
        options: Mapping[str, Any] | None = None,
        picture: Path | None = None,
        sample: Callable[[Persona], "Image"] | None = None,
    ) -> Persona:
        """Examine a photo and keep it, without its metadata; or keep a trained model as it is.

        A model may have a ``picture``, to be shown and animated. Without one ``sample`` is asked for its
        thumbnail: what it makes of somebody. Raises PersonaError, PortraitError and ModelRefused.
        """
        from visard.daemon.personas.prepare import chosen, suitable
        from visard.models.portrait import examine

        self._check_free(name)
        made_of = from_file(path)
        record = made_of.record.model_copy(
            update={
                "name": name,
                "consent": consent,
                "title": check_title(name if title is None else title),
                **chosen(made_of, processor, options or {}).model_dump(),
            }
        )
        if made_of.picture:
            return self._save(record, examine(path))
        remarks = tuple(r for each in suitable(made_of.material) for r in each.check(made_of.material))
        record = record.model_copy(update={"warnings": remarks, "files": (f"model{path.suffix.lower()}",)})
        return self._save_model(record, path, examine(picture) if picture else None, sample)

    def _save_model(
        self,
        record: Record,
        model: Path,
        portrait: "Portrait | None",
        sample: Callable[[Persona], "Image"] | None,
    ) -> Persona:
        with self._new_folder(record.name) as folder:
            copy_model(model, folder / record.files[0])
            if portrait is not None:
                write_pictures(folder, portrait.image)
            write_record(folder, record)
            if portrait is None and sample is not None:
                write_thumbnail(folder, sample(Persona(record, folder, None)))
        return self.get(record.name)

    def configure(
        self,
        name: str,
        processor: str | None,
        options: Mapping[str, Any] | None,
        at_work: str | None = None,
    ) -> Persona:
        """Keep what puts a persona on (None: as it is), and options, as ``chosen`` takes them.

        Raises PersonaError.
        """
        from visard.daemon.personas.prepare import chosen

        persona = self.get(name)
        choice = chosen(persona, processor, options, at_work)
        try:
            if not persona.saved:
                record = persona.record.model_copy(update=choice.model_dump())
                self.guest = replace(persona, record=record)
            elif persona.shipped:
                make_private(self._choices)
                write_choice(self._choices / f"{persona.name}.json", choice)
            else:
                write_record(persona.folder, persona.record.model_copy(update=choice.model_dump()))
            os.utime(self.root)  # whoever keeps the library in memory looks at this
        except OSError as error:
            raise PersonaError(f"{name} cannot be written ({error.strerror}); nothing was changed") from error
        return self.get(persona.name)

    @property
    def _choices(self) -> Path:
        """Where what was chosen for personas that ship is kept."""
        return self.root / ".choices"

    def _with_choice(self, persona: Persona) -> Persona:
        try:
            kept = read_plain(self._choices / f"{persona.name}.json", MAX_BYTES, links=False)
            choice = ProcessorChoice.model_validate_json(kept)
        except (OSError, ValidationError):
            return persona
        return replace(persona, record=persona.record.model_copy(update=choice.model_dump()))

    def generate(
        self, person: "Callable[[int, int], Image]", seed: int | None = None, name: str | None = None
    ) -> Persona:
        """Keep a person who does not exist; the same seed gives the same person.

        ``person(seed, attempt)`` draws one; of a seed the first attempt with a usable face is taken.
        """
        from visard.daemon.personas.generator import first_usable

        seed = secrets.randbelow(1_000_000) if seed is None else seed
        name = f"person-{seed}" if name is None else name
        self._check_free(name)
        record = new_record(name, PersonaKind.generated, consent=Consent.generated, seed=seed)
        return self._save(record, first_usable(person, seed))

    def _check_free(self, name: str) -> None:
        check_name(name)
        if entry := self.find(name):
            raise PersonaError(
                f"there is a persona {entry.name} already; choose another name or remove it first"
            )

    def _save(self, record: Record, portrait: "Portrait") -> Persona:
        record = record.model_copy(update={"warnings": portrait.warnings})
        with self._new_folder(record.name) as folder:
            write_pictures(folder, portrait.image)
            write_record(folder, record)
        return self.get(record.name)

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
        if entry is self.guest:
            raise PersonaError(f"{entry.name} is not in the library, so it cannot be removed")
        if entry.folder.parent == self.shipped:
            raise PersonaError(f"{entry.name} ships with Visard and cannot be removed")
        place = self.root / _BIN / f"{entry.folder.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        make_private(place.parent)
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
        if persona is self.guest:
            raise PersonaError(f"{persona.name} is not in the library; add it under its new name")
        if persona.shipped:
            raise PersonaError(f"{persona.name} ships with Visard and keeps its name")
        if persona.name.lower() != new.lower():
            self._check_free(new)
        entry = read(persona.folder.rename(self.root / check_name(new)))
        return entry if isinstance(entry, Persona) else self.get(new)
