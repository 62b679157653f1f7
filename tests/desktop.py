"""A desktop for tests: an X server nobody sees, a session bus, a panel, a mouse."""

import os
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image, ImageGrab

from visard.tray import system_gi

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds; a busy machine is slow to draw."""
PROGRAMS = ("Xvfb", "dbus-daemon", "xfce4-panel", "xdotool")

PANEL = """<channel name="xfce4-panel" version="1.0">
<property name="configver" type="int" value="2"/>
<property name="panels" type="array"><value type="int" value="1"/><property name="panel-1" type="empty">
<property name="position" type="string" value="p=6;x=0;y=0"/><property name="length" type="uint" value="100"/>
<property name="size" type="uint" value="40"/>
<property name="plugin-ids" type="array"><value type="int" value="1"/></property></property></property>
<property name="plugins" type="empty"><property name="plugin-1" type="string" value="systray"/></property>
</channel>"""

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>
<servicedir>{folder}</servicedir><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"""
SERVICE = Path("/usr/share/dbus-1/services/org.xfce.Xfconf.service")
"""What the panel has its settings from: the only one of this machine's services that the bus may start."""


def until(look: Callable[[], T], why: str) -> T:
    """Return what ``look`` gives as soon as it is something."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, why
        time.sleep(0.1)
    return found


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something is on the screen, pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Desktop:
    """A running desktop."""

    environment: dict[str, str]

    @property
    def display(self) -> str:
        return self.environment["DISPLAY"]

    def picture(self) -> Image.Image:
        """Return the whole screen."""
        return ImageGrab.grab(xdisplay=self.display)

    def find(self, colour: str, least: int = 12, most: int = 80) -> Spot | None:
        """Return where a spot of this colour is, if there is one of about the size of an icon."""
        pixels = np.asarray(self.picture().convert("RGB"), int)
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        rows, columns = np.nonzero((np.abs(pixels - wanted) <= 10).all(axis=2))
        if len(rows) < least:
            return None
        x, y, right, bottom = columns.min(), rows.min(), columns.max(), rows.max()
        if max(right - x, bottom - y) > most:
            return None
        return Spot(int(x + right) // 2, int(y + bottom) // 2, int(right - x), int(bottom - y))

    def click(self, x: int, y: int) -> None:
        """Move the mouse there and press its first button."""
        command = ["xdotool", "mousemove", str(x), str(y), "sleep", "0.2", "click", "1"]
        subprocess.run(command, env=self.environment, check=True, timeout=PATIENCE)

    def point(self, x: int, y: int) -> None:
        """Move the mouse there."""
        command = ["xdotool", "mousemove", str(x), str(y)]
        subprocess.run(command, env=self.environment, check=True, timeout=PATIENCE)

    def type(self, text: str) -> None:
        """Type into what is under the mouse: without a window manager that has the focus."""
        command = ["xdotool", "type", "--delay", "50", text]
        subprocess.run(command, env=self.environment, check=True, timeout=PATIENCE)

    def press(self, key: str) -> None:
        """Press a key by its X name."""
        subprocess.run(["xdotool", "key", key], env=self.environment, check=True, timeout=PATIENCE)

    def windows(self, title: str) -> list[str]:
        """Return the numbers of the visible windows with this title."""
        command = ["xdotool", "search", "--onlyvisible", "--name", f"^{title}$"]
        found = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        return found.stdout.split()


@contextmanager
def process(command: list[str], environment: dict[str, str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program while the block runs."""
    with subprocess.Popen(command, env=environment, text=True, **how) as running:
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()


@contextmanager
def desktop(folder: Path) -> Iterator[Desktop]:
    """Start X, bus and panel; skips the test where they are not installed."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None] + [SERVICE.name] * (
        not SERVICE.exists()
    )
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    _panel_configuration(folder / ".config")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = _environment(folder)
    with ExitStack() as stack:
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1000x800x24", "-nolisten", "tcp"]
        stack.enter_context(process(command, environment, pass_fds=[writing], **quiet))
        os.close(writing)
        with os.fdopen(reading) as told:
            environment["DISPLAY"] = ":" + told.readline().strip()
        command = ["dbus-daemon", f"--config-file={_bus(folder)}", "--nofork", "--print-address"]
        bus = stack.enter_context(
            process(command, environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        )
        assert bus.stdout is not None
        environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        stack.enter_context(process(["xfce4-panel", "--disable-wm-check"], environment, **quiet))
        yield Desktop(environment)


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of this machine's own desktop is left."""
    foreign = ("XDG_", "DBUS_", "WAYLAND_", "LC_", "LANG", "GTK_", "VISARD_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    return kept | {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "XDG_RUNTIME_DIR": str(runtime),
        "NO_AT_BRIDGE": "1",
        "LANG": "C.UTF-8",
        "GTK_THEME": "Adwaita",
    }


