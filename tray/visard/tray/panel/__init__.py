"""The place in the desktop's panel: an icon with a menu, drawn by pystray."""

from collections.abc import Callable

from visard.tray.panel.interface import (
    SEPARATOR,
    MenuItem,
    OnClick,
    Panel,
    PanelState,
    PanelUnavailable,
    note,
)

__all__ = ["SEPARATOR", "MenuItem", "Panel", "PanelState", "PanelUnavailable", "note", "open_panel"]


def open_panel(state: PanelState, on_click: OnClick, refresh: Callable[[], None]) -> Panel:
    """Return this desktop's panel; raises PanelUnavailable with what to install.

    ``refresh`` is called when the person opens a menu whose contents may be out of date.
    """
    import sys

    if sys.platform in ("win32", "darwin"):
        from visard.tray.panel.plain import PlainPanel

        return PlainPanel(state, on_click)
    from visard.tray.panel.appindicator import GtkPanel

    return GtkPanel(state, on_click, refresh)
