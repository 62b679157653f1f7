"""Where checked engines come from: one that is open already, the cache, or a compilation."""

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

from visard.engines import accuracy
from visard.engines.accuracy import LIMITS, Reference, Verdict
from visard.engines.cache import cache as store
from visard.engines.cache import files
from visard.engines.cache.cache import Cache, Content
from visard.engines.cache.digest import digest
from visard.engines.compile.job import Build
from visard.engines.errors import Cancelled, EngineError
from visard.engines.interfaces import Engine, Options, Precision, Range, Report, Samples
from visard.engines.runtime.candidates import Candidate

AGAIN = 0.25
"""Seconds for looking again at an engine that was found compiled; one sample is always looked at."""


@runtime_checkable
class Sharing(Protocol):
    """An engine whose compiled network can serve several callers; asked on processors only."""

    def sibling(self) -> Engine:
        """Return an engine for another caller, on the same compiled network."""
        ...


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Opened:
    """An engine, and what came of checking it."""

    engine: Engine
    verdict: Verdict
    warning: str = ""
    lease: files.Held | None = None
    """Keeps its file from being evicted."""


class Supply:
    """Gives engines for one network."""

    def __init__(
        self,
        model: Path,
        cache: Cache,
        *,
        threads: int = 1,
        ranges: tuple[Range, ...] = (),
        samples: Samples | None = None,
    ) -> None:
        self.model, self.ranges = model, ranges
        self._digest = digest(model)
        self._cache, self._threads, self._samples = cache, threads, samples
        self._reference: Reference | None = None
        self._lock = threading.Lock()
        self._build: Build | None = None
        self._over = False

    def at_hand(self, candidate: Candidate) -> bool:
        """Whether it is compiled already."""
        stamp = self._stamp(candidate)
        return stamp.key in _open or self._cache.has(stamp)

    def get(self, candidate: Candidate, report: Report) -> Opened:
        """Return an engine, compiled if need be; it may be wrong, see its verdict. Raises EngineError."""
        stamp = self._stamp(candidate)
        twin = _open.get(stamp.key)
        if twin and isinstance(twin.engine, Sharing) and candidate.device == "cpu":
            shared = _open[stamp.key] = replace(twin, engine=twin.engine.sibling())
            return shared
        content = self._content(candidate, report)
        try:
            opened = self._opened(candidate, content)
        except EngineError:
            if not content.found or content.entry.path is None:
                raise
            files.remove(content.entry.path)  # what it was compiled for has changed in ways no stamp shows
            opened = self._opened(candidate, self._content(candidate, report))
        if opened.verdict.ok:
            _open[stamp.key] = opened
        return opened

    def cancel(self) -> None:
        """Stop compiling, until ``resume``; who waits for it gets Cancelled."""
        with self._lock:
            self._over = True
            if self._build is not None:
                self._build.cancel()

    def forget(self, candidate: Candidate) -> None:
        """Share its engine with nobody any more."""
        _open.pop(self._stamp(candidate).key, None)

    def resume(self) -> None:
        """Compile again when asked to."""
        self._over = False

    def _options(self, candidate: Candidate) -> Options:
        return Options(candidate.device, candidate.precision, self._threads, self.ranges)

    def _stamp(self, candidate: Candidate) -> store.Stamp:
        return store.stamp(self._digest, candidate.backend, self._options(candidate), self._samples)

    def _content(self, candidate: Candidate, report: Report) -> Content:
        with self._lock:
            if self._over:
                raise Cancelled(f"loading {self.model.name} was cancelled")
            build = self._build = Build(
                self.model,
                candidate.backend,
                self._options(candidate),
                samples=self._samples,
                cache=self._cache,
                report=report,
                reference=self._reference,
            )
        try:
            content = build.make()
        finally:
            self._build = None
        self._reference = content.reference
        return content

    def _opened(self, candidate: Candidate, content: Content) -> Opened:
        engine = candidate.backend.open(content.plan, self._options(candidate))
        known = content.reference
        if known.outputs is None and candidate.precision is not Precision.fp32:
            verdict = Verdict(False, f"cannot be compared with fp32: {known.reason}")
        else:
            limits = LIMITS[candidate.precision]
            seconds = AGAIN if content.found else None
            verdict = accuracy.check(engine, known.outputs, known.samples, limits, seconds=seconds)
        if verdict.ok and known.reason:
            verdict = Verdict(True, f"only looked whether its results are numbers; {known.reason}")
        return Opened(engine, verdict, content.entry.warning, content.lease)


_open: WeakValueDictionary[str, Opened] = WeakValueDictionary()
"""What this process has open and found right, by the stamp's key."""
