"""The graphs of LivePortrait: what they take, where they are kept, how they are made where they are not yet.

``prepare``: portrait, lip_ratio [1, 1] -> the state: ``volume`` [1, 32, 16, 64, 64], ``small`` (compressed)
[1, 4, 16, 64, 64], ``near`` [1, 21, 16, 64, 64], ``posed`` (keypoints as they are in the portrait) and
``own`` (without motion), both [1, 21, 3], the portrait's motion, and ``closing`` [1, 21, 3], which closes its
lips.
``step``: a crop of the frame, the state, the motion to count from, and what people choose -> the portrait's
crop, and the driver's own motion.

A motion is ``rotation`` [1, 3, 3], ``expression`` [1, 21, 3], ``translation`` [1, 3] and ``scale`` [1, 1].
Crops are uint8, BGR: 256 x 256 in, 512 x 512 out. Making graphs needs PyTorch, once for the files.
"""

import hashlib
from functools import partial
from pathlib import Path

from visard.engines.cache.digest import digest
from visard.models.animate._export_process import export
from visard.models.animate.liveportrait.checkpoint import FILES, GENERATOR
from visard.models.processor import Report
from visard.models.store import open_store

MODEL = "liveportrait"
_VERSION = 1
"""Goes up when graphs are written in another way."""
MOTION = "rotation", "expression", "translation", "scale"
STATE = "volume", "small", "near", "posed", "own", *MOTION, "closing"
CHOICES = "region", "controls", "ratios"
"""``region`` [1, 21, 3]: which expression moves. ``controls`` [1, 8]: see ``controls.CONTROLS``. ``ratios``
[1, 5]: how open the portrait's eyes are, the driver's left one, the portrait's lips and the driver's."""
GRAPHS = {
    "prepare": (("portrait", "lip_ratio"), STATE),
    "step": (
        ("driver", *STATE, *(f"reference_{name}" for name in MOTION), *CHOICES),
        ("picture", *(f"driver_{name}" for name in MOTION)),
    ),
}
"""Names of inputs and outputs."""


def graphs(report: Report) -> dict[str, Path]:
    """Return the graphs of the model in the store; what is missing of them is made.

    Raises ModelMissing, ModelRefused for files that are something else, and EngineError without PyTorch.
    """
    store = open_store()
    folder = store.path(MODEL)
    known = hashlib.sha256("".join(digest(folder / file) for file in FILES).encode()).hexdigest()[:16]
    made = {}
    for number, graph in enumerate(GRAPHS):
        make = partial(_make, folder, graph, partial(report, number / len(GRAPHS)))
        variant = f"{MODEL}-{_VERSION}-{known}-{graph}"
        made[graph] = store.exported(folder / f"{GENERATOR}.pth", variant, make)
    return made


def _make(folder: Path, graph: str, report: partial[None], path: Path) -> None:
    export("visard.models.animate.liveportrait.export", (folder, graph, path), MODEL, report)
