"""Photos as commands take them: files, frames of clips, a snapshot, and which face is meant."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.options import Time
from visard.daemon.cli.output import Output
from visard.daemon.config import paths
from visard.daemon.errors import DaemonAbsent, FaceUnusable

if TYPE_CHECKING:
    from visard.models.face import Image
    from visard.models.portrait import Portrait
    from visard.models.processor import Report

FILE = click.Path(path_type=Path)
_COUNTDOWN = 3
"""Seconds before a snapshot, where somebody is there to see them counted."""


def photo_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says which photos are meant: the files, --face, --at and --snapshot."""
    for option in (
        click.option("--snapshot", is_flag=True, help="Take a photo with the webcam, after three seconds."),
        click.option(
            "--at",
            type=Time(),
            metavar="TIME",
            help="The frame of a clip.  [default: the best one]",
        ),
        click.option(
            "--face",
            "faces",
            type=click.IntRange(1),
            multiple=True,
            metavar="N",
            help="Which face of a group photo, counted from the left; once for each photo, in their order.",
        ),
        click.argument("photos", type=FILE, nargs=-1, metavar="PHOTO|CLIP|MODEL..."),
    ):
        function = option(function)
    return function


def check_given(photos: Sequence[Path], snapshot: bool) -> None:
    """Raise UsageError where there is no face at all."""
    if not (photos or snapshot):
        raise click.UsageError("name a photo, a clip or a trained model, or say --snapshot")


def model_given(photos: Sequence[Path], snapshot: bool) -> bool:
    """Whether a trained model was named; raises UsageError where photos were as well."""
    from visard.daemon.personas.entry_files import is_model

    models = [path for path in photos if is_model(path)]
    if models and (len(photos) > 1 or snapshot):
        raise click.UsageError(
            f"{models[0].name} is a trained model; add it alone, with --picture for a photo"
        )
    return bool(models)


def portraits_of(
    output: Output,
    photos: Sequence[Path],
    faces: Sequence[int],
    at: float | None,
    snapshot: bool,
    report: "Report",
) -> "list[Portrait]":
    """Examine a snapshot and photos; of one with several faces a numbered picture is written.

    Raises PortraitError, PersonaError and SourceError.
    """
    from visard.daemon.pipeline.photos import photo_of
    from visard.models.portrait import examine

    found: list[Path | Image] = [_snapshot(output)] if snapshot else []
    found += [photo_of(path, at if number == 0 else None, report) for number, path in enumerate(photos)]
    numbers = [*faces, *[None] * len(found)]
    portraits = []
    for number, (photo, face) in enumerate(zip(found, numbers, strict=False)):
        report(number / len(found), "looking for the face")
        with _numbering(photo):
            portraits.append(examine(photo, face))
    return portraits


@contextmanager
def _numbering(photo: "Path | Image") -> Iterator[None]:
    """Write a picture with numbers where faces are several, and say where it is."""
    try:
        yield
    except FaceUnusable as error:
        from visard.models.portrait import faces_in, numbered

        found = faces_in(photo)
        if len(found.faces) < 2:
            raise
        place = written(numbered(found.image, found.faces), paths.cache() / "faces.jpg")
        raise FaceUnusable(f"{error}; {place} shows the numbers") from error


def written(picture: "Image", place: Path) -> Path:
    """Write a picture as the kind that its name ends with. Raises UsageError where it cannot be."""
    from PIL import Image as Pillow

    try:
        Pillow.fromarray(picture[:, :, ::-1]).save(place, quality=92)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{place} cannot be written ({error}); name it like trial.png") from error
    return place


def _snapshot(output: Output) -> "Image":
    """Take a photo with the webcam: through the daemon, which has the camera, or without one directly."""
    if sys.stderr.isatty():
        for left in range(_COUNTDOWN, 0, -1):
            output.note(f"{left} ...")
            time.sleep(1)
    from visard.daemon.api.client import Client

    try:
        with Client() as daemon:
            trial = daemon.try_camera()
            try:
                return _decoded(daemon.trial_photo(trial.id))
            finally:
                daemon.drop_trial(trial.id)
    except DaemonAbsent:
        from visard.daemon.config.file import ConfigFile
        from visard.daemon.pipeline.photos import snapshot

        return snapshot(ConfigFile(paths.config() / "config.toml").config.camera)


def _decoded(jpeg: bytes) -> "Image":
    import cv2
    import numpy as np

    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