def _bus(folder: Path) -> Path:
    """Write the configuration of a bus that starts nothing of this machine's but the panel's own part."""
    services, configuration = folder / "services", folder / "bus.conf"
    services.mkdir()
    shutil.copy(SERVICE, services)
    configuration.write_text(BUS.format(folder=services))
    return configuration


def _panel_configuration(folder: Path) -> None:
    place = folder / "xfce4/xfconf/xfce-perchannel-xml"
    place.mkdir(parents=True)
    (place / "xfce4-panel.xml").write_text(PANEL)


class StatusItem:
    """The tray's entry in the panel, as the panel sees it over D-Bus."""

    def __init__(self, address: str) -> None:
        if not system_gi.find():
            pytest.skip("needs python3-gi for this version of Python")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # this PyGObject is older than this Python
            from gi.repository import Gio, GLib

        self._gio, self._glib = Gio, GLib
        flags = self._gio.DBusConnectionFlags
        self._bus = self._gio.DBusConnection.new_for_address_sync(
            address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None
        )

    def watched(self) -> bool:
        """Tell whether a panel is there that takes items."""
        watcher = "org.kde.StatusNotifierWatcher"
        try:
            return bool(self._get_all(watcher, "/StatusNotifierWatcher", watcher))
        except self._glib.Error:
            return False

    def startable(self) -> set[str]:
        """Return the names of all services that the bus would start."""
        bus = "org.freedesktop.DBus"
        return set(self._call(bus, "/org/freedesktop/DBus", bus, "ListActivatableNames", None)[0])

    def properties(self) -> dict[str, Any]:
        """Return what the item says of itself; empty while there is none."""
        where = self._where()
        return dict(self._get_all(*where)) if where else {}

    def lines(self) -> list[dict[str, Any]]:
        """Return the menu's lines with everything below them, as one list."""
        where = self._where()
        if where is None:
            return []
        menu = self._get_all(*where)["Menu"]
        _, root = self._call(
            where[0], menu, "com.canonical.dbusmenu", "GetLayout", self._variant("(iias)", (0, -1, []))
        )
        return list(self._flat(root))

    def click(self, label: str) -> None:
        """Choose the line with this label; again when the menu was made anew between looking and choosing."""
        until(lambda: self._clicked(label), f"{label} cannot be chosen")

    def _clicked(self, label: str) -> bool:
        where = self._where()
        numbers = [line["id"] for line in self.lines() if line.get("label") == label]
        if where is None or not numbers:
            return False
        event = self._variant("(isvu)", (numbers[0], "clicked", self._variant("i", 0), 0))
        try:
            self._call(where[0], self._get_all(*where)["Menu"], "com.canonical.dbusmenu", "Event", event)
        except self._glib.Error as error:
            if "does not refer to a menu item" in error.message:
                return False
            raise
        return True

    def _flat(self, line: Any) -> Iterator[dict[str, Any]]:
        number, properties, below = line
        yield {"id": number, **properties}
        for each in below:
            yield from self._flat(each)

    def _where(self) -> tuple[str, str] | None:
        watcher = "org.kde.StatusNotifierWatcher"
        try:
            items = self._get_all(watcher, "/StatusNotifierWatcher", watcher)["RegisteredStatusNotifierItems"]
        except self._glib.Error:
            return None
        mine = [item for item in items if item.endswith("/visard")]
        if not mine:
            return None
        name, _, path = mine[-1].partition("/")
        return name, f"/{path}"

    def _get_all(self, name: str, path: str, kind: str = "org.kde.StatusNotifierItem") -> Any:
        asked = self._variant("(s)", (kind,))
        return self._call(name, path, "org.freedesktop.DBus.Properties", "GetAll", asked)[0]

    def _variant(self, kind: str, value: Any) -> Any:
        return self._glib.Variant(kind, value)

    def _call(self, name: str, path: str, kind: str, method: str, body: Any) -> Any:
        return self._bus.call_sync(name, path, kind, method, body, None, 0, 5000, None).unpack()
