"""Faces that are tried before they are added, and what was removed."""

from datetime import datetime

from visard.daemon.api.schema import Fact


class RemovedInfo(Fact):
    """A persona in the bin, or a photo of one."""

    name: str
    title: str
    removed: datetime
    photo: bool = False


class FaceBox(Fact):
    """Where a face is in a photo, as shares of its width and height."""

    number: int
    left: float
    top: float
    width: float
    height: float


class TrialPhoto(Fact):
    """A photo that is tried, and what was found in it."""

    faces: tuple[FaceBox, ...] = ()
    """From the left."""
    face: int | None = None
    """The number of the one that is used."""
    warnings: tuple[str, ...] = ()
    """What will look less good than it could."""
    problem: str | None = None
    """Why no face of it is used."""


class Trial(Fact):
    """A face that is tried before it is added; the daemon forgets it when it ends, or for newer ones."""

    id: str
    photos: tuple[TrialPhoto, ...]
    job: int | None = None
    """What makes the picture."""
    ready: bool = False
    """The picture is there."""
    problem: str | None = None
    """Why no picture can be made."""
