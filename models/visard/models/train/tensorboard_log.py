"""Losses and previews for TensorBoard, where that is installed."""

from pathlib import Path
from typing import TYPE_CHECKING

from visard.models.picture_file import read_picture
from visard.models.train.events import Event, Previewed, Resumed, Stepped, Tell

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_EVERY = 10
"""Of so many steps one is noted."""


def tensorboard_log(folder: Path) -> list[Tell]:
    """Return what notes events for TensorBoard, as a list; an empty one where that is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401 - fails without the package tensorboard
    except ImportError:
        return []
    return [_TensorboardLog(folder)]


class _TensorboardLog:
    """Writes at once, for a training may be killed; a disk that is full ends the notes and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None
        self._broken = False

    def __call__(self, event: Event) -> None:
        if self._broken:
            return
        try:
            self._note(event)
        except (OSError, RuntimeError):  # RuntimeError: its writing thread has met an OSError
            self._broken = True

    def _note(self, event: Event) -> None:
        if isinstance(event, Resumed):
            self._opened(event.step + 1)
        elif isinstance(event, Stepped) and event.step % _EVERY == 0:
            writer = self._opened()
            for name, loss in event.losses.items():
                writer.add_scalar(f"loss/{name}", loss, event.step)
            writer.add_scalar("steps a second", event.rate, event.step)
            writer.flush()
        elif isinstance(event, Previewed):
            picture = read_picture(Path(event.path))[:, :, ::-1]
            self._opened().add_image("preview", picture, event.step, dataformats="HWC")
            self._opened().flush()

    def _opened(self, again_from: int | None = None) -> "SummaryWriter":
        """Return the writer; what was noted of the steps ``again_from`` one is no more shown."""
        from torch.utils.tensorboard import SummaryWriter

        if self._writer is None:
            self._writer = SummaryWriter(str(self._folder), purge_step=again_from)
        return self._writer
