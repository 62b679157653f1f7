"""One persona of the library: its record, its files, and what it may be called."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visard.daemon.api.schema import Consent
from visard.daemon.errors import PersonaError

if TYPE_CHECKING:
    from visard.models.processor import Material

RECORD, PICTURE, THUMBNAIL = "persona.json", "picture.jpg", "thumbnail.jpg"
PICTURES = (PICTURE, "picture.png")
AUTO = "auto"
"""Instead of a processor's name: the best that the material and this machine allow."""


class PersonaKind(StrEnum):
    """What the persona was made from."""

    photo = "photo"
    generated = "generated"
    model = "model"
    """Somebody trained it."""


class ProcessorChoice(BaseModel):
    """What puts a persona on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    processor: str = Field(AUTO, description="auto, or the name of a processor")
    options: dict[str, dict[str, Any]] = Field({}, description="options that were chosen, by processor")


class Record(ProcessorChoice):
    """What persona.json holds."""

    name: str
    title: str
    consent: Consent | None = None
    kind: PersonaKind
    created: datetime
    seed: int | None = None
    warnings: tuple[str, ...] = ()
    aliases: tuple[str, ...] = Field((), description="other names it answers to")
    files: tuple[str, ...] = Field((), description="what it is made of besides its picture: a trained model")


@dataclass(frozen=True, slots=True)
class Persona:
    """A face that can be worn: an entry of the library, or a picture or model given by its path."""

    record: Record
    folder: Path
    """Where its files are."""
    picture: Path | None
    """The photo or portrait; a trained model needs none."""
    shipped: bool = False
    saved: bool = True

    @property
    def name(self) -> str:
        """What it is called in the library."""
        return self.record.name

    @property
    def material(self) -> "Material":
        """What processors make it of."""
        from visard.models.processor import Material

        photos = (self.picture,) if self.picture else ()
        return Material(photos, self.folder / self.record.files[0] if self.record.files else None)


@dataclass(frozen=True, slots=True)
class Damaged:
    """An entry of the library that cannot be used, and why."""

    name: str
    folder: Path
    reason: str


def new_record(
    name: str,
    kind: PersonaKind,
    *,
    title: str | None = None,
    consent: Consent | None = None,
    seed: int | None = None,
) -> Record:
    """Return a record made now."""
    now = datetime.now(UTC)
    return Record(name=name, title=title or name, consent=consent, kind=kind, created=now, seed=seed)


def read(folder: Path, *, shipped: bool = False) -> Persona | Damaged:
    """Read one entry; never raises for what is inside the folder."""
    try:
        record = Record.model_validate_json((folder / RECORD).read_bytes())
    except OSError as error:
        return Damaged(folder.name, folder, f"{RECORD} cannot be read ({error.strerror})")
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        return Damaged(folder.name, folder, f"{RECORD} is broken ({problem['msg']})")
    record = record.model_copy(update={"name": folder.name})
    for name in record.files:
        if Path(name).name != name or not (folder / name).is_file():
            return Damaged(folder.name, folder, f"its file {name} is missing")
    picture = next((path for path in (folder / name for name in PICTURES) if path.is_file()), None)
    if picture is None and not record.files:
        return Damaged(folder.name, folder, "its picture is missing")
    return Persona(record, folder, picture, shipped)


def check_name(name: str) -> str:
    """Return ``name`` if it can be a folder everywhere and be typed by everybody, or raise PersonaError."""
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,62}[A-Za-z0-9_-])?", name):
        raise PersonaError(
            f"{name!r} cannot be a persona's name: use up to 64 of a-z, 0-9, '-', '_' and spaces, a "
            "letter or digit first (--title takes any text)"
        )
    if re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d", name, re.IGNORECASE):
        raise PersonaError(f"{name!r} is a name that Windows keeps for itself; choose another one")
    return name


def check_title(title: str) -> str:
    """Return ``title`` if it is one line of printable text; else raise PersonaError."""
    if not title.strip() or len(title) > 200 or not title.isprintable():
        raise PersonaError(f"{title!r} cannot be a title: use one line of at most 200 printable characters")
    return title.strip()
