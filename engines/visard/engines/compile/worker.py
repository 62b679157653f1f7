"""The child process that compiles one engine; ``process`` speaks to it."""

import os
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from visard.engines.accuracy import ReferenceResults
from visard.engines.child_process import Answer, end_with_parent, send, serve
from visard.engines.compile import ipc
from visard.engines.compile.compile import CompileResult, CompileTask, compile_network
from visard.engines.compile.reference import compute_reference
from visard.engines.inputs import from_bytes
from visard.engines.interfaces import Backend, Progress

_EVERY = 0.1
"""Seconds between reports."""


def main() -> None:
    """Compile what standard input asks for."""
    serve(_work)


def _work(head: dict[str, Any], bodies: list[bytes], answer: IO[bytes]) -> Answer:
    end_with_parent()
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
            send(self._answer, {"step": progress.step, "done": progress.done})


if __name__ == "__main__":
    main()
