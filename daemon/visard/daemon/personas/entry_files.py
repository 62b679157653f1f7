"""What a persona's folder holds, written; and a persona of a file that is not in the library."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from visard.daemon.config.file import replace_file
from visard.daemon.errors import PersonaError
from visard.daemon.personas.names import LONGEST_TITLE
from visard.daemon.personas.record import (
    PICTURE,
    RECORD,
    THUMBNAIL,
    Appearance,
    Persona,
    PersonaKind,
    Record,
    new_record,
    shown,
)
from visard.engines.file_access import open_plain, private_file

if TYPE_CHECKING:
    from visard.models.face import Image
    from visard.models.portrait import Portrait


@contextmanager
def new_folder(root: Path, name: str) -> Iterator[Path]:
    """Give a hidden folder to fill; at the end it takes its name, and after an error it is gone.

    Raises PersonaError for what cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as hidden:
            folder = Path(hidden) / name
            folder.mkdir(mode=0o700)
            yield folder
            folder.rename(root / name)
    except OSError as error:
        reason = error.strerror or error
        raise PersonaError(f"persona {name} cannot be written to {root}: {reason}") from error


def write_record(folder: Path, record: Record) -> None:
    """Write or replace a persona's record; raises OSError."""
    replace_file(folder / RECORD, record.model_dump_json(indent=1, exclude_none=True) + "\n")


def write_appearance(path: Path, chosen: Appearance) -> None:
    """Write or replace what was chosen for a persona whose own record cannot be changed; raises OSError."""
    fields = chosen.model_dump(mode="json", include=set(Appearance.model_fields))
    replace_file(path, json.dumps(fields, indent=1, ensure_ascii=False) + "\n")


def write_pictures(folder: Path, images: "Sequence[Image]") -> tuple[str, ...]:
    """Write a persona's pictures, BGR, and a thumbnail of the first; return their names. Raises OSError."""
    names = (PICTURE, *map(photo_name, range(2, len(images) + 1)))
    for name, image in zip(names, images, strict=True):
        write_picture(folder / name, image)
    write_thumbnail(folder, images[0])
    return names


def photo_name(number: int) -> str:
    """Return what a further photo of a persona is called in its folder."""
    return f"photo-{number}.jpg"


def write_picture(path: Path, image: "Image") -> None:
    """Write one picture, BGR, as a JPEG of high quality; raises OSError."""
    _save_jpeg(path, image, 95)


def write_thumbnail(folder: Path, image: "Image") -> None:
    """Write a persona's thumbnail, BGR, of at most 256 pixels; raises OSError."""
    from visard.models.picture_file import shrink

    _save_jpeg(folder / THUMBNAIL, shrink(image, 256), 88)


def copy_file(source: Path, place: Path) -> None:
    """Copy a file to where it is there whole or not at all, for this user alone; raises OSError."""
    beside = place.with_name(f".{place.name}.new")
    with open_plain(source) as original, open(beside, "wb", opener=private_file) as copy:
        shutil.copyfileobj(original, copy, 1 << 20)
    beside.replace(place)


def _save_jpeg(path: Path, image: "Image", quality: int) -> None:
    from PIL import Image as Pillow

    with open(path, "wb", opener=private_file) as file:
        Pillow.fromarray(image[:, :, ::-1]).save(file, "JPEG", quality=quality, subsampling=0)


def unsaved(folder: Path, portraits: "Sequence[Portrait]") -> Persona:
    """Return a persona as it would be kept, whose pictures lie in ``folder``; raises OSError."""
    names = write_pictures(folder, [portrait.image for portrait in portraits])
    more = tuple(folder / name for name in names[1:])
    record = new_record("trial", PersonaKind.photo)
    return Persona(record, folder, folder / names[0], saved=False, more=more)


def is_model(path: Path) -> bool:
    """Whether a file has the name of a trained model that a processor takes."""
    return path.suffix.lower() in _model_endings()


def _model_endings() -> set[str]:
    from visard.models.processor import PHOTO, processors

    return {f".{kind}" for one in processors().values() for kind in one.accepts - {PHOTO}}


def from_file(path: Path) -> Persona:
    """Return a persona of one file: a model if a processor takes its ending, else a picture.

    Raises PersonaError where it is neither.
    """
    from visard.models.picture_file import is_picture

    if is_model(path):
        record = new_record(shown(path.stem), PersonaKind.model, title=shown(path.name)[:LONGEST_TITLE])
        return Persona(record.model_copy(update={"files": (path.name,)}), path.parent, None, saved=False)
    if not is_picture(path):
        endings = ", ".join(sorted(_model_endings()))
        raise PersonaError(f"{path.name} is neither a picture nor a trained model, which ends in {endings}")
    record = new_record(shown(path.stem), PersonaKind.photo, title=shown(path.name)[:LONGEST_TITLE])
    return Persona(record, path.parent, path, saved=False)
