"""What steps act on: programs, the registry, and the record of what was written before."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from visard.daemon.config.file import replace_file
from visard.daemon.errors import InstallError
from visard.engines.file_access import make_private

if TYPE_CHECKING:
    import psutil


class WindowsRegistry(Protocol):
    """The current user's part of the Windows registry."""

    def get(self, key: str, name: str) -> str | None:
        """Return a text value; None when there is none."""

    def set(self, key: str, name: str, value: str) -> None:
        """Write a text value."""

    def delete(self, key: str, name: str) -> None:
        """Delete a value that is there."""


class InstallRecord:
    """Which files Visard wrote and which folders it made, so that it removes these and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, str] = {}
        self._folders: list[str] = []
        with suppress(OSError, ValueError, KeyError, TypeError):  # without a record more copies are kept
            known = json.loads(path.read_text(encoding="utf-8"))
            self._files, self._folders = dict(known["files"]), list(known["folders"])

    def wrote(self, path: Path, content: bytes) -> None:
        """Remember a file that was written."""
        self._files[str(path)] = digest(content)
        self._save()

    def removed(self, path: Path) -> None:
        """Forget a file, and remove the folders that were made for it when nothing else is in them."""
        self._files.pop(str(path), None)
        for folder in path.parents:
            if str(folder) not in self._folders or any(folder.iterdir()):
                break
            folder.rmdir()
            self._folders.remove(str(folder))
        self._save()

    def owns(self, path: Path) -> bool:
        """Whether the file is as Visard wrote it."""
        return self._files.get(str(path)) == digest(path.read_bytes())

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it."""
        missing = [str(place) for place in (folder, *folder.parents) if not place.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        if missing:
            self._folders += missing
            self._save()

    def forget(self) -> None:
        """Throw the record away, and its folder if nothing else is in it."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.parent.rmdir()

    def _save(self) -> None:
        make_private(self.path.parent)
        replace_file(self.path, json.dumps({"files": self._files, "folders": self._folders}, indent=1))


class Computer:
    """This computer."""

    def __init__(self, record: InstallRecord, registry: WindowsRegistry) -> None:
        self.record = record
        self.registry = registry

    def run(self, command: Sequence[str]) -> None:
        """Run a command to its end; raises InstallError with what it said."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallError(f"'{' '.join(command)}' could not be run: {error}") from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
            raise InstallError(f"'{' '.join(command)}' failed: {' '.join(said)}")

    def spawn(self, command: Sequence[str]) -> None:
        """Start a program that outlives this one; raises InstallError."""
        nothing = subprocess.DEVNULL
        try:
            subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
        except OSError as error:
            raise InstallError(f"{command[0]} could not be started: {error.strerror}") from error

    def running(self, what: str) -> list[int]:
        """Return this user's processes that are ``visard WHAT`` and keep their files where this one does."""
        return [process.pid for process in _processes(what)]

    def end(self, what: str) -> None:
        """Ask them to end and wait until they have."""
        import psutil

        found = _processes(what)
        for process in found:
            with suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(found, timeout=5)


def _processes(what: str) -> "list[psutil.Process]":
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if runs(process.cmdline(), what) and _shares_home(process):
                found.append(process)
    return found


def _shares_home(process: "psutil.Process") -> bool:
    """Whether a process is this user's and of the same VISARD_HOME; others may run beside it."""
    import psutil

    home: str = process.environ().get("VISARD_HOME", "")
    same_user: bool = process.username() == psutil.Process().username()
    return same_user and home == os.environ.get("VISARD_HOME", "")


def runs(command: Sequence[str], what: str) -> bool:
    """Whether a command line is ``visard WHAT``, called as a program or as a module of Python."""
    names = [re.split(r"[/\\]", word)[-1].removesuffix(".exe") for word in command]
    called = bool(names) and names[0].startswith(("visard", "python"))
    return called and any(
        name in ("visard", "visard.daemon") and word == what for name, word in pairwise(names)
    )


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
