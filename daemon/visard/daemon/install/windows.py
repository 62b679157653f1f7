"""Windows: the user's Run key in the registry starts both at login; it needs no rights that a user lacks."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from visard.daemon.install.computer import WindowsRegistry
from visard.daemon.install.installer import InstallOptions, InstallPlan
from visard.daemon.install.steps import DeleteValue, EndProcess, ForgetRecord, SetValue, StartProcess, Step

KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
PROGRAMS = {"daemon": "Visard", "tray": "Visard Tray"}
"""What is started, and the name of its value."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Every Windows is the same for this."""

    def install(self, options: InstallOptions) -> InstallPlan:
        """Plan a value for the daemon and one for the tray."""
        steps: list[Step] = []
        for what, name in PROGRAMS.items():
            command = (*options.command, what)
            wanted = options.tray or what != "tray"
            line = subprocess.list2cmdline(command)
            steps.append(SetValue(KEY, name, line) if wanted else DeleteValue(KEY, name))
            steps += [EndProcess(what)] if options.start else []
            steps += [StartProcess(command)] if options.start and wanted else []
        return InstallPlan(tuple(steps), tuple(_notes(options)))

    def uninstall(self, options: InstallOptions) -> InstallPlan:  # noqa: ARG002
        """Plan the end of both and the removal of their values."""
        ends = [EndProcess("tray"), EndProcess("daemon")]
        return InstallPlan((*ends, *(DeleteValue(KEY, name) for name in PROGRAMS.values()), ForgetRecord()))


def _notes(options: InstallOptions) -> Iterator[str]:
    if not options.start:
        yield "Visard starts at your next login"
    for name, value in options.environment:
        yield f"for Visard to find {name} at login, run: setx {name} {subprocess.list2cmdline([value])}"


def find() -> Windows:
    """Return the one there is."""
    return Windows()


class NoRegistry:
    """Elsewhere there is none, and no plan asks for it."""

    def get(self, key: str, name: str) -> str | None:
        """Refuse."""
        raise NotImplementedError(f"no registry for {key}\\{name}")

    def set(self, key: str, name: str, value: str) -> None:
        """Refuse."""
        raise NotImplementedError(f"no registry for {key}\\{name}={value}")

    def delete(self, key: str, name: str) -> None:
        """Refuse."""
        raise NotImplementedError(f"no registry for {key}\\{name}")


def registry() -> WindowsRegistry:
    """Return the user's registry."""
    if sys.platform != "win32":
        return NoRegistry()
    return _user_registry()


def _user_registry() -> WindowsRegistry:
    if sys.platform != "win32":  # lets type checkers skip what follows elsewhere
        raise NotImplementedError
    import winreg

    class UserRegistry:
        def get(self, key: str, name: str) -> str | None:
            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                    return str(winreg.QueryValueEx(opened, name)[0])
            except FileNotFoundError:
                return None

        def set(self, key: str, name: str, value: str) -> None:
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
                winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)

        def delete(self, key: str, name: str) -> None:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, winreg.KEY_SET_VALUE) as opened:
                winreg.DeleteValue(opened, name)

    return UserRegistry()
