"""Every face of a photo, small ones at full resolution, upright, and numbered from the left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from visard.models.errors import PictureUnreadable
from visard.models.face import Face, Image
from visard.models.geometry.pose import fit_pose
from visard.models.picture_file import read_picture, shrink
from visard.models.track.crop import Region
from visard.models.track.detector import Detection, Detector
from visard.models.track.landmarker import Blendshapes, Landmarker
from visard.models.track.tracker import Tracker

LONGEST = 1600
"""Pixels of the longer side that a first look and a kept portrait have at most."""
_LARGEST_FILE = 8192
"""Pixels of the longer side of a picture that is too large to be decoded whole."""
_MOST = 40
"""Faces that are numbered in one picture at most."""
_TILE, _STEP = 768, 480
"""Side of the squares that small faces are looked for in, and how far one is from the next."""
_SCORE, _PRESENCE, _NEAR_SCORE = 0.4, 0.9, 0.6
"""What detector, landmark network and again the detector, from near, must say of a face that only a closer
look shows: in many looks there is much chance of taking leaves or cloth for a face."""


@dataclass(frozen=True, slots=True)
class PhotoFaces:
    """A photo, the right way up, and its faces."""

    image: Image
    """At full resolution."""
    faces: tuple[Face, ...]
    """From the left, in pixels of ``image``; the number of each is its ``id``: 1, 2 and so on."""
    turned: int = 0
    """How many quarters to the left the photo was turned to be the right way up."""


def faces_in(picture: Path | Image) -> PhotoFaces:
    """Find every face of a photo. Raises PictureUnreadable."""
    image = _read(picture) if isinstance(picture, Path) else picture
    faces = _find(image)
    turned = _quarters(faces)
    if turned:
        image = np.ascontiguousarray(np.rot90(image, turned))
        faces = _find(image) or faces
    ordered = sorted(faces, key=lambda face: face.centre[0])[:_MOST]
    return PhotoFaces(
        image, tuple(replace(face, id=number + 1) for number, face in enumerate(ordered)), turned
    )


def face_at(faces: Sequence[Face], x: float, y: float) -> Face | None:
    """Return the face at a place, in the pixels that the faces are in: the nearest one within its reach."""
    near = [(_apart(face, x, y) / face.size, face) for face in faces]
    closest = min(near, key=lambda pair: pair[0], default=None)
    return closest[1] if closest and closest[0] < 1 else None


def numbered(picture: Image, faces: Sequence[Face]) -> Image:
    """Return the picture, LONGEST at most, with a frame and a number at every face."""
    shown = shrink(picture, LONGEST).copy()
    scale = shown.shape[1] / picture.shape[1]
    for face in faces:
        corners = (np.array(face.box) * scale).round().astype(int)
        size = max(0.3 * face.size * scale, 22.0, max(shown.shape) / 45)
        _draw_number(shown, face.id, corners[:2], corners[2:], size)
    return shown


def _draw_number(picture: Image, number: int, low: np.ndarray, high: np.ndarray, size: float) -> None:
    """Draw a frame from ``low`` to ``high`` and a number ``size`` pixels high at its upper left corner."""
    line = max(1, round(size / 14))
    for colour, width in (((0, 0, 0), 3 * line), ((255, 255, 255), line)):
        cv2.rectangle(picture, low.tolist(), high.tolist(), colour, width, cv2.LINE_AA)
    font, height = cv2.FONT_HERSHEY_SIMPLEX, size * 0.6
    scale, thick = height / 21, max(1, round(size / 9))
    (width, _), _ = cv2.getTextSize(str(number), font, scale, thick)
    left = int(np.clip(low[0], 0, max(picture.shape[1] - width - size * 0.4, 0)))
    bottom = int(np.clip(low[1], size, picture.shape[0]))
    right = left + width + round(size * 0.4)
    cv2.rectangle(picture, (left, bottom - round(size)), (right, bottom), (0, 0, 0), -1)
    where = left + round(size * 0.2), bottom - round(size * 0.2)
    cv2.putText(picture, str(number), where, font, scale, (255, 255, 255), thick, cv2.LINE_AA)


def _read(path: Path) -> Image:
    """Read at full resolution, or what of it fits the memory."""
    try:
        return read_picture(path)
    except PictureUnreadable:
        return read_picture(path, _LARGEST_FILE)


def _find(image: Image) -> list[Face]:
    """Return all faces: the large ones, and in a large picture small ones too."""
    small = shrink(image, LONGEST)
    scale = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0], 1], np.float32)
    scale[2] = scale[:2].mean()
    sighting = Tracker(max_faces=_MOST).update(small, 0.0)
    faces = [replace(face, landmarks=face.landmarks * scale, raw=None) for face in sighting.faces]
    if small is image:
        return faces
    faces = _placed_again(image, faces)
    if faces:
        return faces + _closer(image, faces)
    return next(filter(None, (_closer(image, [], turns) for turns in range(4))), [])


def _placed_again(image: Image, faces: list[Face]) -> list[Face]:
    """Put landmarks anew on faces that have more pixels at full resolution."""
    landmarker, blendshapes = Landmarker(), Blendshapes()
    placed = []
    for face in faces:
        landmarks, presence = landmarker(image, Region.around(face.landmarks))
        better = replace(face, landmarks=landmarks, blendshapes=blendshapes(landmarks))
        placed.append(better if presence > _PRESENCE else face)
    return placed


def _closer(image: Image, known: Sequence[Face], turns: int = 0) -> list[Face]:
    """Return faces that only show at full resolution, square by square; ``turns``: quarters to the left."""
    detector, landmarker, blendshapes = Detector.full_range(), Landmarker(), Blendshapes()
    found: list[Face] = []
    for detection in _detections(image, detector, turns):
        landmarks, presence = landmarker(image, detection.region)
        if presence < _PRESENCE / 2 or _taken(landmarks, (*known, *found)):
            continue
        region = Region.around(landmarks)
        landmarks, presence = landmarker(image, region)
        if (
            presence > _PRESENCE
            and not _taken(landmarks, (*known, *found))
            and _seen(image, region, detector)
        ):
            found.append(Face(0, landmarks, blendshapes(landmarks), presence))
    return found


def _detections(image: Image, detector: Detector, turns: int) -> list[Detection]:
    """Return what the detector sees in overlapping squares, best first."""
    seen = [
        detection.moved(left, top)
        for top in _begins(image.shape[0])
        for left in _begins(image.shape[1])
        for detection in detector(
            image[top : top + _TILE, left : left + _TILE], threshold=_SCORE, turns=turns
        )
    ]
    return sorted(seen, key=lambda detection: -detection.score)


def _seen(image: Image, region: Region, detector: Detector) -> bool:
    """Whether the detector sees a face in the upright middle of a region when it looks from near."""
    side = 192
    wider = replace(region, size=1.5 * region.size)
    cut = cv2.warpAffine(image, wider.matrix(side), (side, side), flags=cv2.INTER_AREA)
    seen = detector(np.asarray(cut, np.uint8), threshold=_NEAR_SCORE)
    return any(np.hypot(d.centre[0] - side / 2, d.centre[1] - side / 2) < side / 6 for d in seen)


def _begins(length: int) -> Iterator[int]:
    """Where squares begin along a side of ``length`` pixels; the last one ends with it."""
    last = max(length - _TILE, 0)
    yield from range(0, last, _STEP)
    yield last


def _taken(landmarks: np.ndarray, faces: Sequence[Face]) -> bool:
    x, y = landmarks[:, :2].mean(0)
    return any(_apart(face, x, y) < 0.5 * face.size for face in faces)


def _apart(face: Face, x: float, y: float) -> float:
    return float(np.hypot(face.centre[0] - x, face.centre[1] - y))


def _quarters(faces: Sequence[Face]) -> int:
    """How many quarters to the left put the largest face upright."""
    if not faces:
        return 0
    largest = max(faces, key=lambda face: face.size)
    return round(fit_pose(largest.landmarks).degrees[2] / 90) % 4
