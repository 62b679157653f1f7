"""What is kept of a training, so that it goes on after whatever stops it.

Each checkpoint is a file of its own that is written beside its place, flushed to the disk and renamed; the
two newest stay. Files hold tensors and numbers and are never unpickled.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from visard.engines.cache import files
from visard.models.store.exported import write_whole
from visard.models.train.errors import CheckpointNotKept, CheckpointUnusable

FORMAT = 1
_KEPT = 2
_NAME = re.compile(r"step-(\d{9})\.pt")


class Checkpoint(NamedTuple):
    """One that was read."""

    step: int
    """Steps that were done."""
    content: dict[str, Any]
    """Options and tensors by names."""


def save(folder: Path, step: int, content: dict[str, Any]) -> Path:
    """Keep a checkpoint, and the one before. Raises CheckpointNotKept; what is there stays then."""
    path = folder / f"step-{step:09d}.pt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda half: _write(half, {"format": FORMAT, "step": step, **content}))
        _flush(folder)
    except (OSError, RuntimeError) as error:  # PyTorch raises the latter for a full disk
        reason = error.strerror if isinstance(error, OSError) and error.strerror else _room(folder)
        raise CheckpointNotKept(
            f"the checkpoint of step {step} could not be written to {folder} ({reason}); "
            "the one before it is whole: make room there"
        ) from error
    for _, old in list(_newest_first(folder))[_KEPT:]:
        files.remove(old)
    return path


def load(folder: Path) -> Checkpoint | None:
    """Return the newest that can be read, None where there is none at all.

    Raises CheckpointUnusable when there are some and all are damaged.
    """
    found = list(_newest_first(folder))
    for _, path in found:
        content = _read(path)
        if content is not None:
            return Checkpoint(int(content["step"]), content)
    if found:
        raise CheckpointUnusable(
            f"no checkpoint in {folder} can be read; restore one from a copy, or begin a new training"
        )
    return None


def _newest_first(folder: Path) -> Iterator[tuple[int, Path]]:
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.glob("step-*.pt"))
    yield from sorted(((int(match[1]), path) for match, path in matches if match), reverse=True)


def _write(path: Path, content: dict[str, Any]) -> None:
    with path.open("wb") as file:
        torch.save(content, file)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises whatever its parts raise
        return None
    right = isinstance(content, dict) and content.get("format") == FORMAT
    return content if right and isinstance(content.get("step"), int) else None


def _room(folder: Path) -> str:
    """Say how much room there is: PyTorch does not tell what the system said."""
    return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are free there"


def _flush(folder: Path) -> None:
    """Have the folder's entries on the disk, too, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
