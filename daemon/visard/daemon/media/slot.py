"""A place for one item between two threads: the newest wins, nobody polls."""

from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The other side has gone."""


class Slot(Generic[T]):
    """Holds at most one item.

    ``put`` replaces an item nobody took and counts it as dropped; ``hand`` waits until there is room, for
    sources that must not lose frames. After ``close`` an item left can be taken, then Closed is raised.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: T | None = None
        self._closed = False
        self._taken = False
        self.dropped = 0

    @property
    def busy(self) -> bool:
        """Whether an item waits here, or whoever took one has not come back for the next."""
        with self._changed:
            return self._taken or self._item is not None

    def put(self, item: T) -> None:
        """Store the item now, replacing an older one."""
        with self._changed:
            self._check()
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify_all()

    def hand(self, item: T) -> None:
        """Store the item once the older one was taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is None or self._closed)
            self._check()
            self._item = item
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> T | None:
        """Wait for an item and remove it; None when ``timeout`` seconds pass without one."""
        with self._changed:
            self._taken = False
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            self._taken = item is not None
            self._changed.notify_all()
            if item is None:
                self._check()
            return item

    def peek(self) -> T | None:
        """Return the item without removing it."""
        with self._changed:
            return self._item

    def close(self) -> None:
        """Wake everybody; nothing more can be put."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _check(self) -> None:
        if self._closed:
            raise Closed
