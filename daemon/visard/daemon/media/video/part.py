"""The unfinished file beside the one that is asked for."""

import itertools
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from visard.daemon.errors import SinkUnavailable
from visard.daemon.media.video.unfinished import Resumable, record_of


class PartFile:
    """What a muxer writes to; it gets a name, ``NAME.partN.SUFFIX``, with the first pictures that play.

    Until then it has none, so that a kill leaves nothing instead of a file without a picture. Where a file
    system cannot name a file that is there (FAT, network shares) the first pictures are copied into one, and
    only a kill in that very moment leaves a piece. One that is ``resumable`` has a record beside it, replaces
    what an earlier run left, and stays whatever ends it. Raises SinkUnavailable where no file can be created,
    or another program writes what is to be replaced.
    """

    def __init__(self, target: Path, resumable: Resumable | None = None) -> None:
        if target.is_dir():
            raise SinkUnavailable(f"{target} is a folder; add a file name")
        if not target.parent.is_dir():
            raise SinkUnavailable(f"there is no folder {target.parent}; create it first")
        self._target = target
        self._path: Path | None = None
        self._header = 0
        self._resumable = resumable
        self._replaced = _held(resumable.replaces) if resumable and resumable.replaces else None
        try:
            self._file = _nameless(target.parent)
        except OSError as error:
            raise SinkUnavailable(f"nothing can be written into {target.parent}: {error.strerror}") from error
        _hold(self._file)

    @property
    def kept(self) -> Path | None:
        """Where it stays if it is not finished; None: nowhere."""
        return self._path if self._resumable else None

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
        if self._resumable:
            record_of(self._path).unlink(missing_ok=True)

    def stop(self) -> None:
        """Leave what can be gone on with where it is; else put it in the target's place."""
        if not self._resumable:
            self.finish()
            return
        if self._path is None:
            self._appear()
        self._file.close()

    def discard(self) -> None:
        """Leave nothing but what can be gone on with; calling it twice is fine."""
        with suppress(OSError):  # what could not be written is tried once more
            self._file.close()
        if self._path is not None and not self._resumable:
            self._path.unlink(missing_ok=True)
        if self._replaced:
            self._replaced.close()

    def _appear(self) -> None:
        """Take a name nobody uses, or that of what it replaces."""
        self._take_free_name()
        assert self._path is not None
        if not self._resumable:
            return
        if (old := self._resumable.replaces) is not None:
            record_of(old).unlink(missing_ok=True)  # from here to its own record it is no other's
            self._path = self._path.replace(old)
        if self._replaced:
            self._replaced.close()
        record_of(self._path).write_text(json.dumps(self._resumable.record))

    def _take_free_name(self) -> None:
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
        _hold(self._file)
        with nameless:
            nameless.seek(0)
            shutil.copyfileobj(nameless, self._file)
        self._file.seek(place)


def _nameless(folder: Path) -> IO[bytes]:
    """Create a file without a name, which can be given one later where the system is able to."""
    with suppress(AttributeError, OSError):
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "w+b")
    return TemporaryFile(dir=folder)


def _hold(file: IO[bytes]) -> bool:
    """Keep others from replacing a file until it is closed; false where another program does that."""
    try:
        import fcntl
    except ImportError:  # on Windows no open file can be replaced
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no locks
        pass
    return True


def _held(path: Path) -> IO[bytes]:
    """Open what is to be replaced. Raises SinkUnavailable while another program writes it."""
    file = path.open("rb")
    if not _hold(file):
        file.close()
        raise SinkUnavailable(f"{path.name} is being written just now; wait until that has ended")
    return file
