"""Linux: systemd keeps the daemon running, the desktop starts the tray."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from visard.daemon.install import freedesktop, systemd
from visard.daemon.install.icons import icons
from visard.daemon.install.installer import InstallOptions, InstallPlan
from visard.daemon.install.steps import (
    EndProcess,
    ForgetRecord,
    Remove,
    RemoveSymlink,
    Run,
    StartProcess,
    Step,
    Symlink,
    Write,
)

PACKAGED = Path("/usr/lib/systemd/user", systemd.SERVICE)
"""The unit of a Visard that was installed for everybody."""

_SYSTEMCTL = ("systemctl", "--user")


@dataclass(frozen=True, slots=True)
class Linux:
    """Where things are, and what runs."""

    config: Path
    data: Path
    keep_format: tuple[str, ...]
    """What bridges a crash for those who read the camera."""
    session: bool
    """A systemd of this user answers."""
    desktop: bool
    """There is a screen to show the tray on."""
    packaged: Path | None = None
    systemd: bool = True

    def install(self, options: InstallOptions) -> InstallPlan:
        """Plan units, the tray's start, an entry in the menu and icons."""
        steps: list[Step] = [*([] if self.packaged else self._units(options)), self._wanted()]
        steps = steps if self.systemd else []
        steps += self._overrides(options) if self.packaged else self._desktop(options)
        steps += self._reload()
        if options.start and self.session:
            steps += [EndProcess("daemon"), Run((*_SYSTEMCTL, "restart", systemd.SERVICE))]
        if options.start and self.desktop:
            steps += [EndProcess("tray"), *([StartProcess(_with(options, "tray"))] if options.tray else [])]
        return InstallPlan(tuple(steps), tuple(self._notes(options)))

    def uninstall(self, options: InstallOptions) -> InstallPlan:
        """Plan the end of both and the removal of every file."""
        stop = (*_SYSTEMCTL, "stop", systemd.SERVICE, systemd.RETRY)
        steps: list[Step] = [EndProcess("tray")]
        steps += [Run(stop, may_fail=True)] if self.session else []
        steps += [EndProcess("daemon"), RemoveSymlink(self._wanted().path)]
        steps += [Remove(step.path, step.content) for step in self._units(options)]
        steps += [
            _removal(step) for step in self._desktop(InstallOptions(options.command, options.environment))
        ]
        steps += [*self._reload(), ForgetRecord()]
        return InstallPlan(tuple(steps), (_PACKAGE,) if self.packaged else ())

    def _units(self, options: InstallOptions) -> list[Write]:
        folder = self.config / "systemd/user"
        service = systemd.service(options.command, self.keep_format, dict(options.environment))
        return [
            Write(folder / systemd.SERVICE, service.encode()),
            Write(folder / systemd.RETRY, systemd.retry().encode()),
        ]

    def _wanted(self) -> Symlink:
        """Return what 'systemctl enable' would make; it works without a running systemd too."""
        unit = self.packaged or self.config / "systemd/user" / systemd.SERVICE
        return Symlink(self.config / "systemd/user/default.target.wants" / systemd.SERVICE, unit)

    def _desktop(self, options: InstallOptions) -> list[Step]:
        command = _with(options)
        images = sorted(icons().items())
        menu = freedesktop.menu_entry(command).encode()
        autostart = Write(self._autostart, freedesktop.autostart_entry(command).encode())
        return [
            *(Write(self.data / "icons/hicolor" / path, content) for path, content in images),
            Write(self.data / "applications" / freedesktop.NAME, menu),
            autostart if options.tray else _removal(autostart),
        ]

    def _overrides(self, options: InstallOptions) -> list[Step]:
        """Return what makes the tray that came for everybody stay away, or not."""
        hidden = Write(self._autostart, freedesktop.HIDDEN.encode())
        return [_removal(hidden) if options.tray else hidden]

    @property
    def _autostart(self) -> Path:
        return self.config / "autostart" / freedesktop.NAME

    def _reload(self) -> list[Step]:
        return [Run((*_SYSTEMCTL, "daemon-reload"))] if self.session else []

    def _notes(self, options: InstallOptions) -> list[str]:
        notes = []
        if not self.systemd:
            notes.append("there is no systemd to start the daemon at login: start it from the tray's menu")
        elif not (self.session and options.start):
            notes.append("the daemon starts at your next login")
        if options.tray and not (self.desktop and options.start):
            notes.append("the tray starts at your next login to a desktop")
        if self.packaged:
            notes.append("the rest came with the package: units, the tray's start, the menu and icons")
        return notes


_PACKAGE = (
    "Visard is installed for everybody on this computer and starts again at your next login; for you alone "
    "turn it off with 'systemctl --user mask --now visard', or remove it with 'sudo apt remove visard'"
)


def _removal(step: Step) -> Step:
    return Remove(step.path, step.content) if isinstance(step, Write) else step


def _with(options: InstallOptions, *arguments: str) -> tuple[str, ...]:
    """Return the command with its environment, for what cannot set variables otherwise."""
    setting = (
        ("env", *(f"{name}={value}" for name, value in options.environment)) if options.environment else ()
    )
    return (*setting, *options.command, *arguments)


def find() -> Linux:
    """Look around on this computer."""
    home = Path.home()
    return Linux(
        config=_xdg("XDG_CONFIG_HOME", home / ".config"),
        data=_xdg("XDG_DATA_HOME", home / ".local/share"),
        keep_format=systemd.keep_format_command(sys.executable, str(Path(__file__).parents[3])),
        session=(_xdg("XDG_RUNTIME_DIR", Path("/nowhere")) / "systemd/private").exists(),
        desktop=bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")),
        packaged=PACKAGED if PACKAGED.exists() else None,
        systemd=shutil.which("systemctl") is not None,
    )


def _xdg(variable: str, usual: Path) -> Path:
    """Return a folder of the desktop's standard, which wants relative ones ignored."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else usual
