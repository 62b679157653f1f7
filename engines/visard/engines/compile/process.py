"""The child process that compiles, as its parent sees it: started, asked, listened to, ended; and its log."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from visard.engines.cache import files
from visard.engines.compile import ipc
from visard.engines.compile.compile import CompileTask
from visard.engines.errors import BuildFailed
from visard.engines.file_access import private_file
from visard.engines.inputs import to_bytes
from visard.engines.interfaces import Backend

KEEP = 20
"""Logs."""
ROOM = 4 * 2**20
"""Bytes of one log."""


class WorkerProcess:
    """The process; everything it started ends with it."""

    def __init__(self, log: "WorkerLog") -> None:
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

    def tell(self, backend: Backend, task: CompileTask, folder: Path, *, compiling: bool = True) -> None:
        """Give it the task, or only its reference to compute.

        A child that is dead already is noticed when it is listened to.
        """
        module, attribute = _whereabouts(backend)
        known = task.reference
        head: dict[str, Any] = {
            "parent": os.getpid(),
            "module": module,
            "attribute": attribute,
            "compiling": compiling,
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


class WorkerLog:
    """One log; writing never fails, it only stops."""

    def __init__(self, folder: Path, name: str) -> None:
        self.last = ""
        """The last line that says anything."""
        self._file: IO[bytes] | None = None
        self._left = ROOM
        self._lock = threading.Lock()
        if files.private(folder.parent) or files.private(folder):
            self.place = "there is no log, its folder cannot be written"
            return
        files.shorten(folder, KEEP - 1)
        moment = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}"
        path = folder / f"{moment}-{re.sub(r'[^A-Za-z0-9._-]+', '_', name)[:80]}.log"
        try:
            self._file = open(path, "xb", buffering=0, opener=private_file)  # noqa: SIM115 - closed by close
            self.place = f"its log is {path}"
        except OSError as error:
            self.place = f"there is no log: {error.strerror}"

    def take(self, pipe: IO[bytes]) -> None:
        """Write down all that comes through a pipe until it ends."""
        for line in iter(lambda: pipe.readline(4096), b""):
            if text := line.decode(errors="replace").strip():
                self.last = text[:300]
            self._write(line)

    def _write(self, line: bytes) -> None:
        with self._lock:
            if self._file is None or self._left <= 0:
                return
            try:
                self._file.write(line)
                self._left -= len(line)
            except OSError as error:
                self.place += f" (incomplete: {error.strerror})"
                self._left = 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
