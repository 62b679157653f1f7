"""What a persona's folder holds, written."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from visard.daemon.config.file import replace_file
from visard.daemon.personas.record import PICTURE, RECORD, THUMBNAIL, ProcessorChoice, Record

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
