"""Face models in training, read from their folders; whichever process trains them. Any thread."""

import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from visard.daemon.api.trainings import LossPoint, TrainingInfo, TrainingState
from visard.engines.file_access import read_plain
from visard.models.train import project
from visard.models.train.errors import TrainingUnknown
from visard.models.train.history import History
from visard.models.train.project import Project
from visard.models.train.running import is_running

_MAX_PREVIEW = 64 << 20
"""Bytes of a preview."""


class Trainings:
    """The trainings below a folder."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._histories: dict[Path, History] = {}
        self._lock = Lock()

    def all(self) -> list[TrainingInfo]:
        """Return all that can be read: those that run, then those that told something last."""
        found = [self._info(each) for each in project.every(self._folder())]
        return sorted(found, key=_order, reverse=True)

    def get(self, name: str) -> TrainingInfo:
        """Return one; raises TrainingUnknown."""
        return self._info(self._known(name))

    def preview(self, name: str) -> bytes:
        """Return the newest preview, a PNG; raises TrainingUnknown where there is none."""
        try:
            return read_plain(self._known(name).newest_preview, _MAX_PREVIEW)
        except OSError as error:
            raise TrainingUnknown(f"there is no preview of {name} yet") from error

    def _known(self, name: str) -> Project:
        found = (each for each in project.every(self._folder()) if each.folder.name == name)
        one = next(found, None)
        if one is None:
            raise TrainingUnknown(f"there is no training {name!r}; visard train trainings lists all")
        return one

    def _info(self, training: Project) -> TrainingInfo:
        with self._lock:
            history = self._histories.setdefault(training.folder, History(training.journal))
            history.update()
            return info(training, history)


def info(training: Project, history: History) -> TrainingInfo:
    """Tell about a training whose record has been read."""
    running, options = is_running(training.folder), training.options
    step = max(history.step, training.steps) if running else training.steps
    state = _state(step, options.target_iter, running=running)
    return TrainingInfo(
        name=training.folder.name,
        preset=training.preset,
        archi=options.archi,
        resolution=options.resolution,
        state=state,
        step=step,
        target=options.target_iter,
        rate=history.rate or None if running else None,
        left=history.left if running and history.rate else None,
        updated=history.updated and datetime.fromtimestamp(history.updated, UTC),
        losses=tuple(LossPoint(step=point.step, losses=point.losses) for point in history.points),
        preview=history.preview if training.newest_preview.is_file() else None,
        trouble=history.trouble,
        command=_command(training.folder.name, state),
    )


def _state(step: int, target: int, *, running: bool) -> TrainingState:
    if running:
        return TrainingState.running
    if not step:
        return TrainingState.new
    return TrainingState.done if step >= target else TrainingState.stopped


def _command(name: str, state: TrainingState) -> str:
    """Return what goes on, or makes a persona of what is learned; only a person can say WHY."""
    if state in (TrainingState.new, TrainingState.stopped):
        return f"visard train run {shlex.quote(name)}"
    return f"visard train export {shlex.quote(name)} --consent WHY"


def _order(training: TrainingInfo) -> tuple[bool, float]:
    return training.state is TrainingState.running, training.updated.timestamp() if training.updated else 0.0
