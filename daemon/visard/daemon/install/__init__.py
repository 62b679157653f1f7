"""Starting Visard with the user's session: what is written where on each system, as plans to look at.

A system's module looks around (``find``), and makes lists of steps out of what it found (``install``,
``uninstall``) without touching anything. ``apply`` does them.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from visard.daemon.config import paths
from visard.daemon.errors import InstallError
from visard.daemon.install.computer import Computer, InstallRecord
from visard.daemon.install.installer import Installer, InstallOptions, InstallPlan
from visard.daemon.install.steps import RemoveFolder, Step

__all__ = [
    "InstallOptions",
    "InstallPlan",
    "Installer",
    "apply",
    "dry_run",
    "environment",
    "installer",
    "purge",
    "this_computer",
    "user_files_left",
    "visard_command",
]


def installer() -> Installer:
    """Return this computer's way; raises InstallError where there is none."""
    find = _INSTALLERS.get(sys.platform)
    if find is None:
        raise InstallError(f"Visard cannot start by itself on {sys.platform}; start 'visard daemon' yourself")
    if os.environ.get("SUDO_USER"):
        raise InstallError("this is for one user and needs no sudo: run it again without")
    return find()


def _linux() -> Installer:
    from visard.daemon.install import linux

    return linux.find()


def _macos() -> Installer:
    from visard.daemon.install import macos

    return macos.find()


def _windows() -> Installer:
    from visard.daemon.install import windows

    return windows.find()


_INSTALLERS: dict[str, Callable[[], Installer]] = {"linux": _linux, "darwin": _macos, "win32": _windows}


def visard_command() -> tuple[str, ...]:
    """Return the command that calls this very Visard: the program beside its Python, else the module."""
    python = Path(sys.executable)
    beside = python.with_name("visard")
    if os.name == "posix" and sys.prefix != sys.base_prefix and os.access(beside, os.X_OK):
        return (str(beside),)
    quiet = python.with_name("pythonw.exe")  # opens no console
    return (str(quiet if quiet.exists() else python), "-m", "visard.daemon")


def environment() -> tuple[tuple[str, str], ...]:
    """Return the variables that decide where Visard's own files lie."""
    home = os.environ.get("VISARD_HOME")
    return (("VISARD_HOME", str(Path(home).expanduser().absolute())),) if home else ()


def this_computer() -> Computer:
    """Return this computer for steps to act on."""
    from visard.daemon.install.windows import registry

    return Computer(InstallRecord(_record()), registry())


def user_files_left() -> bool:
    """Whether there are personas, settings or fetched files of this user."""
    own = (path for place in paths.places().values() if place.is_dir() for path in place.iterdir())
    return any(path != _record() for path in own)


def _record() -> Path:
    return paths.places()["data"] / "installed.json"


def purge() -> tuple[Step, ...]:
    """Return the steps that delete personas, settings and everything else of this user's."""
    places = paths.places()
    return tuple(RemoveFolder(places[name]) for name in sorted(places))


def apply(steps: Sequence[Step], computer: Computer, report: Callable[[str], None]) -> list[str]:
    """Do the steps in order, reporting each before, and return what was done.

    Those with nothing to do are passed over. Raises InstallError and OSError; what was done before stays, and
    another run goes on from there.
    """
    done = []
    for step in steps:
        if what := step.plan(computer):
            report(what)
            step.apply(computer)
            done.append(what)
    return done


def dry_run(steps: Sequence[Step], computer: Computer) -> list[str]:
    """Return what carrying the steps out would do, without doing any."""
    return [what for step in steps if (what := step.plan(computer))]
