"""Writing checkpoints as graphs: it needs PyTorch, in a process of its own, whose memory goes with it."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from visard.engines.errors import EngineError, ModelRefused, VisardError

_START = """import sys
module, count = sys.argv[1], int(sys.argv[2])
given, sys.path[:] = sys.argv[3:3 + count], sys.argv[3 + count:]
from importlib import import_module
from visard.models.animate._export_process import run
sys.exit(run(import_module(module).main, given))
"""


def export(module: str, given: Sequence[object], name: str, report: Callable[[str], None]) -> None:
    """Have a module's ``main`` write a graph; ``given`` are its arguments, which become texts.

    ``name`` is what messages call the checkpoint. Told what is done, ``report`` may raise to give it up.
    Raises ModelRefused with what the other process said, and EngineError without PyTorch.
    """
    if find_spec("torch") is None:
        raise EngineError(
            f"{name} has to be written for engines once, which needs PyTorch: pip install 'visard[export]'"
        )
    isolated = ["-I"] if sys.flags.isolated else []
    texts = [module, str(len(given)), *map(str, given), *filter(None, sys.path)]
    with subprocess.Popen(
        [sys.executable, *isolated, "-c", _START, *texts],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            text = _wait(child, report)
        finally:
            child.kill()
    if child.returncode:
        raise ModelRefused(text.strip().splitlines()[-1] if text.strip() else f"{name}: no graph")


def run(main: Callable[..., None], given: Sequence[str]) -> int:
    """Call ``main``; a failure is one line on the standard error stream and 1."""
    try:
        main(*given)
    except VisardError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _wait(child: "subprocess.Popen[str]", report: Callable[[str], None]) -> str:
    """Return what a child says, telling four times a second that it works; what that raises gives up."""
    while True:
        report("writing the model for engines")
        try:
            return child.communicate(timeout=0.25)[1]
        except subprocess.TimeoutExpired:
            continue
