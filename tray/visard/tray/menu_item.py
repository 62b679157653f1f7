"""What a menu is made of, whoever draws it."""

from dataclasses import dataclass

from visard.tray.actions import Action


@dataclass(frozen=True, slots=True)
class Item:
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
    children: tuple["Item", ...] = ()
    refreshes: bool = False
    """Opening its children is a reason to look at the cameras again."""


SEPARATOR = Item("")


def note(label: str) -> Item:
    """Return a line that only tells something."""
    return Item(label, enabled=False)
