"""Compiling an engine: once for everybody who waits for it, in a child process that can be killed."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from visard.engines.accuracy import ReferenceResults
from visard.engines.cache import cache as store
from visard.engines.cache.cache import Cache, CachedEngine, CacheEntry, CacheKey
from visard.engines.cache.digest import digest
from visard.engines.child_process import ChildLog, Message, error_from
from visard.engines.compile.compile import CompileResult, CompileTask, compile_network, scratch
from visard.engines.compile.process import WorkerProcess
from visard.engines.errors import BuildFailed, Cancelled, EngineError
from visard.engines.interfaces import Backend, Options, Progress, Report, Samples

TIMEOUT = 3600.0
SMALL = 30 * 2**20
"""Bytes of a network up to which instant backends compile in this process."""
_TICK = 0.25
_SURE = 0.03
"""Done before anything is said about the rest."""


class CompileJob:
    """One engine to be compiled, or found compiled.

    Small networks are compiled in this process where that is quick. One that is ``isolated`` never is: what
    somebody else made may never end, and a child process can be killed.
    """

    def __init__(  # noqa: PLR0913 - all but the first three are named
        self,
        model: Path,
        backend: Backend,
        options: Options,
        *,
        samples: Samples | None = None,
        cache: Cache | None = None,
        report: Report = lambda _: None,
        timeout: float = TIMEOUT,
        reference: ReferenceResults | None = None,
        isolated: bool = False,
    ) -> None:
        self._task = CompileTask(model, options, samples, reference)
        self._backend, self._cache, self._timeout = backend, cache or Cache(), timeout
        self._report, self._isolated = report, isolated
        self._cancelled = threading.Event()
        self._child: WorkerProcess | None = None

    def cancel(self) -> None:
        """Stop at once, from any thread; ``run`` raises Cancelled."""
        self._cancelled.set()
        if child := self._child:
            child.wake()

    def run(self) -> CacheEntry:
        """Compile unless that was done before, and return the entry; see ``make`` for errors."""
        return self.make().entry

    def make(self) -> CachedEngine:
        """Compile unless that was done before.

        Raises ModelRefused, BuildFailed with the log's place, Cancelled, or the backend's EngineError.
        """
        model = self._task.model
        wanted = store.cache_key(digest(model), self._backend, self._task.options, self._task.samples)
        if found := self._cache.find(wanted):
            return found
        lock = self._cache.lock(wanted)
        lock.acquire(self._wait)
        try:
            return self._cache.find(wanted) or self._made(wanted)
        finally:
            lock.release()

    def reference(self) -> ReferenceResults:
        """Compute the reference alone; raises what computing it does, and what ``make`` does."""
        with scratch(self._cache.folder, self._task.model) as folder:
            return self._in_child(folder, compiling=False).reference

    def _wait(self) -> None:
        self._check()
        self._report(Progress("waiting for another program that compiles the same", 0.0))

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled(f"compiling {self._task.model.name} was cancelled")

    def _made(self, wanted: CacheKey) -> CachedEngine:
        self._check()
        begun = time.monotonic()
        small = self._task.model.stat().st_size <= SMALL
        here = self._backend.instant and small and not self._isolated
        with scratch(self._cache.folder, self._task.model) as folder:
            made = self._here(folder) if here else self._in_child(folder)
        self._check()
        seconds = round(time.monotonic() - begun, 3)
        entry = CacheEntry(self._task.model.name, wanted, seconds, made.notes)
        return self._cache.store(CachedEngine(entry, made.plan, made.reference))

    def _here(self, folder: Path) -> CompileResult:
        try:
            return compile_network(self._task, self._backend, folder, self._report)
        except EngineError:
            raise
        except Exception as error:  # libraries raise what they like
            raise BuildFailed(f"{self._what}: {type(error).__name__}: {error}") from error

    @property
    def _what(self) -> str:
        options = self._task.options
        return f"compiling {self._task.model.name} with {self._backend.name} in {options.precision}"

    def _in_child(self, folder: Path, *, compiling: bool = True) -> CompileResult:
        name = f"{self._task.model.stem}-{self._backend.name}-{self._task.options.precision}"
        log = ChildLog(self._cache.logs, name)
        child = self._child = WorkerProcess(log)
        try:
            child.tell(self._backend, self._task, folder, compiling=compiling)
            head, bodies = self._listen(child, log)
        finally:
            self._child = None
            child.kill()
            log.close()
        if error := head.get("error"):
            raise error_from(error, EngineError) or BuildFailed(
                f"{self._what} failed: {error['kind']}: {error['text']}; {log.place}"
            )
        plan, reference = bodies
        return CompileResult(
            plan, ReferenceResults.from_bytes(reference, head["reason"]), tuple(head["made"])
        )

    def _listen(self, child: WorkerProcess, log: ChildLog) -> Message:
        """Pass progress on until the child is done; raise when it ends, hangs or is not wanted any more."""
        pace, deadline = Eta(), time.monotonic() + self._timeout
        while True:
            self._check()
            if time.monotonic() > deadline:
                raise BuildFailed(
                    f"{self._what} took more than {self._timeout:g} s and was stopped; {log.place}"
                )
            message = child.next(_TICK)
            if message is None:
                raise BuildFailed(f"{self._what} failed: {child.end()}; {log.place}")
            head, _ = message
            if "made" in head or "error" in head:
                return message
            if "step" in head:
                pace.move(head["step"], head["done"])
            self._report(pace.progress())


class Eta:
    """Time left, from the time it took so far; steady, and counting down while nothing is reported."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begun = clock, clock()
        self._step, self._done = "starting", 0.0
        self._end: float | None = None

    def move(self, step: str, done: float) -> None:
        """Take in a report; what is done never becomes less."""
        self._step, before = step, self._done
        self._done = max(self._done, min(done, 1.0))
        now = self._clock()
        if self._done <= _SURE or self._done == before:
            return
        end = self._begun + (now - self._begun) / self._done
        self._end = end if self._end is None else self._end + 0.3 * (end - self._end)

    def progress(self) -> Progress:
        """Return how far it is now."""
        left = None if self._end is None else max(self._end - self._clock(), 0.0)
        return Progress(self._step, self._done, left)
