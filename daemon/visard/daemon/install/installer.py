"""What a person asks of an installation, and what an operating system answers."""

from dataclasses import dataclass
from typing import Protocol

from visard.daemon.install.steps import Step


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """What the person asked for."""

    command: tuple[str, ...]
    """How Visard is called here."""
    environment: tuple[tuple[str, str], ...] = ()
    """What the daemon and the tray must find in theirs."""
    tray: bool = True
    start: bool = True
    """Start them now too, not only with the next session."""


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What to do, and what the person should know of it."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


class Installer(Protocol):
    """One operating system's way."""

    def install(self, options: InstallOptions) -> InstallPlan:
        """Plan what a session needs to start Visard."""

    def uninstall(self, options: InstallOptions) -> InstallPlan:
        """Plan how to take all of that away; ``options`` tells what it was."""
