"""A GTK menu that follows a tuple of items, changed in place so that it can be open meanwhile."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gi.repository import GdkPixbuf, GLib, Gtk
from PIL.Image import Image
from pystray._appindicator import Icon

from visard.tray.panel.interface import SEPARATOR, MenuItem, OnClick, PanelState
from visard.tray.texts import IconState
from visard.tray.thumbnails import ticked

_Pictures = Mapping[str, Image]


class GtkMenu:
    """Items as widgets; the GTK thread."""

    def __init__(self, on_click: OnClick, refresh: Callable[[], None]) -> None:
        self._on_click = on_click
        self._refresh = refresh
        self._shape: Any = None
        self._quiet = False
        self.widget = Gtk.Menu()

    def show(self, items: tuple[MenuItem, ...], pictures: _Pictures) -> bool:
        """Show these items; return whether ``widget`` is a new one."""
        shape = _shape(items, pictures)
        if shape == self._shape:
            with self._silence():
                self._fill(self.widget, items, pictures)
            return False
        self._shape = shape
        with self._silence():
            self.widget = self._menu(items, pictures)
        return True

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Setting a tick counts as a click for GTK, but not for us."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _menu(self, items: tuple[MenuItem, ...], pictures: _Pictures) -> Any:
        menu = Gtk.Menu()
        for item in items:
            menu.append(self._widget(item, pictures))
        self._fill(menu, items, pictures)
        menu.show_all()
        return menu

    def _widget(self, item: MenuItem, pictures: _Pictures) -> Any:
        if item is SEPARATOR:
            return Gtk.SeparatorMenuItem()
        if item.thumbnail in pictures:
            widget = Gtk.ImageMenuItem(label=item.label, always_show_image=True)
        elif item.checked is not None:
            widget = Gtk.CheckMenuItem(label=item.label, draw_as_radio=item.radio)
        else:
            widget = Gtk.MenuItem(label=item.label)
        if item.children:
            widget.set_submenu(self._menu(item.children, pictures))
        widget.connect("activate", self._activated)
        return widget

    def _fill(self, menu: Any, items: tuple[MenuItem, ...], pictures: _Pictures) -> None:
        for widget, item in zip(menu.get_children(), items, strict=True):
            if item is not SEPARATOR:
                self._set(widget, item, pictures)

    def _set(self, widget: Any, item: MenuItem, pictures: _Pictures) -> None:
        """Make the widget say what the item says; properties that stay cause no traffic."""
        widget.visard_item = item
        label = item.label
        picture = pictures.get(item.thumbnail or "")
        if picture is not None:
            label = f"{label}  ✓" if item.checked else label
            _picture(widget, ticked(picture) if item.checked else picture)
        elif item.checked is not None and widget.get_active() != item.checked:
            widget.set_active(item.checked)
        if widget.get_label() != label:
            widget.set_label(label)
        if widget.get_sensitive() != item.enabled:
            widget.set_sensitive(item.enabled)
        if item.children:
            self._fill(widget.get_submenu(), item.children, pictures)

    def _activated(self, widget: Any) -> None:
        if self._quiet:
            return
        item: MenuItem = widget.visard_item
        if item.refreshes:
            self._refresh()
        if item.action is not None:
            self._on_click(item.action)
            GLib.idle_add(self._untick, widget)

    def _untick(self, widget: Any) -> bool:
        """GTK ticks what is clicked; the tick is the daemon's to move."""
        item: MenuItem = widget.visard_item
        if isinstance(widget, Gtk.CheckMenuItem) and item.checked is not None:
            with self._silence():
                widget.set_active(item.checked)
        return False


def _shape(items: tuple[MenuItem, ...], pictures: _Pictures) -> tuple[Any, ...]:
    """Return what cannot be changed in place."""
    return tuple(
        (item is SEPARATOR, item.checked is None, item.radio, item.thumbnail in pictures,
         _shape(item.children, pictures))
        for item in items
    )  # fmt: skip


def _picture(widget: Any, picture: Image) -> None:
    key = picture.tobytes()
    if getattr(widget, "visard_picture", None) == key:
        return
    widget.visard_picture = key
    width, height = picture.size
    pixels = GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(key), GdkPixbuf.Colorspace.RGB, True, 8, width, height, width * 4
    )
    widget.set_image(Gtk.Image.new_from_pixbuf(pixels))


class GtkIcon(Icon):  # type: ignore[misc]
    """Shows states; pystray owns the indicator and the loop. The GTK thread, but for ``run`` and ``stop``."""

    def __init__(self, menu: GtkMenu, paths: dict[IconState, str], state: PanelState) -> None:
        self._gtk_menu = menu
        self._paths = paths
        self._state = state
        menu.show(state.items, state.thumbnails)
        super().__init__("visard", paths, state.title)

    @property
    def path(self) -> str:
        """The file of the icon that is shown."""
        return self._paths[self._state.icon]

    def show_state(self, state: PanelState) -> bool:
        """Show this from now on; returns False, as GLib wants it from what runs once."""
        before, self._state = self._state, state
        if state.icon is not before.icon:
            self._appindicator.set_icon_full(self.path, state.title)
        if state.title != before.title:
            self._appindicator.set_title(state.title)
        if self._gtk_menu.show(state.items, state.thumbnails):
            self._update_menu()
            self._appindicator.set_menu(self._gtk_menu.widget)
        return False

    def _initialize(self) -> None:
        """Unlike pystray's, end cleanly on signals and need no notification service."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup's is kept
                GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, self._loop.quit)
        self._mark_ready()

    def _finalize(self) -> None:
        """Unlike pystray's, call no notification service: it may be missing."""
        del self._appindicator

    def _update_menu(self) -> None:
        self._menu_handle = self._gtk_menu.widget

    def _update_icon(self) -> None:
        self._icon_path, self._icon_valid = self.path, True
