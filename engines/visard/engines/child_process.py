"""A child process that works for this one and can be killed: its parent's side, its log, and its own side.

It reads its task from standard input, which stays open as long as the parent lives, and answers on what was
standard output; whatever libraries print goes to standard error, which the parent keeps as the log.
"""

import contextlib
import ctypes
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from visard.engines.cache import files
from visard.engines.file_access import private_file

KEEP = 20
"""Logs."""
ROOM = 4 * 2**20
"""Bytes of one log."""
_NICENESS = 10
"""A tenth of the processor, where others want all of it."""
_PR_SET_PDEATHSIG = 1
_START = (
    "import sys; from importlib import import_module; sys.path[:] = sys.argv[2:]; "
    "import_module(sys.argv[1]).main()"
)
"""Our own search path goes along: where packages lie may have been said to us alone."""

E = TypeVar("E", bound=Exception)
Message = tuple[dict[str, Any], list[bytes]]
Answer = tuple[dict[str, Any], *tuple[bytes, ...]]
Work = Callable[[dict[str, Any], list[bytes], IO[bytes]], Answer]
"""Takes the task and where to tell how far it is; returns the answer."""


def send(pipe: IO[bytes], head: dict[str, Any], *bodies: bytes) -> None:
    """Write one message; with bodies, ``sizes`` in its head says how long each is."""
    pipe.write(json.dumps({**head, "sizes": [len(body) for body in bodies]}).encode() + b"\n")
    for body in bodies:
        pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Message | None:
    """Read one message; None when the other side is gone."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    sizes = head.pop("sizes")
    bodies = [pipe.read(size) for size in sizes]
    return (head, bodies) if [len(body) for body in bodies] == sizes else None


def error_from(data: dict[str, str], base: type[E]) -> E | None:
    """Return an error of this kind or one below it as it was in the child, None for any other."""
    kinds = [base]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return next((kind(data["text"]) for kind in kinds if kind.__name__ == data["kind"]), None)


class ChildProcess:
    """The process; everything it started ends with it."""

    def __init__(self, module: str, log: "ChildLog") -> None:
        """``module`` has a ``main`` that calls ``serve``."""
        isolated = ["-I"] if sys.flags.isolated else []
        self._process = subprocess.Popen(
            [sys.executable, *isolated, "-c", _START, module, *filter(None, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._messages: queue.Queue[Message | None] = queue.Queue()
        self._log = log
        self._threads = [
            threading.Thread(target=self._hear, name="visard-child", daemon=True),
            threading.Thread(target=log.take, args=(self._pipe("stderr"),), name="visard-log", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] = getattr(self._process, name)
        return pipe

    def send(self, head: dict[str, Any], *bodies: bytes) -> None:
        """Give it a message; the first is its task and says where files may go: ``scratch``.

        A child that is dead already is noticed when it is listened to.
        """
        with contextlib.suppress(OSError, ValueError):
            send(self._pipe("stdin"), {"parent": os.getpid(), **head}, *bodies)

    def _hear(self) -> None:
        message: Message | None = ({}, [])
        while message is not None:
            try:
                message = receive(self._pipe("stdout"))
            except (ValueError, OSError):
                message = None
            self._messages.put(message)

    def next(self, seconds: float) -> Message | None:
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


class ChildLog:
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


def serve(work: Work) -> None:
    """In the child: do what standard input asks for, out of the parent's way, and answer."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    received = receive(sys.stdin.buffer)
    if received is None:
        return
    head, bodies = received
    _follow(head["parent"])
    _step_back()
    tempfile.tempdir = os.environ["TMPDIR"] = head["scratch"]  # what is left behind goes with it
    try:
        send(answer, *work(head, bodies, answer))
    except BrokenPipeError:
        os._exit(1)
    except BaseException as error:
        traceback.print_exc()
        send(answer, {"error": {"kind": type(error).__name__, "text": str(error)}})
        sys.stderr.flush()
        os._exit(0)
    os._exit(0)  # all is said; libraries take their time to end, or crash while at it


def end_with_parent() -> None:
    """In the child: from now on nothing more comes from the parent, and its end is ours."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _follow(parent: int) -> None:
    """Have the kernel end us with the parent, where it can; nothing may hold that up."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _step_back() -> None:
    """Leave processor and, when it runs short, memory to others."""
    import psutil

    with contextlib.suppress(OSError, psutil.Error):
        windows = sys.platform == "win32"
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if windows else _NICENESS)
    with contextlib.suppress(OSError):  # a session of its own is as important to Linux as any other
        Path("/proc/self/autogroup").write_text(str(_NICENESS))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")
