"""Exceptions of training.

VisardError
└── TrainingError         a face model cannot be trained or exported
    ├── TrainingUnknown   there is no training of that name
    ├── AlreadyRunning    another process trains it
    ├── OptionsRefused    options that cannot be, or that cannot change any more
    ├── CheckpointUnusable no checkpoint can be read, or it is another model's
    ├── CheckpointNotKept the disk did not take it; the one before is whole
    ├── FacesUnusable     a set of faces is empty or does not fit
    ├── Collapsed         losses are no numbers or far too high, again and again
    └── ExportWrong       what was written does not compute what was trained
"""

from visard.engines.errors import VisardError


class TrainingError(VisardError):
    """A face model cannot be trained or exported."""

    code = "training"


class TrainingUnknown(TrainingError):
    """There is no training of that name."""

    code = "training-unknown"


class AlreadyRunning(TrainingError):
    """Another process trains it."""

    code = "training-running"


class OptionsRefused(TrainingError):
    """Options that cannot be, or that cannot change any more."""

    code = "training-options"


class CheckpointUnusable(TrainingError):
    """No checkpoint can be read, or it is that of another model."""

    code = "checkpoint-unusable"


class CheckpointNotKept(TrainingError):
    """The disk did not take a checkpoint; the one before is whole."""

    code = "checkpoint-not-kept"


class FacesUnusable(TrainingError):
    """A set of faces is empty or does not fit what is to be trained."""

    code = "faces-unusable"


class Collapsed(TrainingError):
    """Losses are no numbers or far too high, again and again."""

    code = "training-collapsed"


class ExportWrong(TrainingError):
    """A file that was written does not compute what was trained."""

    code = "export-wrong"
