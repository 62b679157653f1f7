"""Compiling an engine: once for everybody who waits for it, in a child process that can be killed."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from visard.engines.accuracy import Reference
from visard.engines.cache import cache as store
from visard.engines.cache.cache import Cache, Content, Entry, Stamp
from visard.engines.cache.digest import digest
from visard.engines.compile import ipc
from visard.engines.compile.compile import Made, Task, make, scratch
from visard.engines.compile.eta import Pace
from visard.engines.compile.log import Log
from visard.engines.errors import BuildFailed, Cancelled, EngineError
from visard.engines.inputs import to_bytes
from visard.engines.interfaces import Backend, Options, Progress, Report, Samples

TIMEOUT = 3600.0
SMALL = 30 * 2**20
"""Bytes of a network up to which instant backends compile in this process."""
_TICK = 0.25


class Build:
    """One engine to be compiled, or found compiled."""

    def __init__(
        self,
        model: Path,
        backend: Backend,
        options: Options,
        *,
        samples: Samples | None = None,
        cache: Cache | None = None,
        report: Report = lambda _: None,
        timeout: float = TIMEOUT,
        reference: Reference | None = None,
    ) -> None:
        self._task = Task(model, options, samples, reference)
        self._backend, self._cache, self._timeout = backend, cache or Cache(), timeout
        self._report = report
        self._cancelled = threading.Event()
        self._child: Child | None = None

    def cancel(self) -> None:
        """Stop at once, from any thread; ``run`` raises Cancelled."""
        self._cancelled.set()
        if child := self._child:
            child.wake()

    def run(self) -> Entry:
        """Compile unless that was done before, and return the entry; see ``make`` for errors."""
        return self.make().entry

    def make(self) -> Content:
        """Compile unless that was done before.

        Raises ModelRefused, BuildFailed with the log's place, Cancelled, or the backend's EngineError.
        """
        model = self._task.model
        wanted = store.stamp(digest(model), self._backend, self._task.options, self._task.samples)
        if found := self._cache.find(wanted):
            return found
        lock = self._cache.lock(wanted)
        lock.acquire(self._wait)
        try:
            return self._cache.find(wanted) or self._made(wanted)
        finally:
            lock.release()

    def _wait(self) -> None:
        self._check()
        self._report(Progress("waiting for another program that compiles the same", 0.0))

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled(f"compiling {self._task.model.name} was cancelled")

    def _made(self, wanted: Stamp) -> Content:
        self._check()
        begun = time.monotonic()
        here = self._backend.instant and self._task.model.stat().st_size <= SMALL
        with scratch(self._cache.folder, self._task.model) as folder:
            made = self._here(folder) if here else self._in_child(folder)
        self._check()
        seconds = round(time.monotonic() - begun, 3)
        entry = Entry(self._task.model.name, wanted, seconds, made.notes)
        return self._cache.store(Content(entry, made.plan, made.reference))

    def _here(self, folder: Path) -> Made:
        try:
            return make(self._task, self._backend, folder, self._report)
        except EngineError:
            raise
        except Exception as error:  # libraries raise what they like
            raise BuildFailed(f"{self._what}: {type(error).__name__}: {error}") from error

    @property
    def _what(self) -> str:
        options = self._task.options
        return f"compiling {self._task.model.name} with {self._backend.name} in {options.precision}"

    def _in_child(self, folder: Path) -> Made:
        name = f"{self._task.model.stem}-{self._backend.name}-{self._task.options.precision}"
        log = Log(self._cache.logs, name)
        child = self._child = Child(log)
        try:
            child.tell(self._backend, self._task, folder)
            head, bodies = self._listen(child, log)
        finally:
            self._child = None
            child.kill()
            log.close()
        if error := head.get("error"):
            raise ipc.error_from(error) or BuildFailed(
                f"{self._what} failed: {error['kind']}: {error['text']}; {log.place}"
            )
        plan, reference = bodies
        return Made(plan, Reference.from_bytes(reference, head["reason"]), tuple(head["made"]))

    def _listen(self, child: "Child", log: Log) -> ipc.Message:
        """Pass progress on until the child is done; raise when it ends, hangs or is not wanted any more."""
        pace, deadline = Pace(), time.monotonic() + self._timeout
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


class Child:
    """The process; everything it started ends with it."""

    def __init__(self, log: Log) -> None:
        isolated = ["-I"] if sys.flags.isolated else []
        self._process = subprocess.Popen(
            [sys.executable, *isolated, "-c", _START, *filter(None, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._messages: queue.Queue[ipc.Message | None] = queue.Queue()
        self._log = log
        self._threads = [
            threading.Thread(target=self._hear, name="visard-build", daemon=True),
            threading.Thread(target=log.take, args=(self._pipe("stderr"),), name="visard-log", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] = getattr(self._process, name)
        return pipe

    def tell(self, backend: Backend, task: Task, folder: Path) -> None:
        """Give it the task; a child that is dead already is noticed when it is listened to."""
        module, attribute = _whereabouts(backend)
        known = task.reference
        head: dict[str, Any] = {
            "parent": os.getpid(),
            "module": module,
            "attribute": attribute,
            "model": str(task.model.absolute()),
            "options": ipc.options_to(task.options),
            "has_samples": task.samples is not None,
            "reason": known.reason if known else "",
            "scratch": str(folder),
        }
        samples = to_bytes({"sample": task.samples or ()})
        with contextlib.suppress(OSError):
            ipc.send(self._pipe("stdin"), head, samples, known.to_bytes() if known else b"")

    def _hear(self) -> None:
        message: ipc.Message | None = ({}, [])
        while message is not None:
            try:
                message = ipc.receive(self._pipe("stdout"))
            except (ValueError, OSError):
                message = None
            self._messages.put(message)

    def next(self, seconds: float) -> ipc.Message | None:
        """Return what it says next, an empty message when it says nothing, None when it is gone."""
        try:
            return self._messages.get(timeout=seconds)
        except queue.Empty:
            return {}, []

    def wake(self) -> None:
        """Have whoever listens look up."""
        self._messages.put(({}, []))

    def end(self) -> str:
        """Return how it ended."""
        code = self._process.wait()
        self._threads[1].join(2)
        if code == -signal.SIGKILL if sys.platform != "win32" else False:
            return "it was killed, most often because memory ran out"
        last = f" ({self._log.last})" if self._log.last else ""
        if code < 0:
            return f"it crashed with {signal.Signals(-code).name}{last}"
        return f"it ended with status {code}{last}"

    def kill(self) -> None:
        """End it and all that it started, and wait until they are gone."""
        if sys.platform == "win32":
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for thread in self._threads:
            thread.join(5)
        for name in ("stdin", "stdout", "stderr"):
            with contextlib.suppress(OSError):
                self._pipe(name).close()


_START = "import sys; sys.path[:] = sys.argv[1:]; from visard.engines.compile.worker import main; main()"
"""Our own search path goes along: where packages lie may have been said to us alone."""


def _whereabouts(backend: Backend) -> tuple[str, str]:
    """Return module and attribute that a backend can be imported from in another process."""
    module = type(backend).__module__
    there = vars(sys.modules[module])
    name = next((name for name, value in there.items() if value is backend), None)
    if name is None:
        raise BuildFailed(f"{backend.name} cannot be used in another process: {module} does not hold it")
    return module, name
