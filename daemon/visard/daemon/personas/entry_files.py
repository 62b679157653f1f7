"""What a persona's folder holds, written; and a persona of a file that is not in the library."""

import json
import shutil
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
    shown,
)
from visard.engines.file_access import open_plain, private_file

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
    from visard.models.picture_file import shrink

    _save_jpeg(folder / THUMBNAIL, shrink(image, 256), 88)


def copy_model(model: Path, place: Path) -> None:
    """Copy a trained model into a persona's folder; raises OSError."""
    with open_plain(model) as source, open(place, "wb", opener=private_file) as copy:
        shutil.copyfileobj(source, copy, 1 << 20)


def _save_jpeg(path: Path, image: "Image", quality: int) -> None:
    from PIL import Image as Pillow

    with open(path, "wb", opener=private_file) as file:
        Pillow.fromarray(image[:, :, ::-1]).save(file, "JPEG", quality=quality, subsampling=0)


def from_file(path: Path) -> Persona:
    """Return a persona of one file: a model if a processor takes its ending, else a picture.

    Raises PersonaError where it is neither.
    """
    from visard.models.picture_file import is_picture
    from visard.models.processor import PHOTO, processors

    models = {f".{kind}" for one in processors().values() for kind in one.accepts - {PHOTO}}
    if path.suffix.lower() in models:
        record = new_record(shown(path.stem), PersonaKind.model, title=shown(path.name))
        return Persona(record.model_copy(update={"files": (path.name,)}), path.parent, None, saved=False)
    if not is_picture(path):
        endings = ", ".join(sorted(models))
        raise PersonaError(f"{path.name} is neither a picture nor a trained model, which ends in {endings}")
    record = new_record(shown(path.stem), PersonaKind.photo, title=shown(path.name))
    return Persona(record, path.parent, path, saved=False)
