"""What is told of face models in training, by whichever process they are trained."""

from datetime import datetime
from enum import StrEnum

from visard.daemon.api.schema import Fact


class TrainingState(StrEnum):
    """How a training is."""

    new = "new"
    """Begun, and nothing learned yet."""
    running = "running"
    """A process trains it now."""
    stopped = "stopped"
    """It can go on."""
    done = "done"
    """It has as many steps as were wanted."""


class LossPoint(Fact):
    """Mean losses of the steps up to one."""

    step: int
    losses: dict[str, float]


class TrainingInfo(Fact):
    """A face model in training."""

    name: str
    preset: str
    """What it began with; empty: not known."""
    archi: str
    resolution: int
    state: TrainingState
    step: int
    target: int
    rate: float | None = None
    """Steps a second, of one that runs."""
    left: float | None = None
    """Seconds to the target, of one that runs."""
    updated: datetime | None = None
    """When it last told something."""
    losses: tuple[LossPoint, ...] = ()
    """The curve, thinned out."""
    preview: int | None = None
    """The step of the newest preview."""
    trouble: str | None = None
    """What went wrong lately: gradients that were no numbers, a collapse, a full disk."""
    command: str
    """What can be done next, for a shell."""
