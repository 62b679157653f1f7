"""Personas prepared beforehand, so that switching takes no time.

One worker for what somebody waits for, and one for the stock, which leaves the processor to the live picture.
"""

import logging
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread

from visard.daemon.config.settings import Mode
from visard.daemon.errors import VisardError
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import prepare
from visard.daemon.pipeline.recipe import Recipe
from visard.daemon.service.memory import give_back

log = logging.getLogger(__name__)

KEEP = 24
"""Prepared personas kept; the ones not worn for longest go first."""

Key = tuple[str, Mode]
Then = Callable[[Recipe | Exception], None]


@dataclass(frozen=True, slots=True)
class _Order:
    key: Key
    then: Then


class PreparedPersonas:
    """Prepared recipes by persona and mode; any thread."""

    def __init__(
        self,
        library: Library,
        changed: Callable[[], None] = lambda: None,
        prepare: Callable[..., Recipe] = prepare,
    ) -> None:
        self.preparing: Key | None = None
        self.progress = 0.0
        """How much of what is being prepared is done, 0 to 1."""
        self._closed = False
        self._library = library
        self._changed = changed
        self._prepare = prepare
        self._ready: OrderedDict[Key, Recipe] = OrderedDict()
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._stock: SimpleQueue[Key | None] = SimpleQueue()
        self._lock = Lock()
        self._workers = [
            Thread(target=work, name=f"visard {work.__name__.strip('_')}", daemon=True)
            for work in (self._serve, self._restock)
        ]
        for worker in self._workers:
            worker.start()

    def get(self, name: str, mode: Mode) -> Recipe | None:
        """Return what was prepared, or None."""
        with self._lock:
            recipe = self._ready.get((name, mode))
            if recipe is not None:
                self._ready.move_to_end((name, mode))
            return recipe

    def has(self, name: str, mode: Mode) -> bool:
        """Whether it was prepared."""
        return (name, mode) in self._ready

    def order(self, name: str, mode: Mode, then: Then) -> None:
        """Prepare it next; ``then`` gets the recipe, or what went wrong, on the worker's thread."""
        self._orders.put(_Order((name, mode), then))

    def stock(self, names: list[str], mode: Mode) -> None:
        """Prepare these too when there is time, as many as are kept."""
        for name in names[:KEEP]:
            self._stock.put((name, mode))

    def drop(self, name: str) -> None:
        """Forget a persona that was changed or removed."""
        with self._lock:
            for mode in Mode:
                self._ready.pop((name, mode), None)

    def close(self, timeout: float = 0.0) -> None:
        """Prepare no more; wait up to ``timeout`` seconds for what is being prepared."""
        self._closed = True
        self._orders.put(None)
        self._stock.put(None)
        for worker in self._workers:
            worker.join(timeout)

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None and not self._closed:
            order.then(self.get(*order.key) or self._fetch(order.key))

    def _restock(self) -> None:
        _be_nice()
        while (key := self._stock.get()) is not None and not self._closed:
            if not self.has(*key):
                self._make(key, lambda _: None)
                self._changed()
                if self._stock.empty():
                    give_back()

    def _fetch(self, key: Key) -> Recipe | Exception:
        """Make what somebody waits for, and tell how far it is."""
        self.preparing = key
        self._tell(0.0)
        try:
            return self._make(key, self._tell)
        finally:
            self.preparing = None
            self._changed()

    def _make(self, key: Key, tell: Callable[[float], None]) -> Recipe | Exception:
        try:
            recipe = self._prepare(key[0], key[1], library=self._library, progress=tell)
        except Exception as error:  # a persona that cannot be used must not end the worker
            if not isinstance(error, VisardError):
                log.exception("preparing %s failed", key[0])
            return error
        with self._lock:
            self._ready[key] = recipe
            while len(self._ready) > KEEP:
                self._ready.popitem(last=False)
        return recipe

    def _tell(self, progress: float) -> None:
        self.progress = progress
        self._changed()


def _be_nice() -> None:
    """Let the live picture have the processor first."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
