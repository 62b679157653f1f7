"""Windows: the user's Run key starts both at login; it needs no rights that a user lacks."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from visard.daemon.install import InstallOptions, InstallPlan
from visard.daemon.install.steps import DeleteValue, EndProcess, ForgetRecord, SetValue, StartProcess, Step

KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
PROGRAMS = {"daemon": "Visard", "tray": "Visard Tray"}
"""What is started, and the name of its value."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Every Windows is the same for this."""

    def install(self, wish: InstallOptions) -> InstallPlan:
        """Plan a value for the daemon and one for the tray."""
        steps: list[Step] = []
        for what, name in PROGRAMS.items():
            command = (*wish.command, what)
            wanted = wish.tray or what != "tray"
            line = subprocess.list2cmdline(command)
            steps.append(SetValue(KEY, name, line) if wanted else DeleteValue(KEY, name))
            steps += [EndProcess(what)] if wish.start else []
            steps += [StartProcess(command)] if wish.start and wanted else []
        return InstallPlan(tuple(steps), tuple(_notes(wish)))

    def uninstall(self, wish: InstallOptions) -> InstallPlan:  # noqa: ARG002
        """Plan the end of both and the removal of their values."""
        ends = [EndProcess("tray"), EndProcess("daemon")]
        return InstallPlan((*ends, *(DeleteValue(KEY, name) for name in PROGRAMS.values()), ForgetRecord()))


def _notes(wish: InstallOptions) -> Iterator[str]:
    if not wish.start:
        yield "Visard starts at your next login"
    for name, value in wish.environment:
        yield f"for Visard to find {name} at login, run: setx {name} {subprocess.list2cmdline([value])}"


def find() -> Windows:
    """Return the one there is."""
    return Windows()
