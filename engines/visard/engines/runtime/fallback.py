"""Trying the rungs of a network's ladder, now or in the background, and keeping what became of each."""

import atexit
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from weakref import WeakSet

from visard.engines.errors import Cancelled, DeviceLost, EngineError, NoNumbers, Wrong
from visard.engines.interfaces import Progress
from visard.engines.runtime.candidates import Candidate, Rung, State
from visard.engines.runtime.opener import Opened, Supply

_logger = logging.getLogger("visard.engines")
_HOPELESS = State.refused, State.wrong, State.lost


class Climb:
    """The rungs of one network and the work of climbing them; any thread may ask."""

    def __init__(self, candidates: list[Candidate], supply: Supply, changed: Callable[[], None]) -> None:
        self.candidates, self._supply, self._changed = candidates, supply, changed
        self.rungs = [candidate.rung() for candidate in candidates]
        self.building: Progress | None = None
        self._errors: list[tuple[type[EngineError], str]] = []
        self.better: tuple[int, Opened] | None = None
        """What the background has made and nobody has taken yet."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def mark(self, index: int, state: State, reason: str | None = None, **numbers: float | None) -> None:
        """Set what became of a rung; without a reason the one it has stays."""
        with self._lock:
            rung = self.rungs[index]
            said = rung.reason if reason is None else reason
            self.rungs[index] = replace(rung, state=state, reason=said, **numbers)  # type: ignore[arg-type]
        self._changed()

    def lose(self, device: str, reason: str) -> None:
        """Give up every rung on a device that failed."""
        for index, rung in enumerate(self.rungs):
            if rung.device == device and rung.state not in (State.refused, State.wrong):
                self.mark(index, State.lost, reason)

    def at_hand(self, index: int) -> bool:
        """Whether a rung needs no long compilation."""
        candidate = self.candidates[index]
        if self.rungs[index].state in _HOPELESS:
            return False
        return candidate.backend.instant or self._supply.at_hand(candidate)

    def first(self, indices: Iterable[int]) -> tuple[int, Opened] | None:
        """Return the first of these rungs that works."""
        for index in indices:
            if opened := self.attempt(index):
                return index, opened
        return None

    def attempt(self, index: int) -> Opened | None:
        """Return a rung's engine, compiled if need be and checked, or None after marking what is wrong.

        Raises Cancelled, and NoNumbers for a network that no engine can make sense of.
        """
        candidate, rung = self.candidates[index], self.rungs[index]
        if rung.state in _HOPELESS:
            return None
        self.mark(index, State.building)
        try:
            opened = self._supply.get(candidate, self._progress)
        except (Cancelled, NoNumbers):
            self.mark(index, State.untried)
            raise
        except DeviceLost as error:
            self._failed(index, State.lost, error)
            self.lose(candidate.device, str(error))
            return None
        except EngineError as error:
            self._failed(index, State.refused, error)
            return None
        except Exception as error:  # a library may raise anything; the next rung is there for that
            self._failed(index, State.refused, EngineError(f"{type(error).__name__}: {error}"))
            return None
        finally:
            self.building = None
        return self._judged(index, opened)

    def _judged(self, index: int, opened: Opened) -> Opened | None:
        if self.rungs[index].state is State.lost:  # a call found that out meanwhile
            return None
        verdict = opened.verdict
        if not verdict.ok:
            self._failed(index, State.wrong, Wrong(verdict.reason), verdict.cosine, verdict.psnr)
            return None
        self.mark(index, State.ready, verdict.reason, cosine=verdict.cosine, psnr=verdict.psnr)
        return opened

    def _failed(
        self,
        index: int,
        state: State,
        error: EngineError,
        cosine: float | None = None,
        psnr: float | None = None,
    ) -> None:
        _logger.warning("%s is not used: %s", self.candidates[index].name, error)
        self._errors.append((type(error), str(error)))  # not the error: its frames hold whole networks
        self.mark(index, state, str(error), cosine=cosine, psnr=psnr)

    def _progress(self, progress: Progress) -> None:
        self.building = progress
        self._changed()

    def forget(self, index: int) -> None:
        """Have nobody share the engine of a rung any more."""
        self._supply.forget(self.candidates[index])

    def rise(self, indices: Iterable[int]) -> None:
        """Go on in the background with these rungs until one works; it waits in ``better``."""
        ahead = [index for index in indices if self.rungs[index].state is State.untried]
        if not ahead or self._busy():
            return
        self._thread = threading.Thread(target=self._rise, args=(ahead,), name="visard-engine", daemon=True)
        _risers.add(self)
        self._thread.start()

    def _busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _rise(self, ahead: list[int]) -> None:
        with contextlib.suppress(Cancelled, NoNumbers):
            self.better = self.first(ahead)
            self._changed()

    def cancel(self) -> None:
        """Stop what is being compiled."""
        self._supply.cancel()

    def close(self) -> None:
        """Stop what is being compiled and wait a moment until all traces of it are gone."""
        self.cancel()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)

    def why(self) -> EngineError:
        """Return one error for a ladder without a rung that works."""
        name = self._supply.model.name
        kinds, texts = {kind for kind, _ in self._errors}, {text for _, text in self._errors}
        kind = kinds.pop() if len(kinds) == 1 else EngineError
        if len(texts) == 1:
            return kind(texts.pop())
        told = "; ".join(f"{_name(rung)}: {rung.reason}" for rung in self.rungs if rung.reason)
        return kind(f"no backend can run {name} ({told})")


def _name(rung: Rung) -> str:
    return f"{rung.backend} {rung.device} {rung.precision}"


def _close_all() -> None:
    for climb in list(_risers):
        climb.close()


_risers: WeakSet[Climb] = WeakSet()
"""Those that work in the background: they end before the process does."""
atexit.register(_close_all)
