"""Photos that people have: a picture, a frame of a clip, a snapshot."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from visard.daemon.config import paths
from visard.daemon.errors import FaceUnusable, PersonaError, SourceUnavailable
from visard.daemon.media.video import VideoReader
from visard.daemon.sources._select import SourceSelector
from visard.models.blendshapes import NAMES
from visard.models.face import Face, Image
from visard.models.geometry.pose import fit_pose
from visard.models.picture_file import is_picture
from visard.models.portrait import Portrait, examine
from visard.models.processor import Report
from visard.models.track.tracker import Tracker

APART = 0.2
"""Seconds between two frames of a clip that are looked at."""
LONGEST = 120.0
"""Seconds of a clip that are looked at."""
_EYES = [NAMES.index("eyeBlinkLeft"), NAMES.index("eyeBlinkRight")]
_JAW, _SMILE = NAMES.index("jawOpen"), NAMES.index("mouthSmileLeft")
_SETTLE, _LOOK = 0.5, 1.0
"""Seconds in which a camera adjusts its exposure, and in which the best picture is chosen after that."""
_SIDE = 128
"""Pixels of the square that sharpness is measured in."""


def photo_of(
    path: Path, at: float | None = None, report: Report = lambda _share, _text: None
) -> Path | Image:
    """Return a picture as it is, or a frame of a clip, BGR: that at so many seconds, else the best one.

    Raises PersonaError, SourceUnavailable, FaceUnusable where no face is in it, and what ``report`` raises.
    """
    if not path.is_file() or is_picture(path):
        if at is not None:
            raise PersonaError(f"{path.name} is no clip, so it has no frame at {at:g} s")
        return path
    with VideoReader(path) as reader:
        if at is not None:
            return _frame_at(reader, at)
        length = min(reader.length / reader.format.fps if reader.length else LONGEST, LONGEST)
        return best_frame(reader, lambda now: report(min(now / length, 1.0), "looking for the best picture"))


def examined(
    paths: Sequence[Path],
    face: int | None = None,
    at: float | None = None,
    report: Report = lambda _share, _text: None,
) -> list[Portrait]:
    """Return the portraits in pictures and clips; ``face`` and ``at`` are for the first of them.

    Raises PortraitError, PersonaError and SourceUnavailable, and what ``report`` raises.
    """
    portraits = []
    for number, path in enumerate(paths):
        report(number / len(paths), "looking for the face")
        first = number == 0
        portraits.append(examine(photo_of(path, at if first else None, report), face if first else None))
    return portraits


def _frame_at(reader: VideoReader, at: float) -> Image:
    last = 0.0
    for image, now in reader:
        if now >= at - 1e-3:
            return image.copy()
        last = now
    raise PersonaError(f"{reader.path.name} has no frame at {at:g} s; it ends at {last:.1f} s")


def best_frame(
    pictures: Iterable[tuple[Image, float]], looked: Callable[[float], None] = lambda _now: None
) -> Image:
    """Return of pictures, BGR, with their times in seconds, the one with the best face.

    That is seen from the front, sharp, large, with open eyes and a shut mouth. ``looked`` is told the time
    that it has come to. Raises FaceUnusable where there is no face.
    """
    tracker = Tracker(max_faces=1)
    best, found, next_ = -math.inf, None, 0.0
    for image, now in pictures:
        if now > LONGEST:
            break
        if now < next_:
            continue
        next_ = now + APART
        looked(now)
        worth = max((_worth(image, face) for face in tracker.update(image, now).faces), default=-math.inf)
        if worth > best:
            best, found = worth, image.copy()
    if found is None:
        raise FaceUnusable("no face was found; use pictures where the face is large and well lit")
    return found


def settled(pictures: Iterable[tuple[Image, float]]) -> Iterator[tuple[Image, float]]:
    """Yield the pictures of about a second, with their times from its beginning, after half a second."""
    begin = None
    for image, now in pictures:
        begin = now if begin is None else begin
        since = now - begin - _SETTLE
        if since >= 0:
            yield image, since
        if since > _LOOK:
            return


def snapshot(camera: str) -> Image:
    """Return the best picture of about a second from a camera that no daemon has, BGR.

    Raises SourceError without a camera, and FaceUnusable where nobody is in view.
    """
    selector = SourceSelector(paths.data() / "last-camera")
    source = selector.open(camera, None)
    try:
        if selector.demo or selector.name == "demo":
            raise SourceUnavailable("there is no camera, only the demo driver; plug one in")
        return best_frame(settled((source.read(), time.monotonic()) for _ in itertools.count()))
    finally:
        source.close()


def _worth(image: Image, face: Face) -> float:
    """How good a photo of a face is, about -4 to 1."""
    yaw, pitch, roll = fit_pose(face.landmarks).degrees
    shapes = face.blendshapes
    closed = max(float(shapes[_EYES].max()), 0.25) - 0.25
    turned = (abs(yaw) + abs(pitch) + abs(roll) / 2) / 30
    size = min(face.size / (0.4 * min(image.shape[:2])), 1.0)
    smile = float(shapes[_SMILE]) / 2
    return float(size + _sharpness(image, face) - turned - 2 * closed - float(shapes[_JAW]) - smile)


def _sharpness(image: Image, face: Face) -> float:
    """How sharp a face is, 0 to 1, whatever its size."""
    left, top, right, bottom = (round(float(side)) for side in face.box)
    crop = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if not crop.size:
        return 0.0
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    contrast = float(np.std(grey)) + 1.0
    return min(float(cv2.Laplacian(grey, cv2.CV_32F).std()) / contrast, 1.0)
