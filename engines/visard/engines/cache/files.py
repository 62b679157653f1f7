"""Files that only we write: private folders, whole or not at all, locked, swept when their writer died."""

import contextlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from weakref import finalize

from visard.engines.file_access import make_private, open_plain

if sys.platform != "win32":
    import fcntl

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
BLOBS = 256
"""Files in a BlobStore."""
_HALF = ".half-"
"""Before the process's number, in names of what is being written."""


def private(folder: Path) -> str | None:
    """Make a folder that is ours alone; return why there is none, or None when there is."""
    try:
        make_private(folder)
        status = folder.lstat()
        if reason := _foreign(status, stat.S_ISDIR):
            return f"{folder} is not used: {reason}"
        if sys.platform != "win32" and stat.S_IMODE(status.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        return f"{folder} cannot be used: {error.strerror}"
    return None


def _foreign(status: os.stat_result, kind: Callable[[int], bool]) -> str | None:
    if not kind(status.st_mode):
        return "it is not what it should be"
    if sys.platform != "win32" and status.st_uid != os.geteuid():
        return "it belongs to somebody else"
    return None


class HeldFile:
    """An open file that nobody evicts; closed with the last one who holds it."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._end = finalize(self, os.close, handle)

    def reader(self) -> IO[bytes]:
        """Return a way to read it, valid as long as this is."""
        return open(self.handle, "rb", closefd=False)

    def close(self) -> None:
        """Let go of it."""
        self._end()


def trusted(path: Path) -> HeldFile:
    """Open a file that only we could have written. Raises OSError for any other."""
    with open_plain(path, links=False) as file:
        held = HeldFile(os.dup(file.fileno()))
    handle = held.handle
    status = os.fstat(handle)
    reason = _foreign(status, stat.S_ISREG)
    if not reason and sys.platform != "win32" and status.st_mode & 0o022:
        reason = "others may write it"
    if reason:
        held.close()
        raise PermissionError(f"{path.name}: {reason}")
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return held


def remove_unused(path: Path) -> bool:
    """Remove a file unless some process holds it open with ``trusted``; return whether it went."""
    try:
        with path.open("rb") as file:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        if sys.platform == "win32":  # there, open files cannot be removed
            path.unlink()
    except OSError:
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file if it can be removed."""
    with contextlib.suppress(OSError):
        path.unlink()


def remove_tree(folder: Path) -> None:
    """Remove a folder as far as it can be removed."""
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that takes the place of ``path`` at the end, or leaves no trace when anything fails."""
    half = path.with_name(f"{_HALF}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(half, _NEW, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:
        remove(half)
        raise


def scratch(folder: Path, need: int) -> Path:
    """Return a new folder for files of ``need`` bytes: below ``folder``, or where there is room."""
    places = [folder, Path(tempfile.gettempdir())]
    roomy = [place for place in places if private_or_there(place) and _free(place) > need]
    for place in [*roomy, *places]:
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=f"{_HALF}{os.getpid()}-", dir=place))
    raise OSError(f"no room for {need} bytes in {' or '.join(map(str, places))}")


def private_or_there(place: Path) -> bool:
    """Whether a folder is there or could be made."""
    return place.is_dir() or private(place) is None


def _free(place: Path) -> int:
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return 0


def sweep(folder: Path) -> None:
    """Remove half-written files and scratch folders of processes that are no more."""
    import psutil

    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if not path.name.startswith(_HALF):
                continue
            number = path.name.removeprefix(_HALF).partition("-")[0]
            if number.isdecimal() and not psutil.pid_exists(int(number)):
                remove_tree(path) if path.is_dir() else remove(path)


def stats(paths: Iterable[Path]) -> list[tuple[Path, os.stat_result]]:
    """Return the status of those files that are still there."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            found.append((path, path.stat()))
    return found


def shorten(folder: Path, keep: int) -> None:
    """Remove all but the newest files of a folder."""
    with contextlib.suppress(OSError):
        for path, _ in sorted(stats(folder.iterdir()), key=lambda pair: -pair[1].st_mtime)[keep:]:
            remove(path)


class BlobStore:
    """A private folder of small files that only save time, so that losing one is no error.

    The ones used longest ago go when there are more than BLOBS.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, name: str) -> bytes:
        """Return what was kept under a name, or nothing."""
        path = self.folder / name
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return b""
        return content

    def save(self, name: str, content: bytes) -> None:
        """Keep something under a name, whole or not at all."""
        if private(self.folder):
            return
        try:
            with replacing(self.folder / name) as file:
                file.write(content)
        except OSError:
            return
        shorten(self.folder, BLOBS)


class Lock:
    """HeldFile by one process, and one thread of it, at a time; where it cannot be had nobody waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: Any = None

    def acquire(self, waiting: Callable[[], None]) -> None:
        """Wait for it, calling ``waiting`` four times a second, which may raise to give up."""
        from filelock import FileLock, Timeout

        if private(self._path.parent.parent) or private(self._path.parent):
            return
        lock = FileLock(self._path, thread_local=False, mode=0o600)
        while True:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                time.sleep(0.25)
                continue
            except (OSError, NotImplementedError):  # a full disk, or one that knows no locks
                return
            self._lock = lock
            return

    def release(self) -> None:
        """Let the next one go on."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._lock.release()
            self._lock = None
