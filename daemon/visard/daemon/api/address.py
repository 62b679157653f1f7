"""Where the daemon listens and its clients find it, in a folder that belongs to this user alone.

A Unix socket where there is one; elsewhere a port of this computer and a token, in a file of that folder.
"""

import hashlib
import json
import os
import secrets
import socket
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from visard.daemon.errors import DaemonAbsent, DaemonError
from visard.engines.file_access import make_private, read_plain

MAX_PATH = 107 if sys.platform == "linux" else 103
"""Bytes that the path of a Unix socket may have."""
_SOCKET, _TCP, _LOCK = "visard.sock", "visard.json", "visard.lock"


@dataclass(frozen=True, slots=True)
class Unix:
    """A Unix socket."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def probe(self) -> None:
        """Connect and leave again; raises OSError when nobody listens."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            connection.connect(str(self.path))


@dataclass(frozen=True, slots=True)
class Tcp:
    """A port of this computer, and the word that every request must bring along."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def __str__(self) -> str:
        return f"127.0.0.1:{self.port}"


Address = Unix | Tcp


def home() -> Path:
    """Return the folder of the address, made for this user alone; raises DaemonError when it is not."""
    wanted = os.environ.get("VISARD_HOME")
    return private(Path(wanted).expanduser().absolute() / "run" if wanted else _runtime())


def find(folder: Path | None = None) -> Address:
    """Return where a daemon should be listening; raises DaemonAbsent where none has told its port."""
    folder = home() if folder is None else folder
    return unix(folder) if os.name == "posix" else read(folder)


def lock(folder: Path) -> Path:
    """Return the file that a running daemon keeps locked."""
    return folder / _LOCK


def unix(folder: Path) -> Unix:
    """Return the socket of this folder; a path too long for one has its socket in the temporary folder."""
    path = folder / _SOCKET
    if len(os.fsencode(path)) > MAX_PATH:
        path = private(_temporary()) / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.sock"
    if len(os.fsencode(path)) > MAX_PATH:
        raise DaemonError(f"{path} is too long for a socket; set VISARD_HOME or TMPDIR to a shorter folder")
    return Unix(path)


def publish(folder: Path, address: Tcp) -> None:
    """Write a port and its token for this user's programs to read."""
    place = folder / _TCP
    beside = place.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"port": address.port, "token": address.token}, file)
    beside.replace(place)


def withdraw(folder: Path) -> None:
    """Remove what ``publish`` wrote."""
    (folder / _TCP).unlink(missing_ok=True)


def read(folder: Path) -> Tcp:
    """Return what ``publish`` wrote; raises DaemonAbsent."""
    try:
        known = json.loads(read_plain(folder / _TCP, 4096, links=False))
        return Tcp(int(known["port"]), str(known["token"]))
    except FileNotFoundError as error:
        raise DaemonAbsent.here() from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DaemonError(f"{folder / _TCP} cannot be read; end the daemon and start it again") from error


def private(folder: Path) -> Path:
    """Make the folder if it is missing and return it if nobody else can use it; else raise DaemonError."""
    try:
        make_private(folder)
        facts = folder.lstat()
    except OSError as error:
        raise DaemonError(f"{folder} cannot be made ({error.strerror}); see who owns it") from error
    if os.name != "posix":
        return folder
    if not stat.S_ISDIR(facts.st_mode):
        raise DaemonError(f"{folder} must be a folder of its own, not a link; remove it")
    if facts.st_uid != os.getuid():
        raise DaemonError(f"{folder} belongs to another user; remove it, or set XDG_RUNTIME_DIR to yours")
    if facts.st_mode & 0o077:
        raise DaemonError(f"{folder} is open to other users; run: chmod 700 '{folder}'")
    return folder


def _runtime() -> Path:
    if os.name != "posix" or sys.platform == "darwin":
        import platformdirs

        return Path(platformdirs.user_runtime_path("visard"))
    given = os.environ.get("XDG_RUNTIME_DIR")
    usual = Path(f"/run/user/{os.getuid()}")
    if given or (usual.is_dir() and usual.stat().st_uid == os.getuid()):
        return Path(given or usual) / "visard"
    return _temporary()


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"visard-{os.getuid() if os.name == 'posix' else 'user'}"
