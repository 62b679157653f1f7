"""pystray's appindicator icon with pictures drawn beforehand and a menu of our own."""

import signal

from gi.repository import GLib
from pystray._appindicator import Icon

from visard.tray.panel import Scene
from visard.tray.panel.gtk_widgets import GtkMenu
from visard.tray.texts import IconState


class GtkIcon(Icon):  # type: ignore[misc]
    """Shows scenes; pystray owns the indicator and the loop. The GTK thread, but for ``run`` and ``stop``."""

    def __init__(self, menu: GtkMenu, paths: dict[IconState, str], scene: Scene) -> None:
        self._gtk_menu = menu
        self._paths = paths
        self._scene = scene
        menu.show(scene.items, scene.thumbnails)
        super().__init__("visard", paths, scene.title)

    @property
    def path(self) -> str:
        """The file of the icon that is shown."""
        return self._paths[self._scene.look]

    def show_scene(self, scene: Scene) -> bool:
        """Show this from now on; returns False, as GLib wants it from what runs once."""
        before, self._scene = self._scene, scene
        if scene.look is not before.look:
            self._appindicator.set_icon_full(self.path, scene.title)
        if scene.title != before.title:
            self._appindicator.set_title(scene.title)
        if self._gtk_menu.show(scene.items, scene.thumbnails):
            self._update_menu()
            self._appindicator.set_menu(self._gtk_menu.widget)
        return False

    def _initialize(self) -> None:
        """Unlike pystray's, end cleanly on signals and need no notification service."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, self._loop.quit)
        self._mark_ready()

    def _finalize(self) -> None:
        """Unlike pystray's, call no notification service: it may be missing."""
        del self._appindicator

    def _update_menu(self) -> None:
        self._menu_handle = self._gtk_menu.widget

    def _update_icon(self) -> None:
        self._icon_path, self._icon_valid = self.path, True
