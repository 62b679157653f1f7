"""Personas prepared beforehand, so that switching takes no time.

One at a time: what somebody waits for first, then the others as long as there is memory for them.
"""

import logging
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from typing import Any

from visard.daemon.config.settings import Mode
from visard.daemon.errors import VisardError
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import PreparedPersona, prepare
from visard.daemon.service.memory import give_back
from visard.engines.errors import Cancelled

log = logging.getLogger(__name__)

LIMIT = 1 << 30
"""Bytes that prepared personas may hold; the ones not used for longest go first."""

Key = tuple[str, Mode]
Then = Callable[[PreparedPersona | Exception], None]


@dataclass(frozen=True, slots=True)
class _Order:
    key: Key
    then: Then | None = None
    """Told what came of it; None: nobody waits."""


class PreparedPersonas:
    """Prepared personas by name and mode; any thread. Without ``ahead`` only what somebody waits for."""

    def __init__(
        self,
        library: Library,
        changed: Callable[[], None] = lambda: None,
        prepare: Callable[..., PreparedPersona] = prepare,
        limit: int = LIMIT,
        *,
        ahead: bool = True,
    ) -> None:
        self.preparing: Key | None = None
        """What somebody waits for and is being prepared."""
        self.progress = 0.0
        """How much of it is done, 0 to 1."""
        self.step = ""
        """What is being done for it."""
        self.in_use: Callable[[], Collection[PreparedPersona]] = tuple
        """Tells which ones are on, or being faded out: these are not closed."""
        self._library, self._changed, self._prepare, self._limit = library, changed, prepare, limit
        self._ahead = ahead
        self._ready: OrderedDict[Key, PreparedPersona] = OrderedDict()
        self._retired: list[PreparedPersona] = []
        self._wish: _Order | None = None
        self._stock: deque[_Order] = deque()
        self._present: _Order | None = None
        self._cancelled = False
        self._closed = False
        self._turn = Condition()
        self._workers = [
            Thread(target=self._work, args=(stock,), name=f"visard prepare {stock}", daemon=True)
            for stock in (False, True)
        ]
        for worker in self._workers:
            worker.start()

    def get(self, name: str, mode: Mode) -> PreparedPersona | None:
        """Return what was prepared, or None."""
        with self._turn:
            persona = self._ready.get((name, mode))
            if persona is not None:
                self._ready.move_to_end((name, mode))
            return persona

    def has(self, name: str, mode: Mode) -> bool:
        """Whether it was prepared."""
        return (name, mode) in self._ready

    def add(self, persona: PreparedPersona) -> None:
        """Keep one that was prepared elsewhere."""
        with self._turn:
            self._ready[persona.name, persona.mode] = persona

    def order(self, name: str, mode: Mode, then: Then) -> None:
        """Prepare it now, instead of what was ordered before; ``then`` gets it, or why not, on a worker."""
        with self._turn:
            self._wish = _Order((name, mode), then)
            present = self._present  # what is prepared ahead gives way also to itself: it is in no hurry
            self._cancelled = present is not None and (present.then is None or present.key != self._wish.key)
            self._turn.notify_all()

    def cancel(self) -> None:
        """Give up what somebody waits for; who waits gets Cancelled."""
        with self._turn:
            wish, self._wish = self._wish, None
            self._cancelled = self._present is not None and self._present.then is not None
        if wish is not None and wish.then is not None:
            wish.then(Cancelled("nobody waits for it any more"))

    def stock(self, names: Iterable[str], mode: Mode) -> None:
        """Prepare these too when there is time, as long as there is memory for them."""
        with self._turn:
            self._stock.extend(_Order((name, mode)) for name in names if self._ahead)
            self._turn.notify_all()

    def adjust(self, name: str, options: Mapping[str, Any]) -> None:
        """Follow a persona's new options, by processor; what cannot is forgotten, to be prepared anew."""
        with self._turn:
            known = [(key, persona) for key, persona in self._ready.items() if key[0] == name]
        for key, persona in known:
            if persona.processor not in options or not persona.prepared.adjust(options[persona.processor]):
                self._forget(key)

    def drop(self, name: str) -> None:
        """Forget a persona that was changed or removed."""
        for mode in Mode:
            self._forget((name, mode))

    def sweep(self) -> None:
        """Close what was forgotten and is on no more."""
        with self._turn:
            used = self.in_use()
            gone = [one for one in self._retired if not _among(one, used)]
            self._retired = [one for one in self._retired if _among(one, used)]
        for one in gone:
            one.prepared.close()

    def close(self, timeout: float = 0.0) -> None:
        """Close everything; wait up to ``timeout`` seconds for what is being prepared."""
        with self._turn:
            self._closed = self._cancelled = True
            self._retired += self._ready.values()
            self._ready.clear()
            self.in_use = tuple
            self._turn.notify_all()
        for worker in self._workers:
            worker.join(timeout)
        self.sweep()

    def _forget(self, key: Key) -> None:
        with self._turn:
            persona = self._ready.pop(key, None)
            if persona is not None:
                self._retired.append(persona)
        self.sweep()

    def _work(self, stock: bool) -> None:
        if stock:
            _be_nice()
        while (order := self._next(stock)) is not None:
            made = self._make(order)
            with self._turn:
                self._present, self.preparing = None, None
                if order.then is None and isinstance(made, Cancelled) and not self._closed:
                    self._stock.appendleft(order)  # it gave way to what somebody waits for
                self._turn.notify_all()
            if order.then is not None:
                order.then(made)
            self._changed()
            if stock and not self._stock:
                give_back()

    def _next(self, stock: bool) -> _Order | None:
        """Wait for something to prepare while nothing else is prepared; None: it is over."""
        with self._turn:
            while not self._closed:
                if self._present is None and not stock and self._wish is not None:
                    order, self._wish = self._wish, None
                    self.preparing, self.progress, self.step = order.key, 0.0, ""
                elif self._present is None and stock and self._wish is None and self._room():
                    order = self._stock.popleft()
                    if order.key in self._ready:
                        continue
                else:
                    self._turn.wait()
                    continue
                self._present, self._cancelled = order, False
                return order
        return None

    def _room(self) -> bool:
        """Whether there is something to prepare ahead, and memory for it."""
        if self._bytes() >= self._limit:
            self._stock.clear()
        return bool(self._stock)

    def _bytes(self) -> int:
        return sum(persona.prepared.bytes for persona in self._ready.values())

    def _make(self, order: _Order) -> PreparedPersona | Exception:
        found = self.get(*order.key)
        if found is not None:
            return found
        try:
            made = self._prepare_newest(order)
        except Exception as error:  # a persona that cannot be used must not end the worker
            if not isinstance(error, VisardError):
                log.exception("preparing %s failed", order.key[0])
            return error
        with self._turn:
            if self._closed:
                self._retired.append(made)
            else:
                self._ready[order.key] = made
                self._make_room(order)
        self.sweep()
        return made

    def _prepare_newest(self, order: _Order) -> PreparedPersona:
        """Prepare a persona as it is chosen, and again if that changed meanwhile."""
        name, mode = order.key
        while True:
            persona = self._library.get(name)
            with ExitStack() as undo:
                made = self._prepare(persona, mode, partial(self._report, order))
                undo.callback(made.prepared.close)
                if self._library.get(name) == persona:
                    undo.pop_all()
                    return made

    def _make_room(self, order: _Order) -> None:
        """Retire the ones not used for longest; for what nobody waits for nothing else goes."""
        used = (*self.in_use(), self._ready[order.key])
        unused = [key for key, one in self._ready.items() if not _among(one, used)]
        for key in unused if order.then else (order.key,):
            if self._bytes() > self._limit:
                self._retired.append(self._ready.pop(key))

    def _report(self, order: _Order, share: float, text: str) -> None:
        if self._cancelled:
            raise Cancelled(f"preparing {order.key[0]} was given up")
        if order.then is not None:
            self.progress, self.step = share, text
            self._changed()


def _among(one: PreparedPersona, others: Collection[PreparedPersona]) -> bool:
    return any(one is other for other in others)


def _be_nice() -> None:
    """Let the live picture have the processor first."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
