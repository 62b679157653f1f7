"""The library as the API tells of it, read anew only when it changed."""

import io
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from visard.daemon.api.schema import PersonaInfo
from visard.daemon.errors import PictureUnreadable
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import suitable
from visard.daemon.personas.record import THUMBNAIL, Damaged, Persona

if TYPE_CHECKING:
    from PIL.Image import Image as Pillow

    from visard.models.face import Image


class PersonaIndex:
    """Any thread; notices also what other programs do to the library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = Lock()
        self._stamp = 0
        self._infos: tuple[PersonaInfo, ...] = ()

    def infos(self) -> tuple[PersonaInfo, ...]:
        """Return every entry."""
        with self._lock:
            stamp = self._library.root.stat().st_mtime_ns
            if stamp != self._stamp:
                self._infos = tuple(map(info, self._library.entries()))
                self._stamp = stamp
            return self._infos

    def usable(self, worn: str | None = None) -> list[str]:
        """Return the names of what can be worn and is not hidden, or is ``worn``."""
        infos = (entry for entry in self.infos() if entry.damaged is None)
        return [entry.name for entry in infos if not entry.hidden or entry.name == worn]

    def photos(self) -> list[str]:
        """Return those of them made of a photo, which are quick to prepare."""
        models = {entry.name for entry in self.infos() if entry.kind == "model"}
        return [name for name in self.usable() if name not in models]


def info(entry: Persona | Damaged) -> PersonaInfo:
    """Describe one entry."""
    if isinstance(entry, Damaged):
        return PersonaInfo(name=entry.name, title=entry.name, damaged=entry.reason)
    record = entry.record
    return PersonaInfo(
        name=entry.name,
        title=record.title,
        kind=record.kind.value,
        consent=record.consent.value if record.consent else None,
        shipped=entry.shipped,
        hidden=record.hidden,
        tuned=record.tuned and record.tuned.on,
        photos=len(entry.photos),
        warnings=record.warnings,
        processor=record.processor,
        options=record.options,
        processors=tuple(one.name for one in suitable(entry.material)),
    )


def thumbnail(persona: Persona) -> bytes:
    """Return a JPEG of at most 256 pixels: the thumbnail that is kept if it is a picture, else a new one."""
    from PIL import Image as Pillow

    kept = persona.folder / THUMBNAIL if persona.saved else None
    image = _small(kept, links=False)
    if image is None:
        image = _small(persona.picture)
    return _encoded(_nobody() if image is None else Pillow.fromarray(image[:, :, ::-1]))


def jpeg(image: "Image") -> bytes:
    """Return a picture, BGR, as JPEG."""
    from PIL import Image as Pillow

    return _encoded(Pillow.fromarray(image[:, :, ::-1]))


def _encoded(picture: "Pillow") -> bytes:
    made = io.BytesIO()
    picture.save(made, "JPEG", quality=88)
    return made.getvalue()


def _small(path: Path | None, *, links: bool = True) -> "Image | None":
    """Return a picture as BGR of at most 256 pixels; None where none can be read."""
    from visard.models.picture_file import read_picture

    if path is None or (path.is_symlink() and not links):
        return None
    with suppress(PictureUnreadable):
        return read_picture(path, 256)
    return None


def _nobody() -> "Pillow":
    """Draw head and shoulders of nobody, for a model that was never seen at work."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    picture = Pillow.new("RGB", (256, 256), "#9aa3b0")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((84, 48, 172, 148), fill="#dfe2e7")
    draw.ellipse((36, 168, 220, 340), fill="#dfe2e7")
    return picture
