"""What of the catalogue is here, and what a file or folder has to offer."""

from dataclasses import dataclass
from pathlib import Path

from visard.models.store.recognise import Recognised
from visard.models.store.record import Record
from visard.models.store.spec import Licence, ModelSpec

_SUFFIXES = {".onnx", ".pth", ".pt", ".tar", ".ckpt"}


@dataclass(frozen=True, slots=True)
class Holding:
    """A model of the catalogue, and what of it is here."""

    spec: ModelSpec
    record: Record
    missing: tuple[str, ...]
    """Names of files that are not here."""

    @property
    def here(self) -> bool:
        """Whether it can be used."""
        return not self.missing

    @property
    def accepted(self) -> bool:
        """Whether its licence needs no acceptance or has it."""
        return not self.spec.licence.ask or self.record.accepts(self.spec.licence.sha256)


@dataclass(frozen=True, slots=True)
class Found:
    """A file that can be imported."""

    path: Path
    what: Recognised


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to import in a file or folder."""

    found: tuple[Found, ...]
    refused: tuple[tuple[Path, str], ...]
    """Files that do not come, and why."""

    @property
    def bad(self) -> tuple[tuple[Path, str], ...]:
        """Return those of them that are called like models: notes and the like may well lie beside models."""
        return tuple(each for each in self.refused if each[0].suffix.lower() in _SUFFIXES)

    @property
    def licences(self) -> dict[str, Licence]:
        """Return the licence of every model that was found, by its name."""
        return {each.what.spec.name: each.what.spec.licence for each in self.found}
