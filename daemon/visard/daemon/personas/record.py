"""One persona of the library: its record, its files, and what it may be called."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from visard.daemon.api.schema import Consent
from visard.daemon.config.settings import Line
from visard.daemon.errors import PersonaError
from visard.engines.file_access import open_plain, read_plain

if TYPE_CHECKING:
    from visard.models.processor import Material

RECORD, PICTURE, THUMBNAIL = "persona.json", "picture.jpg", "thumbnail.jpg"
PICTURES = (PICTURE, "picture.png")
AUTO = "auto"
"""Instead of a processor's name: the best that the material and this machine allow."""
MAX_BYTES = 1 << 16
"""Of a record."""
MAX_MODEL_BYTES = 4 << 30
"""Of a trained model, more than any is known to have."""
_MAX_PICTURE_BYTES = 256 << 20


class PersonaKind(StrEnum):
    """What the persona was made from."""

    photo = "photo"
    generated = "generated"
    model = "model"
    """Somebody trained it."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("printable", "Input should be one line of printable text")
    return text


_Text = Annotated[str, Field(max_length=255), AfterValidator(_printable)]
_Word = Annotated[str, Field(max_length=100)]
_Value = bool | int | float | Annotated[str, Field(max_length=1000)] | None


class ProcessorChoice(BaseModel):
    """What puts a persona on."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    processor: Line = Field(AUTO, max_length=100, description="auto, or the name of a processor")
    options: dict[_Word, dict[_Word, _Value]] = Field(
        {}, description="options that were chosen, by processor"
    )


class Record(ProcessorChoice):
    """What persona.json holds."""

    name: _Text
    title: _Text
    consent: Consent | None = None
    kind: PersonaKind
    created: datetime
    seed: int | None = None
    warnings: tuple[Annotated[Line, Field(max_length=500)], ...] = Field((), max_length=20)
    aliases: tuple[_Text, ...] = Field((), max_length=20, description="other names it answers to")
    files: tuple[_Text, ...] = Field(
        (), max_length=20, description="what it is made of besides its picture: a trained model"
    )


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
        return _read(folder, shipped)
    except OSError as error:
        reason = f"{Path(error.filename or RECORD).name} cannot be read ({error.strerror})"
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        reason = f"{RECORD} is broken ({'.'.join(map(str, problem['loc']))[:100]}: {problem['msg']})"
    except PersonaError as error:
        reason = str(error)
    return Damaged(shown(folder.name), folder, reason)


def _read(folder: Path, shipped: bool) -> Persona:
    if not folder.name.isprintable():
        raise PersonaError("the name of its folder is no text; rename the folder")
    record = Record.model_validate_json(read_plain(folder / RECORD, MAX_BYTES, links=False))
    record = record.model_copy(update={"name": folder.name})
    for name in record.files:
        if Path(name).name != name or not _is_there(folder / name, MAX_MODEL_BYTES):
            raise PersonaError(f"its file {name} is missing")
    pictures = [folder / name for name in PICTURES if _is_there(folder / name, _MAX_PICTURE_BYTES)]
    if not pictures and not record.files:
        raise PersonaError("its picture is missing")
    return Persona(record, folder, next(iter(pictures), None), shipped)


def _is_there(path: Path, limit: int) -> bool:
    """Whether there is such a file; raises OSError for any but a plain one of a sensible size."""
    try:
        open_plain(path, limit, links=False).close()
    except FileNotFoundError:
        return False
    return True


def shown(name: str) -> str:
    """Return a file's name with a replacement for what cannot be printed."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


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
