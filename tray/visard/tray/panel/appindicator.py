"""The panel of Linux desktops: a StatusNotifierItem with a GTK menu, by pystray's appindicator icon."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visard.tray import system_gi
from visard.tray.icon import draw
from visard.tray.panel.interface import OnClick, PanelState, PanelUnavailable
from visard.tray.texts import IconState

_SIZE = 64
_TIMEOUT = 5000
"""Milliseconds for a notification service to answer."""
_NO_BUS = "there is no session bus; start the tray inside a desktop session"
_INSTALL = "sudo apt install python3-gi gir1.2-gtk-3.0 gir1.2-ayatanaappindicator3-0.1"


class GtkPanel:
    """pystray's icon with a menu that has pictures and changes in place."""

    def __init__(self, state: PanelState, on_click: OnClick, refresh: Callable[[], None]) -> None:
        _check()
        from gi.repository import GLib

        from visard.tray.panel.gtk_widgets import GtkIcon, GtkMenu

        self._glib = GLib
        self._bus = _session_bus()
        self._folder = Path(tempfile.mkdtemp(prefix="visard-tray-"))
        self._icon = GtkIcon(GtkMenu(on_click, refresh), self._pictures(), state)

    def show(self, state: PanelState) -> None:
        """Show this from now on."""
        self._glib.idle_add(self._icon.show_state, state)

    def notify(self, text: str, failed: Callable[[], None]) -> None:
        """Show a notification, without waiting for whoever shows it."""
        self._glib.idle_add(_notify, self._bus, text, self._icon.path, failed)

    def run(self) -> None:
        """Show the icon until ``stop``, or a signal that ends programs."""
        try:
            self._icon.run()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self) -> None:
        """Take the icon away."""
        self._icon.stop()

    def _pictures(self) -> dict[IconState, str]:
        """Draw all icons into files, since the desktop reads them by name."""
        paths = {icon: self._folder / f"visard-{icon}.png" for icon in IconState}
        for icon, path in paths.items():
            draw(icon, _SIZE).save(path)
        return {icon: str(path) for icon, path in paths.items()}


def _check() -> None:
    """See that this desktop has all it takes; raises PanelUnavailable."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise PanelUnavailable("there is no display; start the tray inside a desktop session")
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS") and not _usual_bus():
        raise PanelUnavailable(_NO_BUS)
    if not system_gi.find():
        raise PanelUnavailable(f"the tray needs PyGObject for this version of Python; run: {_INSTALL}")
    try:
        import pystray._appindicator  # noqa: F401
    except (ImportError, ValueError) as error:
        raise PanelUnavailable(f"{error}; run: {_INSTALL}, and: pip install 'visard[tray]'") from error


def _session_bus() -> Any:
    """Return the connection that all parts of a process share.

    It must be there before the indicator is made: one that has to wait for it sometimes never shows its icon.
    """
    from gi.repository import Gio, GLib

    try:
        return Gio.bus_get_sync(Gio.BusType.SESSION)
    except GLib.Error as error:
        raise PanelUnavailable(f"{_NO_BUS} ({error.message})") from error


def _usual_bus() -> bool:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return bool(runtime) and Path(str(runtime), "bus").exists()


def _notify(bus: Any, text: str, icon: str, failed: Callable[[], None]) -> bool:
    """Ask the desktop's notification service; runs on the GTK thread and returns at once."""
    from gi.repository import Gio, GLib

    def answered(bus: Any, result: Any) -> None:
        try:
            bus.call_finish(result)
        except GLib.Error:
            failed()

    hints = {"desktop-entry": GLib.Variant("s", "visard")}
    body = GLib.Variant("(susssasa{sv}i)", ("Visard", 0, icon, "Visard", text, [], hints, -1))
    where = "org.freedesktop.Notifications", "/org/freedesktop/Notifications", "org.freedesktop.Notifications"
    bus.call(*where, "Notify", body, None, Gio.DBusCallFlags.NONE, _TIMEOUT, None, answered)
    return False
