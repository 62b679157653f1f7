"""Files and folders at the border to others: what they made is read with care, what we make is ours alone."""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import IO

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)


def open_plain(path: Path, limit: int | None = None, *, links: bool = True) -> IO[bytes]:
    """Open a plain file for reading; a pipe is never waited for and a device never touched.

    Raises OSError for anything else, for more than ``limit`` bytes, and without ``links`` for a link.
    """
    status = path.stat(follow_symlinks=links)  # opening some devices is an act of its own
    _check(path, status, limit)
    handle = os.open(path, _READ | (0 if links else getattr(os, "O_NOFOLLOW", 0)))
    try:
        _check(path, os.fstat(handle), limit)
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def read_plain(path: Path, limit: int, *, links: bool = True) -> bytes:
    """Return what a plain file of at most ``limit`` bytes holds; raises OSError as ``open_plain`` does."""
    with open_plain(path, limit, links=links) as file:
        return file.read(limit)


def _check(path: Path, status: os.stat_result, limit: int | None) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "it is a link", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file", str(path))
    if limit is not None and status.st_size > limit:
        raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes, {limit:,} at most are taken", str(path))


def private_file(path: str, flags: int) -> int:
    """Open a file that nobody else may read, whatever the umask: an opener for ``open``. Raises OSError."""
    handle = os.open(path, flags, 0o600)
    if os.name == "posix":
        os.fchmod(handle, 0o600)
    return handle


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone, whatever the umask.

    One that is there stays as it is. Raises OSError.
    """
    for part in [*reversed(folder.parents), folder]:
        if not part.exists():
            with contextlib.suppress(FileExistsError):
                part.mkdir(mode=0o700)
                part.chmod(0o700)
