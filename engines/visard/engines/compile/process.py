"""The child process that compiles, as its parent sees it."""

import sys
from pathlib import Path

from visard.engines.child_process import ChildLog, ChildProcess
from visard.engines.compile import ipc
from visard.engines.compile.compile import CompileTask
from visard.engines.errors import BuildFailed
from visard.engines.inputs import to_bytes
from visard.engines.interfaces import Backend


class WorkerProcess(ChildProcess):
    """The process; everything it started ends with it."""

    def __init__(self, log: ChildLog) -> None:
        super().__init__("visard.engines.compile.worker", log)

    def tell(self, backend: Backend, task: CompileTask, folder: Path, *, compiling: bool = True) -> None:
        """Give it the task, or only its reference to compute."""
        module, attribute = _whereabouts(backend)
        known = task.reference
        self.send(
            {
                "module": module,
                "attribute": attribute,
                "compiling": compiling,
                "model": str(task.model.absolute()),
                "options": ipc.options_to(task.options),
                "has_samples": task.samples is not None,
                "reason": known.reason if known else "",
                "scratch": str(folder),
            },
            to_bytes({"sample": task.samples or ()}),
            known.to_bytes() if known else b"",
        )


def _whereabouts(backend: Backend) -> tuple[str, str]:
    """Return module and attribute that a backend can be imported from in another process."""
    module = type(backend).__module__
    there = vars(sys.modules[module])
    name = next((name for name, value in there.items() if value is backend), None)
    if name is None:
        raise BuildFailed(f"{backend.name} cannot be used in another process: {module} does not hold it")
    return module, name
