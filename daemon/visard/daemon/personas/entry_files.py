"""What a persona's folder holds, written; and a persona of a file that is not in the library."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from visard.daemon.config.file import replace_file
from visard.daemon.errors import PersonaError
from visard.daemon.personas.record import (
    PICTURE,
    RECORD,
    THUMBNAIL,
    Persona,
    PersonaKind,
    ProcessorChoice,
    Record,
    new_record,
)

if TYPE_CHECKING:
    from visard.models.face import Image


def write_record(folder: Path, record: Record) -> None:
    """Write or replace a persona's record; raises OSError."""
    replace_file(folder / RECORD, record.model_dump_json(indent=1, exclude_none=True) + "\n")


def write_choice(path: Path, choice: ProcessorChoice) -> None:
    """Write or replace what was chosen for a persona whose own record cannot be changed; raises OSError."""
    fields = choice.model_dump(mode="json", include=set(ProcessorChoice.model_fields))
    replace_file(path, json.dumps(fields, indent=1) + "\n")


def write_pictures(folder: Path, image: "Image") -> None:
    """Write a persona's picture, BGR, and its thumbnail; raises OSError."""
    _save_jpeg(folder / PICTURE, image, 95)
    write_thumbnail(folder, image)


def write_thumbnail(folder: Path, image: "Image") -> None:
    """Write a persona's thumbnail, BGR, of at most 256 pixels; raises OSError."""
    from visard.models.portrait import shrink

    _save_jpeg(folder / THUMBNAIL, shrink(image, 256), 88)


def _save_jpeg(path: Path, image: "Image", quality: int) -> None:
    from PIL import Image as Pillow

    Pillow.fromarray(image[:, :, ::-1]).save(path, quality=quality, subsampling=0)


def from_file(path: Path) -> Persona:
    """Return a persona of one file: a model if a processor takes its ending, else a picture.

    Raises PersonaError where it is neither.
    """
    from visard.models.processor import PHOTO, processors

    models = {f".{kind}" for one in processors().values() for kind in one.accepts - {PHOTO}}
    if path.suffix.lower() in models:
        record = new_record(path.stem, PersonaKind.model, title=path.name)
        return Persona(record.model_copy(update={"files": (path.name,)}), path.parent, None, saved=False)
    if not _may_be_picture(path):
        endings = ", ".join(sorted(models))
        raise PersonaError(f"{path.name} is neither a picture nor a trained model, which ends in {endings}")
    return Persona(new_record(path.stem, PersonaKind.photo, title=path.name), path.parent, path, saved=False)


def _may_be_picture(path: Path) -> bool:
    """Whether a file has the name or the content of a picture; a broken one has its name."""
    from PIL import Image as Pillow

    if path.suffix.lower() in Pillow.registered_extensions():
        return True
    try:
        with Pillow.open(path):
            return True
    except Exception:  # Pillow raises many kinds for what it cannot read
        return False
