"""The library of personas: the six that ship with Visard and the user's own, one folder each.

A folder appears under its name complete or not at all; removing moves it to a bin inside the library.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visard.daemon.api.schema import Consent
from visard.daemon.errors import PersonaError, PersonaUnknown
from visard.daemon.personas.bin import Bin, Removed
from visard.daemon.personas.correction_files import drop_others, keep_beside
from visard.daemon.personas.entries import APPEARANCES, SHIPPED, Entries
from visard.daemon.personas.entry_files import (
    copy_file,
    from_file,
    new_folder,
    write_appearance,
    write_pictures,
    write_record,
    write_thumbnail,
)
from visard.daemon.personas.names import check_title, is_name, name_for, same
from visard.daemon.personas.photos import change_photos, remarks
from visard.daemon.personas.record import (
    MAX_PHOTOS,
    PICTURE,
    Damaged,
    Persona,
    PersonaKind,
    Record,
    new_record,
    read,
)
from visard.engines.file_access import make_private

if TYPE_CHECKING:
    from visard.models.face import Image
    from visard.models.portrait import Portrait
    from visard.models.swap.mesh.correction import Correction

__all__ = ["SHIPPED", "Library"]

_BIN = ".removed"
_MAX_ALIASES = 20


@dataclass
class Library(Entries):
    """Personas on disk; every call looks anew, so several programs may use one library."""

    @property
    def _bin(self) -> Bin:
        return Bin(self.root / _BIN)

    def add(
        self,
        path: Path,
        name: str | None,
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
        thumbnail: what it makes of somebody. A name that no folder can have is the title, and the name is
        made of it. Raises PersonaError, PortraitError and ModelRefused.
        """
        from visard.daemon.personas.prepare import suitable
        from visard.models.portrait import examine

        made_of = from_file(path)
        record = self._recorded(made_of, name, consent, title, processor=processor, options=options)
        if made_of.picture:
            return self._save(record, [examine(path)])
        found = tuple(r for each in suitable(made_of.material) for r in each.check(made_of.material))
        record = record.model_copy(update={"warnings": found, "files": (f"model{path.suffix.lower()}",)})
        return self._save_model(record, path, examine(picture) if picture else None, sample)

    def add_portraits(
        self,
        portraits: "Sequence[Portrait]",
        name: str | None,
        consent: Consent,
        title: str | None = None,
        *,
        processor: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Persona:
        """Keep photos of one face that were examined, the first shows it. Raises PersonaError."""
        if len(portraits) > MAX_PHOTOS:
            raise PersonaError(f"a persona has {MAX_PHOTOS} photos at most, not {len(portraits)}")
        made_of = Persona(new_record("photo", PersonaKind.photo), Path(), Path(PICTURE), saved=False)
        record = self._recorded(made_of, name, consent, title, processor=processor, options=options)
        return self._save(record, portraits)

    def _recorded(
        self,
        made_of: Persona,
        name: str | None,
        consent: Consent,
        title: str | None,
        *,
        processor: str | None,
        options: Mapping[str, Any] | None,
    ) -> Record:
        """Return the record of a new persona; raises PersonaError."""
        from visard.daemon.personas.prepare import chosen

        name, title = self._called(name, title)
        choice = chosen(made_of, processor, options or {})
        return made_of.record.model_copy(
            update={"name": name, "consent": consent, "title": title, **choice.model_dump()}
        )

    def _called(self, name: str | None, title: str | None) -> tuple[str, str]:
        """Return the name and the title of a new persona; raises PersonaError."""
        title = check_title(title if title is not None else name or "")
        if name is None or not is_name(name):
            return name_for(name or title, self.taken()), title
        self.check_free(name)
        return name, title

    def _save_model(
        self,
        record: Record,
        model: Path,
        portrait: "Portrait | None",
        sample: Callable[[Persona], "Image"] | None,
    ) -> Persona:
        with new_folder(self.root, record.name) as folder:
            copy_file(model, folder / record.files[0])
            if portrait is not None:
                write_pictures(folder, [portrait.image])
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
        return self._change(persona, chosen(persona, processor, options, at_work).model_dump())

    def hide(self, name: str, hidden: bool = True) -> Persona:
        """Leave a persona out where personas are chosen, or let it be seen again. Raises PersonaError."""
        return self._change(self._kept(name), {"hidden": hidden})

    def keep_correction(self, name: str, correction: "Correction") -> Persona:
        """Keep a correction that was found for a persona, and put it on. Raises PersonaError."""
        persona = self._kept(name)
        folder = self.root / APPEARANCES if persona.shipped else persona.folder
        with self._writing(persona.name):
            make_private(folder)
            kept = keep_beside(folder, correction)
        changed = self._change(persona, {"tuned": kept})
        if not persona.shipped:
            with self._writing(persona.name):
                drop_others(folder, kept)
        return changed

    def put_tuned(self, name: str, on: bool) -> Persona:
        """Let a persona look as it was tuned, or as before. Raises PersonaError."""
        persona = self._kept(name)
        if persona.record.tuned is None:
            raise PersonaError(
                f"{persona.name} was not tuned; tune it with: visard personas tune {persona.name}"
            )
        return self._change(persona, {"tuned": persona.record.tuned.model_copy(update={"on": on})})

    def _change(self, persona: Persona, changes: Mapping[str, Any]) -> Persona:
        """Keep another record, or of a persona that ships what was chosen for it. Raises PersonaError."""
        record = persona.record.model_copy(update=dict(changes))
        with self._writing(persona.name):
            if not persona.saved:
                self.guest = replace(persona, record=record)
            elif persona.shipped:
                make_private(self.root / APPEARANCES)
                write_appearance(self.appearance(persona.name), record)
            else:
                write_record(persona.folder, record)
        return self.get(persona.name)

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Raise PersonaError for what cannot be written; whoever keeps the library in memory is told else."""
        try:
            yield
            os.utime(self.root)
        except OSError as error:
            raise PersonaError(f"{name} cannot be written ({error.strerror}); nothing was changed") from error

    def generate(
        self, person: "Callable[[int, int], Image]", seed: int | None = None, name: str | None = None
    ) -> Persona:
        """Keep a person who does not exist; the same seed gives the same person.

        ``person(seed, attempt)`` draws one; of a seed the first attempt with a usable face is taken.
        """
        from visard.daemon.personas.generator import first_usable

        seed = secrets.randbelow(1_000_000) if seed is None else seed
        name, title = self._called(f"person-{seed}" if name is None else name, None)
        record = new_record(name, PersonaKind.generated, title=title, consent=Consent.generated, seed=seed)
        return self._save(record, [first_usable(person, seed)])

    def _save(self, record: Record, portraits: "Sequence[Portrait]") -> Persona:
        with new_folder(self.root, record.name) as folder:
            names = write_pictures(folder, [portrait.image for portrait in portraits])
            photos = names if len(names) > 1 else ()
            update = {"warnings": remarks(portraits), "photos": photos}
            write_record(folder, record.model_copy(update=update))
        return self.get(record.name)

    def change_photos(
        self, name: str, add: "Sequence[Portrait]" = (), remove: Sequence[int] = (), first: int | None = None
    ) -> Persona:
        """Add photos to a persona of the user and remove those of these numbers, into the bin.

        Numbers begin with 1; that of the ``first`` counts when this is done. Raises PersonaError.
        """
        persona = self._kept(name)
        if persona.shipped:
            raise PersonaError(f"{persona.name} ships with Visard and keeps its photo")
        with self._writing(persona.name):
            change_photos(persona, self._bin, add, remove, first)
        return self.get(persona.name)

    def remove(self, name: str, *, forever: bool = False) -> None:
        """Move an entry to the bin, or delete it for good. Raises PersonaError for a shipped one."""
        entry = self.entry(name)
        if entry is self.guest:
            raise PersonaError(f"{entry.name} is not in the library, so it cannot be removed")
        if entry.folder.parent == self.shipped:
            raise PersonaError(f"{entry.name} ships with Visard and cannot be removed; it can be hidden")
        with self._writing(entry.name):
            place = self._bin.put(entry.folder, entry.folder.name)
            if forever:
                shutil.rmtree(place)

    def removed(self) -> list[Removed]:
        """Return what lies in the bin, the newest last."""
        return self._bin.items()

    def empty_bin(self) -> int:
        """Delete for good what lies in the bin; return how much that was. Raises PersonaError."""
        with self._writing("the bin"):
            return self._bin.empty()

    def restore(self, name: str) -> Persona | Damaged:
        """Bring back the persona, or the photo of one, that was removed last. Raises PersonaError."""
        item = self._bin.newest(name)
        if item is None:
            known = ", ".join(dict.fromkeys(item.name for item in self.removed())) or "nothing"
            raise PersonaUnknown(f"no persona {name!r} was removed; the bin holds: {known}")
        if item.photo:
            persona = self._kept(item.name)
            with self._writing(persona.name):
                change_photos(persona, self._bin, restore=item.path)
            return self.get(persona.name)
        self.check_free(item.name)
        with self._writing(item.name):
            return read(item.path.rename(self.root / item.name))

    def rename(self, name: str, new: str | None, title: str | None = None) -> Persona:
        """Change what people see and, if a folder can have it, the name; the old name goes on to work.

        A persona that ships keeps its name. Raises PersonaError.
        """
        persona = self._kept(name)
        title = check_title(title if title is not None else new or "")
        if new is None or not is_name(new) or persona.shipped or persona.name == new:
            return self._change(persona, {"title": title})
        if persona.name.lower() != new.lower():
            self.check_free(new)
        ours = (persona.name, new)
        others = (alias for alias in persona.record.aliases if not any(same(alias, name) for name in ours))
        aliases = (*others, persona.name)[-_MAX_ALIASES:]
        with self._writing(persona.name):
            self.order.rename(persona.name, new)
            record = persona.record.model_copy(update={"name": new, "title": title, "aliases": aliases})
            write_record(persona.folder, record)
            persona.folder.rename(self.root / new)
        return self.get(new)

    def move(self, name: str, before: str | None) -> None:
        """Put a persona before another one, or last. Raises PersonaError."""
        moved = self._kept(name).name
        target = None if before is None else self._kept(before).name
        if target == moved:
            return
        names = [entry.name for entry in self.entries() if entry is not self.guest and entry.name != moved]
        names.insert(len(names) if target is None else names.index(target), moved)
        with self._writing("the order of personas"):
            self.order.write(names)
