"""The child process that compiles one engine, ``visard.engines.compile.worker``; ``process`` speaks to it.

It reads its task from standard input, which stays open as long as the parent lives, and answers on what was
standard output; whatever libraries print goes to standard error, which the parent keeps as the log.
"""

import contextlib
import ctypes
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from visard.engines.accuracy import ReferenceResults
from visard.engines.compile import ipc
from visard.engines.compile.compile import CompileResult, CompileTask, compile_network
from visard.engines.compile.reference import compute_reference
from visard.engines.inputs import from_bytes
from visard.engines.interfaces import Backend, Progress

_EVERY = 0.1
"""Seconds between reports."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Compile what standard input asks for."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    received = ipc.receive(sys.stdin.buffer)
    if received is None:
        return
    head, bodies = received
    _follow(head["parent"])
    _step_back()
    tempfile.tempdir = os.environ["TMPDIR"] = head["scratch"]  # what is left behind goes with it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        ipc.send(answer, *_work(head, bodies, answer))
    except BrokenPipeError:
        os._exit(1)
    except BaseException as error:
        traceback.print_exc()
        ipc.send(answer, {"error": ipc.error_to(error)})
        sys.stderr.flush()
        os._exit(0)
    os._exit(0)  # all is said; libraries take their time to end, or crash while at it


def _work(head: dict[str, Any], bodies: list[bytes], answer: IO[bytes]) -> tuple[Any, ...]:
    backend: Backend = getattr(import_module(head["module"]), head["attribute"])
    samples, known = bodies
    task = CompileTask(
        Path(head["model"]),
        ipc.options_from(head["options"]),
        from_bytes(samples, "sample") if head["has_samples"] else None,
        ReferenceResults.from_bytes(known, head["reason"]) if known else None,
    )
    if head["compiling"]:
        made = compile_network(task, backend, Path(head["scratch"]), _Reporter(answer), os.cpu_count())
    else:
        options = task.options
        made = CompileResult(
            b"", compute_reference(task.model, task.samples, options.ranges, options.threads)
        )
    return {"made": made.notes, "reason": made.reference.reason}, made.plan, made.reference.to_bytes()


class _Reporter:
    """Sends progress, but not more often than anybody looks."""

    def __init__(self, answer: IO[bytes]) -> None:
        self._answer, self._next, self._step = answer, 0.0, ""
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        with self._lock:
            if progress.step == self._step and time.monotonic() < self._next:
                return
            self._next, self._step = time.monotonic() + _EVERY, progress.step
            ipc.send(self._answer, {"step": progress.step, "done": progress.done})


def _follow(parent: int) -> None:
    """Have the kernel end us with the parent, where it can; nothing may hold that up."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _step_back() -> None:
    """Leave processor and, when it runs short, memory to others."""
    import psutil

    with contextlib.suppress(OSError, psutil.Error):
        windows = sys.platform == "win32"
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if windows else 10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")


if __name__ == "__main__":
    main()
