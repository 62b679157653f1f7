"""What installing is made of. A step is plain data; it can tell what it would do, and do it.

``plan`` looks and changes nothing: it returns what would happen, or None when all is as it should be.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from visard.daemon.errors import InstallError
from visard.daemon.install.computer import Computer


class Step(Protocol):
    """One thing to do."""

    def plan(self, computer: Computer) -> str | None:
        """Return what would be done in one line; None when there is nothing to do."""

    def apply(self, computer: Computer) -> None:
        """Do it; raises OSError or InstallError."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file; another one that is there and not ours is kept beside it."""

    path: Path
    content: bytes

    def plan(self, computer: Computer) -> str | None:
        """Return what would be done."""
        if not _there(self.path):
            return f"write {self.path}"
        if _same(self.path, self.content):
            return None
        if _ours(self.path, computer):
            return f"rewrite {self.path}"
        return f"write {self.path} and keep the one that is there as {_copy(self.path).name}"

    def apply(self, computer: Computer) -> None:
        """Write the file as one step, so that nobody meets half of it."""
        if _there(self.path) and not _same(self.path, self.content) and not _ours(self.path, computer):
            self.path.replace(_copy(self.path))
        if not _same(self.path, self.content):
            computer.record.make_folder(self.path.parent)
            beside = self.path.with_name(f".{self.path.name}.new")
            beside.write_bytes(self.content)
            beside.replace(self.path)
        computer.record.wrote(self.path, self.content)


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file that Visard wrote; one that was changed since is kept under another name."""

    path: Path
    content: bytes | None = None
    """What it would be now; a file like this is ours, also when the record is lost."""

    def plan(self, computer: Computer) -> str | None:
        """Return what would be done."""
        if not _there(self.path):
            return None
        if self._ours(computer):
            return f"remove {self.path}"
        return f"put {self.path} aside as {_copy(self.path).name}: it was changed by someone else"

    def apply(self, computer: Computer) -> None:
        """Remove the file, or put it aside."""
        if self._ours(computer):
            self.path.unlink()
        else:
            self.path.replace(_copy(self.path))
        computer.record.removed(self.path)

    def _ours(self, computer: Computer) -> bool:
        return _same(self.path, self.content) or _ours(self.path, computer)


@dataclass(frozen=True, slots=True)
class Symlink:
    """Make a symbolic link."""

    path: Path
    target: Path

    def plan(self, computer: Computer) -> str | None:  # noqa: ARG002
        """Return what would be done."""
        if self.path.is_symlink() and self.path.readlink() == self.target:
            return None
        kept = f" and keep what is there as {_copy(self.path).name}" if self._foreign() else ""
        return f"link {self.path} to {self.target}{kept}"

    def apply(self, computer: Computer) -> None:
        """Make the link in the place of whatever is there."""
        if self._foreign():
            self.path.replace(_copy(self.path))
        computer.record.make_folder(self.path.parent)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(self.target)

    def _foreign(self) -> bool:
        return self.path.exists() and not self.path.is_symlink()


@dataclass(frozen=True, slots=True)
class RemoveSymlink:
    """Remove a symbolic link, wherever it leads."""

    path: Path

    def plan(self, computer: Computer) -> str | None:  # noqa: ARG002
        """Return what would be done."""
        return f"remove {self.path}" if self.path.is_symlink() else None

    def apply(self, computer: Computer) -> None:
        """Remove the link."""
        self.path.unlink()
        computer.record.removed(self.path)


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Remove a folder with everything in it, if it is there."""

    path: Path

    def plan(self, computer: Computer) -> str | None:  # noqa: ARG002
        """Return what would be done."""
        return f"delete {self.path} and everything in it" if self.path.is_dir() else None

    def apply(self, computer: Computer) -> None:  # noqa: ARG002
        """Remove it; a link to a folder elsewhere is not followed."""
        if self.path.is_symlink():
            self.path.unlink()
        else:
            shutil.rmtree(self.path)


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command to its end."""

    command: tuple[str, ...]
    may_fail: bool = False
    """Failing means that there was nothing to do."""

    def plan(self, computer: Computer) -> str | None:  # noqa: ARG002
        """Return what would be done."""
        return f"run {' '.join(self.command)}"

    def apply(self, computer: Computer) -> None:
        """Run it; raises InstallError unless it may fail."""
        try:
            computer.run(self.command)
        except InstallError:
            if not self.may_fail:
                raise


@dataclass(frozen=True, slots=True)
class StartProcess:
    """Start a program that goes on by itself."""

    command: tuple[str, ...]

    def plan(self, computer: Computer) -> str | None:  # noqa: ARG002
        """Return what would be done."""
        return f"start {' '.join(self.command)}"

    def apply(self, computer: Computer) -> None:
        """Start it; raises InstallError."""
        computer.spawn(self.command)


@dataclass(frozen=True, slots=True)
class EndProcess:
    """End the daemon or the tray of this user, however it was started, if it runs."""

    what: str

    def plan(self, computer: Computer) -> str | None:
        """Return what would be done."""
        running = computer.running(self.what)
        return f"end the {self.what} (process {', '.join(map(str, running))})" if running else None

    def apply(self, computer: Computer) -> None:
        """Ask it to end."""
        computer.end(self.what)


@dataclass(frozen=True, slots=True)
class ForgetRecord:
    """Throw away the record of what was written, at the very end."""

    def plan(self, computer: Computer) -> str | None:
        """Return what would be done."""
        return f"remove {computer.record.path}" if computer.record.path.exists() else None

    def apply(self, computer: Computer) -> None:
        """Throw it away."""
        computer.record.forget()


@dataclass(frozen=True, slots=True)
class SetValue:
    """Write a value of the user's registry."""

    key: str
    name: str
    value: str

    def plan(self, computer: Computer) -> str | None:
        """Return what would be done."""
        same = computer.registry.get(self.key, self.name) == self.value
        return None if same else f"set {self.key}\\{self.name} to {self.value}"

    def apply(self, computer: Computer) -> None:
        """Write it."""
        computer.registry.set(self.key, self.name, self.value)


@dataclass(frozen=True, slots=True)
class DeleteValue:
    """Delete a value of the user's registry."""

    key: str
    name: str

    def plan(self, computer: Computer) -> str | None:
        """Return what would be done."""
        there = computer.registry.get(self.key, self.name) is not None
        return f"delete {self.key}\\{self.name}" if there else None

    def apply(self, computer: Computer) -> None:
        """Delete it."""
        computer.registry.delete(self.key, self.name)


def _there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _same(path: Path, content: bytes | None) -> bool:
    return not path.is_symlink() and path.is_file() and path.read_bytes() == content


def _ours(path: Path, computer: Computer) -> bool:
    return not path.is_symlink() and path.is_file() and computer.record.owns(path)


def _copy(path: Path) -> Path:
    """Return a free name for keeping what is at ``path``."""
    names = (path.with_name(f"{path.name}.bak{number or ''}") for number in range(1000))
    return next(name for name in names if not _there(name))
