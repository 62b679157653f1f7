"""Personas prepared beforehand, so that switching takes no time; one worker, the most urgent first."""

import itertools
import logging
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import PriorityQueue
from threading import Lock, Thread

from visard.daemon.errors import VisardError
from visard.daemon.personas import Library
from visard.daemon.prepare import prepare
from visard.daemon.recipe import Recipe
from visard.daemon.settings import Mode

log = logging.getLogger(__name__)

KEEP = 24
"""Prepared personas kept; the ones not worn for longest go first."""

Key = tuple[str, Mode]
Then = Callable[[Recipe | Exception], None]


@dataclass(order=True, slots=True)
class _Order:
    urgency: tuple[int, int]
    """Asked for by a person first, then what may be asked for; in each the older first."""
    key: Key | None = field(compare=False)
    then: Then | None = field(compare=False, default=None)


class Wardrobe:
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
        self._library = library
        self._changed = changed
        self._prepare = prepare
        self._ready: OrderedDict[Key, Recipe] = OrderedDict()
        self._orders: PriorityQueue[_Order] = PriorityQueue()
        self._count = itertools.count()
        self._lock = Lock()
        self._worker = Thread(target=self._work, name="visard wardrobe", daemon=True)
        self._worker.start()

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
        self._orders.put(_Order((0, next(self._count)), (name, mode), then))

    def stock(self, names: list[str], mode: Mode) -> None:
        """Prepare these too when there is time, as many as are kept."""
        for name in names[:KEEP]:
            self._orders.put(_Order((1, next(self._count)), (name, mode)))

    def drop(self, name: str) -> None:
        """Forget a persona that was changed or removed."""
        with self._lock:
            for mode in Mode:
                self._ready.pop((name, mode), None)

    def close(self, timeout: float = 0.0) -> None:
        """Prepare no more; wait up to ``timeout`` seconds for what is being prepared."""
        self._orders.put(_Order((-1, 0), None))
        self._worker.join(timeout)

    def _work(self) -> None:
        _be_nice()
        while (order := self._orders.get()).key is not None:
            known = self.get(*order.key)
            if order.then is None:
                if known is None:
                    self._make(order.key)
            else:
                order.then(known or self._make(order.key))

    def _make(self, key: Key) -> Recipe | Exception:
        self.preparing = key
        self._tell(0.0)
        try:
            recipe = self._prepare(key[0], key[1], library=self._library, progress=self._tell)
        except Exception as error:  # a persona that cannot be used must not end the worker
            if not isinstance(error, VisardError):
                log.exception("preparing %s failed", key[0])
            return error
        else:
            with self._lock:
                self._ready[key] = recipe
                while len(self._ready) > KEEP:
                    self._ready.popitem(last=False)
            return recipe
        finally:
            self.preparing = None
            self._changed()

    def _tell(self, progress: float) -> None:
        self.progress = progress
        self._changed()


def _be_nice() -> None:
    """Let the live picture have the processor first."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
