"""A tray on a desktop with a daemon of its own, for tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from desktop import Desktop, Spot, StatusItem, process, until

from visard.daemon.api.client import Client
from visard.daemon.api.schema import Status

TESTS = Path(__file__).resolve().parent
TRAY = [sys.executable, "-m", "visard.daemon", "tray"]


class Daemon:
    """The daemon of the tests, which can be ended and started again."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, str(TESTS / "fake_daemon.py")]
        self._process = subprocess.Popen(
            command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


class Session:
    """A tray, its daemon and the desktop they are on."""

    def __init__(self, screen: Desktop, environment: dict[str, str]) -> None:
        self.screen = screen
        self.environment = environment
        self.item = StatusItem(environment["DBUS_SESSION_BUS_ADDRESS"])
        self.daemon = Daemon(environment)
        self.tray: subprocess.Popen[str] | None = None

    def status(self) -> Status:
        with Client() as client:
            return client.status()

    def look(self) -> str:
        """Return what the icon says."""
        return Path(self.item.properties().get("IconName", "")).stem.removeprefix("visard-")

    def looks(self, wanted: str) -> None:
        until(lambda: self.look() == wanted, f"the icon says {self.look()}, not {wanted}")

    def line(self, start: str) -> dict[str, object]:
        """Return the line of the menu that begins like this, as soon as there is one."""
        return until(
            lambda: self._line(start), f"no {start!r} in {[x.get('label') for x in self.item.lines()]}"
        )

    def _line(self, start: str) -> dict[str, object] | None:
        return next((x for x in self.item.lines() if str(x.get("label", "")).startswith(start)), None)

    def open_menu(self, colour: str) -> None:
        """Click on the icon, and wait for the picture of a persona to be seen."""
        icon = until(lambda: self.screen.find(colour), f"no icon of {colour} on the screen")
        self.screen.click(icon.x, icon.y)
        self.persona(2)

    def persona(self, number: int) -> Spot:
        """Return where the picture of a persona is in the open menu."""
        return until(lambda: self.screen.find(shade(number), 20, 40), "the menu does not open")


def shade(number: int) -> str:
    """Return the colour behind the persona in the tests' daemon, as it comes out of its JPEG."""
    return f"#{90:02x}{200 - 25 * number:02x}{40 * number:02x}"


def opener(home: Path) -> Path:
    """Make an xdg-open that notes what it should open, and fails while there is a file ``no-browser``."""
    folder = home / "bin"
    folder.mkdir(parents=True)
    program = folder / "xdg-open"
    program.write_text(f'#!/bin/sh\n[ ! -e {home}/no-browser ] && echo "$1" >> {home}/opened\n')
    program.chmod(0o755)
    return folder


@contextmanager
def session(screen: Desktop, home: Path, **more: str) -> Iterator[Session]:
    environment = screen.environment | {"VISARD_HOME": str(home), **more}
    environment["PATH"] = f"{opener(home)}{os.pathsep}{environment['PATH']}"
    running = Session(screen, environment)
    with ExitStack() as stack:
        stack.callback(running.daemon.kill)
        running.daemon.start()
        log = stack.enter_context((home / "tray.log").open("w+"))
        running.tray = stack.enter_context(process(TRAY, environment, stderr=log))
        until(lambda: running.item.properties() or running.tray.poll() is not None, "no icon came up")
        assert running.tray.poll() is None, (home / "tray.log").read_text()
        running.looks("live")
        yield running
