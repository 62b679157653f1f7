"""The graphs of a checkpoint: where they are kept, and how they are made where they are not yet.

Making them needs PyTorch, once for each checkpoint and in a process of its own, whose memory goes with it.
"""

import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from visard.engines.errors import EngineError, ModelRefused
from visard.models.processor import Report
from visard.models.store import open_store

SIDE = 256
"""Of the pictures that all published models were trained with, pixels."""
_VERSION = 1
"""Goes up when graphs are written in another way."""
_START = """import sys
sys.path[:] = sys.argv[5:]
from visard.models.animate.fomm.export import main
sys.exit(main(*sys.argv[1:5]))
"""


@dataclass(frozen=True, slots=True)
class Names:
    """What a graph takes and gives, in its order."""

    inputs: tuple[str, ...]
    """Those for Jacobians are last, and missing in a model without."""
    outputs: tuple[str, ...]
    least: int
    """How many outputs there are without Jacobians."""


GRAPHS = {
    "prepare": Names(("portrait",), ("value", "features", "small", "jacobian"), 3),
    "motion": Names(
        ("driver", "value", "features", "small", "reference_value", "reference_scale", "jacobian",
         "reference_jacobian"),
        ("warped", "driver_value", "driver_jacobian"), 2,
    ),
    "draw": Names(("warped",), ("picture",), 1),
}  # fmt: skip


def graphs(model: str, report: Report, *, align_corners: bool) -> dict[str, Path]:
    """Return the graphs of a model of the store; what is missing of them is made.

    Raises ModelMissing, ModelRefused for a file that is something else, and EngineError without PyTorch.
    """
    store = open_store()
    checkpoint = store.path(model)
    variant = f"fomm-{_VERSION}-{'corners' if align_corners else 'edges'}"
    made = {}
    for number, graph in enumerate(GRAPHS):
        make = partial(_make, checkpoint, graph, partial(report, number / len(GRAPHS)), align_corners)
        made[graph] = store.exported(checkpoint, f"{variant}-{graph}", make)
    return made


def _make(checkpoint: Path, graph: str, report: partial[None], align_corners: bool, path: Path) -> None:
    if find_spec("torch") is None:
        raise EngineError(
            f"{checkpoint.name} has to be written for engines once, which needs PyTorch: "
            "pip install 'visard[export]'"
        )
    isolated = ["-I"] if sys.flags.isolated else []
    given = [checkpoint, graph, path, int(align_corners)]
    with subprocess.Popen(
        [sys.executable, *isolated, "-c", _START, *map(str, given), *filter(None, sys.path)],
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
        raise ModelRefused(text.strip().splitlines()[-1] if text.strip() else f"{checkpoint.name}: no graph")


def _wait(child: "subprocess.Popen[str]", report: partial[None]) -> str:
    """Return what a child says, telling four times a second that it works; what that raises gives up."""
    while True:
        report("writing the model for engines")
        try:
            return child.communicate(timeout=0.25)[1]
        except subprocess.TimeoutExpired:
            continue
