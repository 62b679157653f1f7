"""Trainings on the disk without PyTorch: begun ones, and what others would have written meanwhile."""

import json
from pathlib import Path
from typing import Any

import face_sets

from visard.models.train import presets, project
from visard.models.train.project import Project


def begun(folder: Path) -> Project:
    """Return a training that was begun and has done nothing; its sets lie beside it."""
    sets = [folder.parent.parent / name for name in ("persona", "driver")]
    for place in sets:
        face_sets.write_set(place, [face_sets.record(frame) for frame in range(2)])
    return project.create(folder, *sets, presets.preset("quick", {"target_iter": 1000}), "quick")


def line(kind: str, step: int, **facts: Any) -> str:
    """Return a line of a record."""
    usual = {"losses": {"src": 1.0, "dst": 2.0}, "rate": 2.5, "left": 40.0} if kind == "stepped" else {}
    return json.dumps({"event": kind, "time": 1000.0 + step, "step": step, **usual, **facts}) + "\n"


def append(training: Project, *lines: str) -> None:
    """Write lines, as a trainer does."""
    with training.journal.open("a") as file:
        file.writelines(lines)


def keep(training: Project, step: int) -> None:
    """Let there be a checkpoint."""
    (training.folder / "checkpoints").mkdir(exist_ok=True)
    (training.folder / "checkpoints" / f"step-{step:09d}.pt").touch()
