"""Trying the candidates for a network, now or in the background, and which of them is the fastest."""

import atexit
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from weakref import WeakSet

from visard.engines.errors import Cancelled, DeviceLost, EngineError, ModelRefused, NoNumbers, Wrong
from visard.engines.interfaces import Progress, Report
from visard.engines.runtime import speed
from visard.engines.runtime.candidates import FAILED, Candidate, CandidateState
from visard.engines.runtime.opener import EngineOpener, OpenedEngine, Selection

_logger = logging.getLogger("visard.engines")
_WORKS = CandidateState.serving, CandidateState.ready


class EngineSelector:
    """The candidates for one network and what became of each; any thread may ask."""

    def __init__(
        self, candidates: list[Candidate], opener: EngineOpener, changed: Callable[[], None]
    ) -> None:
        self.candidates, self._opener, self._changed = candidates, opener, changed
        self.statuses = [candidate.status() for candidate in candidates]
        self.building: Progress | None = None
        self.better: tuple[int, OpenedEngine] | None = None
        """What was found to be faster than what serves, and nobody has taken yet."""
        self.report: Report = lambda _: None
        """Hears how far compiling is; what it raises ends it."""
        self._given_up: Exception | None = None
        self._errors: list[tuple[type[EngineError], str]] = []
        self._lasting = True
        """Whether all that was found out holds at the next start, too."""
        self._fastest: int | None = None
        if known := opener.recall(candidates):
            self._fastest, self.statuses = known.fastest, list(known.statuses)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def order(self) -> list[int]:
        """Return the candidates, the one measured to be the fastest first."""
        return sorted(range(len(self.candidates)), key=lambda index: index != self._fastest)

    def at_once(self) -> list[int]:
        """Return what can serve without a long compilation: what is compiled, ONNX Runtime, what is quick."""
        compiled = [index for index in self.order if self._opener.is_compiled(self.candidates[index])]
        quick = [i for i in self.order if self.candidates[i].backend.instant and i not in compiled]
        quick.sort(
            key=lambda i: (self.statuses[i].backend != "onnxruntime", self.statuses[i].device != "cpu")
        )
        return [*compiled, *quick]

    def is_ready(self, index: int) -> bool:
        """Whether a candidate may work, and needs no long compilation."""
        candidate = self.candidates[index]
        if self.statuses[index].state in FAILED:
            return False
        return candidate.backend.instant or self._opener.is_compiled(candidate)

    def mark(self, index: int, state: CandidateState, reason: str | None = None) -> None:
        """Set what became of a candidate; without a reason the one it has stays."""
        self._note(index, state=state, **({} if reason is None else {"reason": reason}))

    def fail(self, index: int, state: CandidateState, reason: str) -> None:
        """Give up a candidate that failed while it served; at the next start it is tried again."""
        self._lasting = False
        self._opener.forget(self.candidates[index])
        self.mark(index, state, reason)

    def lose(self, device: str, reason: str) -> None:
        """Give up every candidate on a device that failed."""
        for index, status in enumerate(self.statuses):
            if status.device == device and status.state not in (CandidateState.refused, CandidateState.wrong):
                self.fail(index, CandidateState.lost, reason)

    def _note(self, index: int, **facts: object) -> None:
        with self._lock:
            self.statuses[index] = replace(self.statuses[index], **facts)  # type: ignore[arg-type]
        self._changed()

    def first_working(self, indices: Iterable[int]) -> tuple[int, OpenedEngine] | None:
        """Return the first of these candidates that works."""
        for index in indices:
            if opened := self.attempt(index):
                return index, opened
        return None

    def attempt(self, index: int) -> OpenedEngine | None:
        """Return a candidate's engine, compiled if need be and checked, or None after marking what is wrong.

        Raises Cancelled, and NoNumbers for a network that no engine can make sense of.
        """
        candidate = self.candidates[index]
        if self.statuses[index].state in FAILED:
            return None
        self.mark(index, CandidateState.building)
        try:
            opened = self._opener.get(candidate, self._progress)
        except (Cancelled, NoNumbers):
            self.mark(index, CandidateState.untried)
            raise
        except DeviceLost as error:
            self._failed(index, CandidateState.lost, error)
            self.lose(candidate.device, str(error))
            return None
        except EngineError as error:
            self._failed(index, CandidateState.refused, error)
            return None
        except Exception as error:  # a library may raise anything; the next candidate is there for that
            if error is self._given_up:
                self.mark(index, CandidateState.untried)
                raise
            self._failed(index, CandidateState.refused, EngineError(f"{type(error).__name__}: {error}"))
            return None
        finally:
            self.building = None
        return self._judged(index, opened)

    def _judged(self, index: int, opened: OpenedEngine) -> OpenedEngine | None:
        if self.statuses[index].state is CandidateState.lost:  # a call found that out meanwhile
            return None
        result = opened.result
        self._note(index, cosine=result.cosine, psnr=result.psnr)
        if not result.ok:
            self._failed(index, CandidateState.wrong, Wrong(result.reason))
            return None
        self.mark(index, CandidateState.ready, result.reason)
        return opened

    def _failed(self, index: int, state: CandidateState, error: EngineError) -> None:
        _logger.warning("%s is not used: %s", self.statuses[index].name, error)
        self._errors.append((type(error), str(error)))  # not the error: its frames hold whole networks
        self._lasting &= isinstance(error, Wrong | ModelRefused)
        self.mark(index, state, str(error))

    def _progress(self, progress: Progress) -> None:
        self.building = progress
        self._changed()
        try:
            self.report(progress)
        except Exception as error:
            self._given_up = error
            raise

    def select(self, serving: int) -> None:
        """Try the others and leave the fastest in ``better``, unless it serves; what is known is believed."""
        with contextlib.suppress(Cancelled, NoNumbers):
            if self._knows(serving):
                return
            best = self._measured(serving)
            if self._lasting and len(self.candidates) > 1:
                self._opener.record(self.candidates, Selection(best, tuple(self.statuses)))
            self._fastest = best

    def select_in_background(self, serving: int) -> None:
        """Do ``select`` on a thread of its own, if there is anything to do."""
        if self._fastest == serving or not self._ahead(serving) or self._busy():
            return
        self._thread = threading.Thread(
            target=self.select, args=(serving,), name="visard-engine", daemon=True
        )
        _working.add(self)
        self._thread.start()

    def _busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _ahead(self, serving: int) -> list[int]:
        return [i for i, s in enumerate(self.statuses) if i != serving and s.state not in FAILED]

    def _knows(self, serving: int) -> bool:
        """Whether an earlier measurement tells which one is the fastest, and that one works."""
        if self._fastest is None or self._fastest == serving:
            return self._fastest is not None
        opened = self.attempt(self._fastest)
        self._offer(self._fastest, opened)
        return opened is not None

    def _offer(self, index: int, opened: OpenedEngine | None) -> None:
        if opened is not None:
            self.better = index, opened
            self._changed()

    def _measured(self, serving: int) -> int:
        """Return the fastest candidate that works; each that is faster than those before is offered."""
        best, rival = serving, None
        for index in self._ahead(serving):
            if self._is_needless(index):
                continue
            opened = self.attempt(index)
            if opened is None:
                continue
            rival = rival or self._another(best)
            if self._is_better(index, opened, best, rival):
                self._offer(index, opened)
                best, rival = index, None  # somebody calls that one from now on
        return best

    def _is_needless(self, index: int) -> bool:
        """Whether a candidate is only there for the case that one fails which works."""
        working = (c for c, s in zip(self.candidates, self.statuses, strict=True) if s.state in _WORKS)
        candidate = self.candidates[index]
        return candidate.interim or any(candidate.is_fallback_of(other) for other in working)

    def _another(self, index: int) -> OpenedEngine | None:
        """Return an engine of a candidate whose first one is somebody else's to call."""
        try:
            return self._opener.get(self.candidates[index], lambda _: None)
        except Cancelled:
            raise
        except Exception as error:  # no memory for two, for one
            _logger.warning("%s cannot be measured: %s", self.statuses[index].name, error)
            self._lasting = False
            return None

    def _is_better(self, index: int, opened: OpenedEngine, best: int, rival: OpenedEngine | None) -> bool:
        """Whether a candidate is faster; one that comes later in the order has to be by a clear margin."""
        if self.candidates[best].interim:
            return True
        if rival is None:
            return False
        took, before = speed.measure([opened.engine, rival.engine], self._opener.sample(opened.engine))
        if isinstance(took, Exception):
            lost = CandidateState.lost if isinstance(took, DeviceLost) else CandidateState.refused
            self._failed(index, lost, EngineError(str(took) or type(took).__name__))
            return False
        self._note(index, ms=1000 * took)
        if isinstance(before, Exception):
            self._lasting = False
            return True
        self._note(best, ms=1000 * before)
        return took * speed.MARGIN < before if index > best else took <= before * speed.MARGIN

    def cancel(self) -> None:
        """Stop what is being compiled."""
        self._opener.cancel()

    def close(self) -> None:
        """Stop what is being compiled and wait a moment until all traces of it are gone."""
        self.cancel()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)

    def failure(self) -> EngineError:
        """Return one error for a network that no candidate can run."""
        kinds, texts = {kind for kind, _ in self._errors}, {text for _, text in self._errors}
        kind = kinds.pop() if len(kinds) == 1 else EngineError
        if len(texts) == 1:
            return kind(texts.pop())
        told = "; ".join(f"{status.name}: {status.reason}" for status in self.statuses if status.reason)
        return kind(f"no backend can run {self._opener.model.name} ({told})")


def _close_all() -> None:
    for selector in list(_working):
        selector.close()


_working: WeakSet[EngineSelector] = WeakSet()
"""Those that work in the background: they end before the process does."""
atexit.register(_close_all)
