"""Where checked engines come from: one that is open already, the cache, or a compilation."""

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

from visard.engines import accuracy, inputs
from visard.engines.accuracy import LIMITS, CheckResult, ReferenceResults
from visard.engines.cache import cache as store
from visard.engines.cache import files
from visard.engines.cache.cache import Cache, CachedEngine
from visard.engines.cache.digest import digest
from visard.engines.compile.job import CompileJob
from visard.engines.errors import Cancelled, EngineError
from visard.engines.interfaces import Array, Engine, Options, Precision, Range, Report, Samples
from visard.engines.runtime.candidates import FAILED, Candidate, CandidateState, CandidateStatus

AGAIN = 0.25
"""Seconds for looking again at an engine that was found compiled; one sample is always looked at."""


@runtime_checkable
class Shareable(Protocol):
    """An engine whose compiled network can serve several callers; asked on processors only."""

    def share(self) -> Engine:
        """Return an engine for another caller, on the same compiled network."""
        ...


@dataclass(frozen=True, slots=True, weakref_slot=True)
class OpenedEngine:
    """An engine, and what came of checking it."""

    engine: Engine
    result: CheckResult
    warning: str = ""
    held: files.HeldFile | None = None
    """Keeps its file from being evicted."""
    origin: "OpenedEngine | None" = None
    """The one that its compiled network is shared with, which others find as long as this lives."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of several candidates was measured to be the fastest, and what became of each."""

    fastest: int
    statuses: tuple[CandidateStatus, ...]

    def to_json(self) -> bytes:
        """Return it as JSON."""
        return json.dumps([self.fastest, [asdict(status) for status in self.statuses]]).encode()

    @classmethod
    def from_json(cls, content: bytes, candidates: Sequence[Candidate]) -> "Selection":
        """Read it back: those that failed stay failed, others are untried but for their time."""
        fastest, facts = json.loads(content)
        statuses = [
            replace(c.status(), **{**fact, "state": CandidateState(fact["state"]), "precision": c.precision})
            for c, fact in zip(candidates, facts, strict=True)
        ]
        fresh = (s if s.state in FAILED else replace(s, state=CandidateState.untried) for s in statuses)
        return cls(range(len(candidates))[fastest], tuple(fresh))


class EngineOpener:
    """Gives engines for one network."""

    def __init__(
        self,
        model: Path,
        cache: Cache,
        *,
        threads: int = 1,
        ranges: tuple[Range, ...] = (),
        samples: Samples | None = None,
        isolated: bool = False,
    ) -> None:
        self._isolated = isolated
        self.model, self.ranges = model, ranges
        self._digest = digest(model)
        self._cache, self._threads, self._samples = cache, threads, samples
        self._reference: ReferenceResults | None = None
        self._lock = threading.Lock()
        self._jobs: list[CompileJob] = []
        """What is being compiled: by the background, and by a call that looks for another engine."""
        self._over = False

    def is_compiled(self, candidate: Candidate) -> bool:
        """Whether it is compiled already."""
        key = self._key(candidate)
        return key.digest in _open or self._cache.has(key)

    def get(self, candidate: Candidate, report: Report) -> OpenedEngine:
        """Return an engine, compiled if need be; it may be wrong, see its result. Raises EngineError."""
        key = self._key(candidate)
        known = _open.get(key.digest)
        if known and isinstance(known.engine, Shareable) and candidate.device == "cpu":
            return replace(known, engine=known.engine.share(), origin=known)
        content = self._content(candidate, report)
        try:
            opened = self._opened(candidate, content)
        except EngineError:
            if not content.found or content.entry.path is None:
                raise
            files.remove(content.entry.path)  # what it was compiled for has changed in ways no key shows
            opened = self._opened(candidate, self._content(candidate, report))
        if opened.result.ok:
            _open[key.digest] = opened
        return opened

    def cancel(self) -> None:
        """Stop compiling, until ``resume``; who waits for it gets Cancelled."""
        with self._lock:
            self._over = True
            for job in self._jobs:
                job.cancel()

    def forget(self, candidate: Candidate) -> None:
        """Share its engine with nobody any more."""
        _open.pop(self._key(candidate).digest, None)

    def sample(self, engine: Engine) -> tuple[Array, ...]:
        """Return inputs to measure an engine with."""
        known = self._reference.samples if self._reference else ()
        return known[0] if known else inputs.made_up(engine.inputs, self.ranges, inputs.GUESSES[0])[0]

    def recall(self, candidates: Sequence[Candidate]) -> Selection | None:
        """Return what was found out about these candidates in an earlier run, if anything."""
        try:
            return Selection.from_json(self._cache.blobs.load(self._record(candidates)), candidates)
        except (ValueError, TypeError, KeyError, IndexError):  # nothing, or nothing that we wrote
            return None

    def record(self, candidates: Sequence[Candidate], selection: Selection) -> None:
        """Keep it for the next start, as long as none of the engines would be compiled anew."""
        self._cache.blobs.save(self._record(candidates), selection.to_json())

    def _record(self, candidates: Sequence[Candidate]) -> str:
        keys = hashlib.sha256(" ".join(self._key(candidate).digest for candidate in candidates).encode())
        return f"{store.FASTEST}{self._digest[:16]}-{keys.hexdigest()[:32]}"

    def resume(self) -> None:
        """Compile again when asked to."""
        self._over = False

    def _options(self, candidate: Candidate) -> Options:
        return Options(candidate.device, candidate.precision, self._threads, self.ranges)

    def _key(self, candidate: Candidate) -> store.CacheKey:
        return store.cache_key(self._digest, candidate.backend, self._options(candidate), self._samples)

    def _content(self, candidate: Candidate, report: Report) -> CachedEngine:
        with self._lock:
            if self._over:
                raise Cancelled(f"loading {self.model.name} was cancelled")
            job = CompileJob(
                self.model,
                candidate.backend,
                self._options(candidate),
                samples=self._samples,
                cache=self._cache,
                report=report,
                reference=self._reference,
                isolated=self._isolated,
            )
            self._jobs.append(job)
        try:
            content = job.make()
        finally:
            self._jobs.remove(job)
        self._reference = content.reference
        return content

    def _opened(self, candidate: Candidate, content: CachedEngine) -> OpenedEngine:
        engine = candidate.backend.open(content.plan, self._options(candidate))
        known = content.reference
        if known.outputs is None and candidate.precision is not Precision.fp32:
            result = CheckResult(False, f"cannot be compared with fp32: {known.reason}")
        else:
            limits = LIMITS[candidate.precision]
            seconds = AGAIN if content.found else None
            result = accuracy.check(engine, known.outputs, known.samples, limits, seconds=seconds)
        if result.ok and known.reason:
            result = CheckResult(True, f"only looked whether its results are numbers; {known.reason}")
        return OpenedEngine(engine, result, content.entry.warning, content.held)


_open: WeakValueDictionary[str, OpenedEngine] = WeakValueDictionary()
"""What this process has open and found right, by the key's digest."""
