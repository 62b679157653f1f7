"""Finds the faces of a picture with all that extraction wants to know of them."""

from collections.abc import Set
from dataclasses import replace

import cv2
import numpy as np

from visard.models.align import align, apply, crop
from visard.models.face import Face, Image
from visard.models.geometry.canonical import OVAL
from visard.models.geometry.pose import fit_pose
from visard.models.occlude.fast import FastOcclusion
from visard.models.photo.faces import faces_in
from visard.models.photo.measures import outside
from visard.models.swap.dfm.options import FaceType
from visard.models.track.recogniser import Recogniser
from visard.models.track.tracker import Tracker
from visard.models.train.faces.alignment import face_matrix
from visard.models.train.faces.duplicates import Duplicates
from visard.models.train.faces.measures import Measures, measure, measured_side
from visard.models.train.faces.options import DropReason, ExtractOptions
from visard.models.train.faces.point_layout import Mask, outline
from visard.models.train.faces.record import MASK_SIDE, FaceRecord, mask_to_runs

_MOST = 12
"""Faces of a film that are followed at a time."""
_CUT = 0.05
"""Share of the outline's points that the picture's edge may cut off."""
_EXAMPLE_SIDE = 128

Kept = tuple[Image, FaceRecord]
Dropped = tuple[Image, DropReason]
"""A small picture of the face, BGR [128, 128, 3], and why."""


class FaceFinder:
    """Detector, landmarks, occluder and recogniser on one source after the other. Not thread-safe."""

    def __init__(
        self, options: ExtractOptions, duplicates: Duplicates, known: Set[tuple[str, int, int]]
    ) -> None:
        """``known``: keys of faces that are there already, about which nothing is to be said."""
        self._options = options
        self._known = known
        self._duplicates = duplicates
        self._tracker = Tracker(_MOST)
        self._occlusion = FastOcclusion()
        self._recogniser = Recogniser()
        self._tracks: dict[int, int] = {}

    def begin(self) -> None:
        """Start with another source."""
        self._tracker.forget()
        self._occlusion.forget()
        self._tracks.clear()

    def in_frame(self, image: Image, source: str, frame: int, seconds: float) -> list[Kept | Dropped]:
        """Return what becomes of every face in a frame of a film, from the left."""
        found = self._tracker.update(image, seconds).faces
        faces = [face if face.raw is None else replace(face, landmarks=face.raw, raw=None) for face in found]
        faces.sort(key=lambda face: face.centre[0])
        for number, face in enumerate(faces):
            self._tracks.setdefault(face.id, frame * 100 + number)
        return self._judged(image, faces, source, frame)

    def in_photo(self, image: Image, source: str) -> list[Kept | Dropped]:
        """Return what becomes of every face in a photo, whichever way it lies, from the left."""
        self.begin()
        photo = faces_in(image)
        self._tracks = {face.id: number for number, face in enumerate(photo.faces)}
        return self._judged(photo.image, list(photo.faces), source, 0)

    def _judged(self, image: Image, faces: list[Face], source: str, frame: int) -> list[Kept | Dropped]:
        fronts = self._occlusion(image, faces)
        seen = [replace(face, occlusion=front) for face, front in zip(faces, fronts, strict=True)]
        keyed = [((source, frame, number), face) for number, face in enumerate(seen)]
        return [self._judge(image, face, key) for key, face in keyed if key not in self._known]

    def _judge(self, image: Image, face: Face, key: tuple[str, int, int]) -> Kept | Dropped:
        """Measure what is quick to measure first."""
        options = self._options
        degrees = fit_pose(face.landmarks).degrees
        if reason := _seen_badly(image, face, degrees, options):
            return _example(image, face), reason
        matrix = face_matrix(face.landmarks, options.face_type, options.resolution)
        measured = _measured(image, face, options.face_type)
        if measured.blur > options.max_blur:
            return _example(image, face), DropReason.blurred
        front, hidden = _in_front(face, options.face_type)
        if hidden > options.max_occlusion:
            return _example(image, face), DropReason.occluded
        looks = np.concatenate([degrees[:2], face.blendshapes])
        if not self._duplicates.add(measured.fingerprint, looks) and not options.duplicates:
            return _example(image, face), DropReason.duplicate
        points = np.asarray(apply(matrix, face.landmarks[:, :2]), np.float32)
        depth = face.landmarks[:, 2:] * np.float32(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        record = FaceRecord(
            source=key[0],
            frame=key[1],
            number=key[2],
            track=self._tracks[face.id],
            face_type=options.face_type,
            resolution=options.resolution,
            matrix=matrix.ravel().tolist(),
            landmarks=_rounded(np.hstack([points, depth]), 2),
            size=round(face.size, 1),
            yaw=round(degrees[0], 2),
            pitch=round(degrees[1], 2),
            roll=round(degrees[2], 2),
            blur=round(measured.blur, 3),
            brightness=round(measured.brightness, 4),
            side_light=round(measured.side_light, 3),
            occluded=round(hidden, 3),
            expression=_rounded(face.blendshapes, 4),
            embedding=_rounded(self._recogniser(image, face.landmarks), 5),
            fingerprint=measured.fingerprint.tobytes().hex(),
            occlusion=mask_to_runs(front) if hidden else [],
        )
        return _cut(image, matrix, options.resolution), record


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values.ravel()]


def _seen_badly(
    image: Image, face: Face, degrees: tuple[float, float, float], options: ExtractOptions
) -> DropReason | None:
    if face.size < options.min_size:
        return DropReason.small
    if abs(degrees[0]) > options.max_yaw or abs(degrees[1]) > options.max_pitch:
        return DropReason.turned
    if outside(image, face.landmarks[OVAL]).mean() > _CUT:
        return DropReason.cut
    return None


def _measured(image: Image, face: Face, face_type: FaceType) -> Measures:
    side = measured_side(face_type)
    matrix = face_matrix(face.landmarks, face_type, side)
    points = np.asarray(apply(matrix, face.landmarks[:, :2]), np.float32)
    return measure(_cut(image, matrix, side), points, face_type)


def _cut(image: Image, matrix: np.ndarray, side: int) -> Image:
    """Cut a crop out, with as much detail as it can show: large faces are averaged, small ones smoothed."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    times = int(min(max(np.ceil(0.8 / scale), 1), 8))
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    whole = cv2.warpAffine(image, matrix * times, (side * times, side * times), flags=flags)
    return np.asarray(cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _in_front(face: Face, face_type: FaceType) -> tuple[Mask, float]:
    """Return what is in front of a face in its picture, MASK_SIDE wide, and the share that it hides."""
    if face.occlusion is None:
        return np.zeros((MASK_SIDE, MASK_SIDE), np.uint8), 0.0
    matrix = face_matrix(face.landmarks, face_type, MASK_SIDE)
    inner = np.vstack([face.occlusion.matrix, [0, 0, 1]])
    front = cv2.warpAffine(face.occlusion.mask, (matrix @ inner), (MASK_SIDE, MASK_SIDE))
    points = np.asarray(apply(matrix, face.landmarks[:, :2]), np.float32)
    inside = outline(points, MASK_SIDE) > 127
    return np.asarray(front, np.uint8), float((front[inside] > 127).mean()) if inside.any() else 0.0


def _example(image: Image, face: Face) -> Image:
    """Return a small picture of a face with what is around it."""
    return crop(image, align(face.landmarks, _EXAMPLE_SIDE, coverage=2.4), _EXAMPLE_SIDE)
