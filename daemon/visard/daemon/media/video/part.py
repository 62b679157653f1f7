"""The unfinished file beside the one that is asked for."""

import itertools
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from visard.daemon.errors import SinkUnavailable


class PartFile:
    """What a muxer writes to; it gets a name, ``NAME.partN.SUFFIX``, with the first pictures that play.

    Until then it has none, so that a kill leaves nothing instead of a file without a picture. Where a file
    system cannot name a file that is there (FAT, network shares) the first pictures are copied into one, and
    only a kill in that very moment leaves a piece. Raises SinkUnavailable where no file can be created.
    """

    def __init__(self, target: Path) -> None:
        if target.is_dir():
            raise SinkUnavailable(f"{target} is a folder; add a file name")
        if not target.parent.is_dir():
            raise SinkUnavailable(f"there is no folder {target.parent}; create it first")
        self._target = target
        self._path: Path | None = None
        self._header = 0
        try:
            self._file = _nameless(target.parent)
        except OSError as error:
            raise SinkUnavailable(f"nothing can be written into {target.parent}: {error.strerror}") from error

    def write(self, data: bytes) -> int:
        """Write all of ``data`` through to the system, where a kill of this process cannot take it back."""
        written = self._file.write(data)
        self._file.flush()
        return written

    def read_at(self, offset: int, size: int) -> bytes:
        """Return what was written there; less at the end."""
        self._file.seek(offset)
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as files do."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place, as files do."""
        return self._file.tell()

    def header_written(self) -> None:
        """Take all that is there for the header: what follows are pictures."""
        self._header = self.tell()

    def appear_with_pictures(self) -> None:
        """Take a name as soon as there is more than the header."""
        if self._path is None and self.tell() > self._header:
            self._appear()

    def finish(self) -> None:
        """Put it in the target's place."""
        if self._path is None:
            self._appear()
        self._file.close()
        assert self._path is not None
        self._path.replace(self._target)

    def discard(self) -> None:
        """Leave nothing; calling it twice is fine."""
        with suppress(OSError):  # what could not be written is tried once more
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _appear(self) -> None:
        """Take a name nobody uses."""
        for number in itertools.count():
            path = self._target.with_name(f"{self._target.stem}.part{number}{self._target.suffix}")
            with suppress(FileExistsError):
                self._take_name(path)
                self._path = path
                return

    def _take_name(self, path: Path) -> None:
        number = self._file.fileno()
        try:  # given a directory, os.link follows the symbolic link that /proc has
            os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):
            self._copy_to(path)

    def _copy_to(self, path: Path) -> None:
        nameless, place = self._file, self.tell()
        self._file, self._path = path.open("xb"), path
        with nameless:
            nameless.seek(0)
            shutil.copyfileobj(nameless, self._file)
        self._file.seek(place)


def _nameless(folder: Path) -> IO[bytes]:
    """Create a file without a name, which can be given one later where the system is able to."""
    with suppress(AttributeError, OSError):
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "w+b")
    return TemporaryFile(dir=folder)
