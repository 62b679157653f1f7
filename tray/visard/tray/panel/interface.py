"""What is shown in the desktop's panel, and what shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from PIL.Image import Image

from visard.daemon.errors import VisardError
from visard.tray.actions import Action
from visard.tray.texts import IconState


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line of the menu. One that has neither action nor children only tells something."""

    label: str
    action: Action | None = None
    checked: bool | None = None
    """Ticked or not; None: it cannot be ticked."""
    radio: bool = False
    """Ticking it takes the tick from its neighbours."""
    enabled: bool = True
    thumbnail: str | None = None
    """The name of the persona whose picture stands beside the label."""
    children: tuple["MenuItem", ...] = ()
    refreshes: bool = False
    """Opening its children is a reason to look at the cameras again."""


SEPARATOR = MenuItem("")


def note(label: str) -> MenuItem:
    """Return a line that only tells something."""
    return MenuItem(label, enabled=False)


class PanelUnavailable(VisardError):
    """Nothing is here that could show an icon with a menu."""

    code = "panel-unavailable"


@dataclass(frozen=True, slots=True)
class PanelState:
    """Everything the panel shows."""

    icon: IconState
    title: str
    items: tuple[MenuItem, ...]
    thumbnails: Mapping[str, Image] = field(default_factory=dict)


class Panel(Protocol):
    """An icon with a menu. All methods but ``run`` return at once and may be called on any thread."""

    def show(self, state: PanelState) -> None:
        """Show this from now on."""
        ...

    def notify(self, text: str, failed: Callable[[], None]) -> None:
        """Show a notification; call ``failed`` on any thread where nobody would see it."""
        ...

    def run(self) -> None:
        """Show the icon until ``stop``; on the main thread."""
        ...

    def stop(self) -> None:
        """Take the icon away and let ``run`` return."""
        ...


OnClick = Callable[[Action], None]
"""Told what was clicked; returns at once."""
