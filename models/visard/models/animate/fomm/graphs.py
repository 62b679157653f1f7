"""The graphs of a checkpoint: where they are kept, and how they are made where they are not yet.

Making them needs PyTorch, once for each checkpoint.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from visard.models.animate._export_process import export
from visard.models.processor import Report
from visard.models.store import open_store

_VERSION = 2
"""Goes up when graphs are written in another way."""


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
    given = checkpoint, graph, path, align_corners
    export("visard.models.animate.fomm.export", given, checkpoint.name, report)
