"""Trains: steps, checkpoints, previews, and what to do when something goes wrong."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
from torch.utils.data import DataLoader

from visard.engines.cache.files import sweep
from visard.models.train import checkpoint
from visard.models.train.dataset import Batches, FaceSource
from visard.models.train.distributed import Group
from visard.models.train.errors import CheckpointNotKept, Collapsed
from visard.models.train.events import Event, Journal, Pace, Previewed, Resumed, Saved, Stepped, Tell, Trouble
from visard.models.train.learner import Batch, Learner, StepResult
from visard.models.train.options import TrainOptions, change
from visard.models.train.preview import preview, write_preview
from visard.models.train.tensorboard_log import tensorboard_log
from visard.models.train.watch import LossWatch

_RESTORES = 3
"""How often the last checkpoint may be gone back to before the next one is kept."""


@dataclass(frozen=True)
class Schedule:
    """How often what is done, in steps, and by how many processes faces are read."""

    save: int = 500
    preview: int = 500
    workers: int = 1


@dataclass(frozen=True)
class Files:
    """Where a training keeps what it makes."""

    folder: Path

    @property
    def checkpoints(self) -> Path:
        """Return the folder of checkpoints."""
        return self.folder / "checkpoints"

    @property
    def previews(self) -> Path:
        """Return the folder of previews, with ``latest.png``."""
        return self.folder / "previews"

    @property
    def journal(self) -> Path:
        """Return the record of events."""
        return self.folder / "progress.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Return the folder that TensorBoard reads."""
        return self.folder / "tensorboard"


class Trainer:
    """One training on one of its devices."""

    def __init__(
        self,
        folder: Path,
        options: TrainOptions,
        faces: tuple[FaceSource, FaceSource],
        group: Group,
        *,
        schedule: Schedule | None = None,
        tell: Tell | None = None,
    ) -> None:
        """``faces``: the persona's and the driver's. Raises OptionsRefused, CheckpointUnusable."""
        self.files, self.options, self.group = Files(folder), options, group
        self.schedule = schedule or Schedule()
        self._listeners = [tell] if tell else []
        if not group.rank:
            sweep(self.files.checkpoints)
            sweep(self.files.previews)
            self._listeners += [Journal(self.files.journal), *tensorboard_log(self.files.tensorboard)]
        self.batches = Batches(*faces, options, group.rank, group.ranks)
        self.learner = Learner(options, group)
        self.step = self._restore(changed=True)
        self._watch, self._pace, self._restores = LossWatch(), Pace(), 0
        self._failure: CheckpointNotKept | None = None

    def run(self, stop: Callable[[], bool] = lambda: False, until: int | None = None) -> int:
        """Train to the target, or ``until`` a step, or till ``stop`` says so; return the steps done.

        Raises Collapsed, and CheckpointNotKept when what was learned last could not be kept.
        """
        target = min(until or self.options.target_iter, self.options.target_iter)
        if self.step == 0:
            self._save()
        first = self.step
        for batch in self._loaded(target):
            result = self.learner.step(batch, self.step)
            self.step += 1
            if self._after(result, target, stop()):
                break
        if self.step > first and self._watch.calm:
            self._save()
        if self._failure:
            raise self._failure
        return self.step

    def _after(self, result: StepResult, target: int, stop: bool) -> bool:
        """Tell, look, keep and show; return whether any device was asked to stop."""
        names = list(result.losses)
        *means, spread, asked = self.group.mean([*result.losses.values(), result.spread, float(stop)])
        losses = dict(zip(names, means, strict=True))
        rate = self._pace.stepped()
        self._tell(Stepped(self.step, losses, rate, (target - self.step) / rate if rate else 0.0))
        if not result.applied:
            self._tell(Trouble(self.step, "gradients were no numbers; this step changed nothing"))
        looked_at = sum(losses.get(name, 0.0) for name in ("src", "dst", "swap"))
        wrong = self._watch.look(looked_at, spread, applied=result.applied)
        if wrong:
            self._go_back(wrong)
        elif self.step % self.schedule.save == 0 and self.step < target and self._watch.calm:
            self._save()
        if self.step % self.schedule.preview == 0 or self.step == target:
            self._show()
        return asked > 0

    def _go_back(self, wrong: str) -> None:
        """Take the last checkpoint's weights, and go on with other faces. Raises Collapsed."""
        self._restores += 1
        if self._restores > _RESTORES:
            raise Collapsed(
                f"training has collapsed again and again, at last at step {self.step}: {wrong}; the last "
                "good checkpoint is kept: go on from it with clipgrad, a lower lr, or precision fp32"
            )
        kept = self._restore(changed=False)
        self._tell(Trouble(self.step, f"{wrong}; went back to the weights of step {kept}"))
        self._watch = LossWatch()

    def _restore(self, *, changed: bool) -> int:
        """Take the newest checkpoint that can be read, on all devices; return its step, 0 without one."""
        step = 0
        if not self.group.rank:
            found = checkpoint.load(self.files.checkpoints)
            if found:
                if changed:
                    change(TrainOptions.model_validate(found.content["options"]), **self.options.model_dump())
                self.learner.load(found.content)
                step = found.step
        self.learner.share()
        step = self.group.agree(step)
        if step and changed:
            self._tell(Resumed(step))
        return step

    def _save(self) -> None:
        if self.group.rank:
            return
        content = {"options": self.options.model_dump(mode="json"), **self.learner.state()}
        try:
            path = checkpoint.save(self.files.checkpoints, self.step, content)
        except CheckpointNotKept as failure:
            self._failure = failure
            self._tell(Trouble(self.step, str(failure)))
            return
        self._failure, self._restores = None, 0
        self._tell(Saved(self.step, str(path)))

    def _show(self) -> None:
        if self.group.rank:
            return
        try:
            path = write_preview(preview(self.learner.average, self.batches), self.files.previews, self.step)
        except OSError as error:
            self._tell(Trouble(self.step, f"the preview could not be written: {error.strerror or error}"))
            return
        self._tell(Previewed(self.step, str(path)))

    def _loaded(self, target: int) -> Iterator[Batch]:
        """Return the batches of all steps to come."""
        workers = self.schedule.workers
        loader = DataLoader(
            self.batches,
            batch_size=None,
            sampler=range(self.step, target),
            num_workers=workers,
            multiprocessing_context=_context() if workers else None,
            worker_init_fn=_begin_worker if workers else None,
            pin_memory=self.group.device.type == "cuda",
            prefetch_factor=4 if workers else None,
        )
        yield from loader

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def _context() -> multiprocessing.context.BaseContext:
    """Return how workers start; forked ones would inherit threads that are gone."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([Batches.__module__])
    return context


def _begin_worker(_worker: int) -> None:
    """Leave other processors alone, and Ctrl-C, which every process of a terminal gets, to the trainer."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
