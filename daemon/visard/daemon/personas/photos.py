"""The photos of a persona that is kept: added, removed into the bin, and which one shows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visard.daemon.errors import PersonaError
from visard.daemon.personas.bin import Bin
from visard.daemon.personas.entry_files import (
    copy_file,
    photo_name,
    write_picture,
    write_record,
    write_thumbnail,
)
from visard.daemon.personas.record import MAX_PHOTOS, THUMBNAIL, Persona

if TYPE_CHECKING:
    from visard.models.portrait import Portrait


def remarks(portraits: "Sequence[Portrait]") -> tuple[str, ...]:
    """Return what is said of photos, with the number of the photo where there are several."""
    return tuple(
        text if len(portraits) == 1 else f"photo {number}: {text}"
        for number, portrait in enumerate(portraits, 1)
        for text in portrait.warnings
    )


def change_photos(
    persona: Persona,
    bin_: Bin,
    add: "Sequence[Portrait]" = (),
    remove: Sequence[int] = (),
    first: int | None = None,
    *,
    restore: Path | None = None,
) -> None:
    """Take photos out into the bin, add some, restore one that is in the bin, and put one first.

    Killed at any moment it leaves the persona as it was or as it shall be, and no photo is lost: what moves
    is in two places before it is in one. Raises PersonaError, PortraitError and OSError.
    """
    _check_numbers(persona, len(persona.photos), remove)
    gone = [persona.photos[number - 1] for number in remove]
    photos = [path for path in persona.photos if path not in gone]
    count = len(photos) + len(add) + (restore is not None)
    if not count and not persona.record.files:
        raise PersonaError(f"{persona.name} needs a photo; add another one first, or remove the persona")
    if count > MAX_PHOTOS:
        raise PersonaError(f"{persona.name} would have {count} photos; {MAX_PHOTOS} at most are taken")
    _check_numbers(persona, count, () if first is None else (first,))
    for portrait in add:
        photos.append(_free(persona.folder, photos))
        write_picture(photos[-1], portrait.image)
    if restore is not None:
        photos.append(_free(persona.folder, photos, restore.suffix))
        copy_file(restore, photos[-1])
    if first is not None:
        photos.insert(0, photos.pop(first - 1))
    for path in gone:
        bin_.copy(path, persona.name)
    _keep(persona, photos)
    for path in (*gone, *((restore,) if restore else ())):
        path.unlink()


def _keep(persona: Persona, photos: Sequence[Path]) -> None:
    from visard.models.picture_file import read_picture
    from visard.models.portrait import examine

    portraits = [examine(path) for path in photos]
    changed = persona.photos[:1] != tuple(photos[:1])
    if changed:
        (persona.folder / THUMBNAIL).unlink(missing_ok=True)  # an old one would show somebody else
    update: dict[str, Any] = {"photos": tuple(path.name for path in photos), "warnings": remarks(portraits)}
    update["tuned"] = None  # it was found for the photos as they were
    write_record(persona.folder, persona.record.model_copy(update=update))
    if changed and photos:
        write_thumbnail(persona.folder, read_picture(photos[0], 256))


def _free(folder: Path, photos: Sequence[Path], ending: str = ".jpg") -> Path:
    """Return a path that no photo has, nor one that was left when something was killed."""
    names = (folder / photo_name(number) for number in range(2, 2 + 4 * MAX_PHOTOS))
    found = (path.with_suffix(ending) for path in names if not path.exists() and path not in photos)
    return next(found)


def _check_numbers(persona: Persona, count: int, numbers: Sequence[int]) -> None:
    for number in numbers:
        if not 1 <= number <= count:
            raise PersonaError(f"{persona.name} has no photo {number}; it has {count}")
