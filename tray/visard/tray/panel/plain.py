"""The panel of Windows and macOS, without thumbnails."""

from collections.abc import Callable
from typing import Any

from visard.tray.icon import draw
from visard.tray.panel.interface import SEPARATOR, MenuItem, OnClick, PanelState, PanelUnavailable

_SIZE = 64


class PlainPanel:
    """pystray's own icon and menu."""

    def __init__(self, state: PanelState, on_click: OnClick) -> None:
        try:
            import pystray
        except ImportError as error:
            raise PanelUnavailable(
                f"the tray needs pystray ({error}); add it: pip install 'visard[tray]'"
            ) from error
        self._state = state
        self._on_click = on_click
        self._pystray = pystray
        menu = pystray.Menu(lambda: map(self._entry, self._state.items))
        self._icon = pystray.Icon("visard", draw(state.icon, _SIZE), state.title, menu)

    def show(self, state: PanelState) -> None:
        """Show this from now on."""
        before, self._state = self._state, state
        if state.icon is not before.icon:
            self._icon.icon = draw(state.icon, _SIZE)
        self._icon.title = state.title
        self._icon.update_menu()

    def notify(self, text: str, failed: Callable[[], None]) -> None:
        """Show a notification, which these platforms always can."""
        if self._icon.HAS_NOTIFICATION:
            self._icon.notify(text, "Visard")
        else:
            failed()

    def run(self) -> None:
        """Show the icon until ``stop``."""
        self._icon.run()

    def stop(self) -> None:
        """Take the icon away."""
        self._icon.stop()

    def _entry(self, item: MenuItem) -> Any:
        if item is SEPARATOR:
            return self._pystray.Menu.SEPARATOR
        ticked = bool(item.checked)
        return self._pystray.MenuItem(
            item.label,
            self._pystray.Menu(*map(self._entry, item.children)) if item.children else self._on(item),
            checked=None if item.checked is None else lambda _: ticked,
            radio=item.radio,
            enabled=item.enabled,
        )

    def _on(self, item: MenuItem) -> Callable[[], None]:
        def clicked() -> None:
            if item.action is not None:
                self._on_click(item.action)

        return clicked
