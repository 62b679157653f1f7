"""One persona of the library: its record, its files, and what it may be called."""

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
from visard.daemon.personas.names import is_title
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
MAX_PHOTOS = 8
"""Of a persona."""
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


def _title(text: str) -> str:
    if not is_title(text):
        raise PydanticCustomError("title", "Input should be one line of text that can be seen")
    return text


_Text = Annotated[str, Field(max_length=255), AfterValidator(_printable)]
_Title = Annotated[str, AfterValidator(_title)]
_Word = Annotated[str, Field(max_length=100)]
_Value = bool | int | float | Annotated[str, Field(max_length=1000)] | None


class ProcessorChoice(BaseModel):
    """What puts a persona on."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    processor: Line = Field(AUTO, max_length=100, description="auto, or the name of a processor")
    options: dict[_Word, dict[_Word, _Value]] = Field(
        {}, description="options that were chosen, by processor"
    )


class TunedFile(BaseModel):
    """A tuned correction of the mesh swap."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: Annotated[str, Field(pattern=r"^tuned-[0-9a-f]{12}\.npz$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    on: bool = Field(True, description="whether it is put on; without it the persona looks as before")


class Appearance(ProcessorChoice):
    """What a person may choose for a persona of the library, those that ship among them."""

    title: _Title | None = None
    tuned: TunedFile | None = None
    hidden: bool = Field(False, description="left out where personas are chosen, unless it is on")


class Record(Appearance):
    """What persona.json holds."""

    name: _Text
    title: _Title
    consent: Consent | None = None
    kind: PersonaKind
    created: datetime
    seed: int | None = None
    warnings: tuple[Annotated[Line, Field(max_length=500)], ...] = Field((), max_length=20)
    aliases: tuple[_Text, ...] = Field((), max_length=20, description="other names it answers to")
    files: tuple[_Text, ...] = Field(
        (), max_length=20, description="what it is made of besides its picture: a trained model"
    )
    photos: tuple[_Text, ...] = Field(
        (), max_length=MAX_PHOTOS, description="its photos, the first shows it; none: the one picture"
    )


@dataclass(frozen=True, slots=True)
class Persona:
    """A face that can be worn: an entry of the library, or a picture or model given by its path."""

    record: Record
    folder: Path
    """Where its files are."""
    picture: Path | None
    """The photo or portrait that shows it; a trained model needs none."""
    shipped: bool = False
    saved: bool = True
    more: tuple[Path, ...] = ()
    """Further photos of the same face."""
    choices: Path | None = None
    """Where else a correction may be: that of a persona that ships is not written to its folder."""

    @property
    def name(self) -> str:
        """What it is called in the library."""
        return self.record.name

    @property
    def photos(self) -> tuple[Path, ...]:
        """All its photos, the first shows it."""
        return (self.picture, *self.more) if self.picture else ()

    @property
    def material(self) -> "Material":
        """What processors make it of."""
        from visard.models.processor import Material, Tuned

        tuned = self.record.tuned
        return Material(
            self.photos,
            self.folder / self.record.files[0] if self.record.files else None,
            Tuned(self._correction(tuned), tuned.sha256) if tuned and tuned.on else None,
        )

    def _correction(self, tuned: TunedFile) -> Path:
        other = self.choices / tuned.file if self.choices else None
        return other if other and other.exists() else self.folder / tuned.file


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
    for names, limit in ((record.files, MAX_MODEL_BYTES), (record.photos, _MAX_PICTURE_BYTES)):
        for name in names:
            if Path(name).name != name or not _is_there(folder / name, limit):
                raise PersonaError(f"its file {name} is missing")
    there = (name for name in PICTURES if _is_there(folder / name, _MAX_PICTURE_BYTES))
    photos = tuple(folder / name for name in record.photos or list(there)[:1])
    if not photos and not record.files:
        raise PersonaError("its picture is missing")
    return Persona(record, folder, next(iter(photos), None), shipped, more=photos[1:])


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
