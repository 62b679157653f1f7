"""What is in the library: the personas that ship and the user's own, found by name, alias or title."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from visard.daemon.config import paths
from visard.daemon.errors import PersonaError, PersonaUnknown
from visard.daemon.personas.entry_files import from_file
from visard.daemon.personas.names import same
from visard.daemon.personas.order import Order
from visard.daemon.personas.record import MAX_BYTES, Appearance, Damaged, Persona, read
from visard.engines.file_access import make_private, read_plain

SHIPPED = Path(__file__).parent / "shipped"
APPEARANCES = ".choices"
"""The folder of what was chosen for personas that ship."""
_ORDER = ".order.json"


def _own_folder() -> Path:
    folder = paths.data() / "personas"
    make_private(folder)
    return folder


@dataclass
class Entries:
    """Personas on disk; every call looks anew, so several programs may use one library."""

    root: Path = field(default_factory=_own_folder)
    shipped: Path = SHIPPED
    guest: Persona | None = None
    """One that is here for a while, unsaved, and goes before any other of its name."""

    def entries(self) -> list[Persona | Damaged]:
        """Return everything there is, in the order that was chosen; a guest comes first.

        Where nothing was chosen the shipped ones come before the others, each part in order of name.
        """
        kept = self.order.arrange([*self._read(self.shipped, shipped=True), *self._read(self.root)])
        if self.guest is None:
            return kept
        return [self.guest, *(one for one in kept if one.name.lower() != self.guest.name.lower())]

    @property
    def order(self) -> Order:
        """The order that was chosen."""
        return Order(self.root / _ORDER)

    def _read(self, folder: Path, *, shipped: bool = False) -> Iterator[Persona | Damaged]:
        for path in sorted(folder.iterdir(), key=lambda path: path.name.lower()):
            if path.is_dir() and not path.name.startswith("."):
                entry = read(path, shipped=shipped)
                yield self._as_chosen(entry) if shipped and isinstance(entry, Persona) else entry

    def personas(self) -> list[Persona]:
        """Return the usable entries."""
        return [entry for entry in self.entries() if isinstance(entry, Persona)]

    def visible(self) -> list[Persona]:
        """Return the usable entries that are not hidden."""
        return [persona for persona in self.personas() if not persona.record.hidden]

    def find(self, name: str) -> Persona | Damaged | None:
        """Return the entry of this name, alias or title, in this order; upper and lower case are the same.

        Raises PersonaError where several have the title.
        """
        entries = self.entries()
        for words in (_names, _aliases):
            if found := _answering(entries, name, words):
                return found[0]
        titled = _answering(entries, name, _titles)
        if len(titled) > 1:
            names = ", ".join(entry.name for entry in titled)
            raise PersonaError(f"{len(titled)} personas have the title {name}; say which one: {names}")
        return next(iter(titled), None)

    def entry(self, name: str) -> Persona | Damaged:
        """Return the entry of this name, or raise PersonaUnknown."""
        if (found := self.find(name)) is None:
            raise PersonaUnknown(self._unknown(name))
        return found

    def get(self, name: str) -> Persona:
        """Return the usable entry of this name, or raise PersonaError."""
        entry = self.entry(name)
        if isinstance(entry, Damaged):
            raise PersonaError(
                f"persona {entry.name} is damaged: {entry.reason}; remove it and add its photo again"
            )
        return entry

    def _unknown(self, name: str) -> str:
        names = [persona.name for persona in self.personas()]
        near = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
        return f"there is no persona and no picture {name!r}; {hint}"

    def resolve(self, choice: str | None = None) -> Persona:
        """Return the persona that ``choice`` names: an entry, an alias or the path of a picture or model.

        None is the first that is not hidden. The file is not examined here. Raises PersonaError.
        """
        if choice is None:
            return next(iter(self.visible() or self.personas()))
        if self.find(choice) is None and (path := Path(choice).expanduser()).is_file():
            return from_file(path)
        return self.get(choice)

    def check_free(self, name: str) -> None:
        """Raise PersonaError for a name that another has, or always had; one that was renamed gives it up."""
        entries = self.entries()
        shipped = [entry for entry in entries if entry.folder.parent == self.shipped]
        taken = _answering(entries, name, _names) or _answering(shipped, name, _aliases)
        if taken:
            raise PersonaError(
                f"there is a persona {taken[0].name} already; choose another name or remove it first"
            )

    def taken(self) -> list[str]:
        """Return every name and alias."""
        return [word for entry in self.entries() for word in (*_names(entry), *_aliases(entry))]

    def appearance(self, name: str) -> Path:
        """Where what was chosen for a persona that ships is kept."""
        return self.root / APPEARANCES / f"{name}.json"

    def _as_chosen(self, persona: Persona) -> Persona:
        try:
            kept = read_plain(self.appearance(persona.name), MAX_BYTES, links=False)
            choice = Appearance.model_validate_json(kept)
        except (OSError, ValidationError):
            return persona
        changes = {name: value for name, value in choice if value is not None}
        if choice.tuned and not (self.root / APPEARANCES / choice.tuned.file).exists():
            own = persona.record.tuned  # another version may ship another one
            changes["tuned"] = own and own.model_copy(update={"on": choice.tuned.on})
        record = persona.record.model_copy(update=changes)
        return replace(persona, record=record, choices=self.root / APPEARANCES)

    def _kept(self, name: str) -> Persona:
        """Return a persona that is in the library for good; raises PersonaError."""
        persona = self.get(name)
        if persona is self.guest:
            raise PersonaError(f"{persona.name} is not in the library; add it first")
        return persona


def _names(entry: Persona | Damaged) -> tuple[str, ...]:
    return (entry.name,)


def _aliases(entry: Persona | Damaged) -> tuple[str, ...]:
    return entry.record.aliases if isinstance(entry, Persona) else ()


def _titles(entry: Persona | Damaged) -> tuple[str, ...]:
    return (entry.record.title,) if isinstance(entry, Persona) else ()


def _answering(
    entries: Iterable[Persona | Damaged], name: str, words: Callable[[Persona | Damaged], tuple[str, ...]]
) -> list[Persona | Damaged]:
    return [entry for entry in entries if any(same(name, word) for word in words(entry))]
