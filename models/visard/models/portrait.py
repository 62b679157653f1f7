"""A picture that a persona is made from: its face found, chosen, cut out and judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from visard.models.errors import FaceUnusable
from visard.models.face import Face, Image
from visard.models.photo.checks import judge
from visard.models.photo.faces import LONGEST, PhotoFaces, face_at, faces_in, numbered
from visard.models.photo.remark import Remark
from visard.models.picture_file import shrink

__all__ = ["LONGEST", "PhotoFaces", "Portrait", "Remark", "examine", "face_at", "faces_in", "numbered"]

_RIVAL = 0.6
"""Share of the largest face's size from which another one could be meant as well."""
_SHARP = 0.25
"""Share of a large picture's shorter side below which a face is cut out of it, to be kept sharp."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture with one usable face."""

    image: Image
    face: Face
    remarks: tuple[Remark, ...] = ()
    """What will look less good than it could."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks as sentences."""
        return tuple(remark.text for remark in self.remarks)

    def within(self, longer: int, shorter: int) -> "Portrait":
        """Return it with sides of at most these pixels."""
        height, width = self.image.shape[:2]
        scale = min(1, longer / max(height, width), shorter / min(height, width))
        if scale == 1:
            return self
        image = cv2.resize(self.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        ratio = np.array([image.shape[1] / width, image.shape[0] / height, scale], np.float32)
        face = Face(self.face.id, self.face.landmarks * ratio, self.face.blendshapes)
        return Portrait(np.asarray(image, np.uint8), face, self.remarks)


def examine(picture: Path | Image, face: int | None = None) -> Portrait:
    """Find the face of a picture and judge it; of several, that of this number, as ``faces_in`` counts.

    The portrait's image is the whole picture, or what is around a face that was chosen or is small in it.
    Raises PictureUnreadable, or FaceUnusable when a persona made from it could not look right.
    """
    found = faces_in(picture)
    chosen = _choose(found, face)
    others = [other for other in found.faces if other is not chosen]
    remarks = list(judge(found.image, chosen))
    if found.turned:
        remarks.append(Remark("sideways", "the picture was not the right way up; it was turned"))
    if others and face is None:
        remarks.append(Remark("others", "there are smaller faces in the picture; the largest one is used"))
    image, placed = _cut_out(found.image, chosen, others if face else None)
    return Portrait(image, placed, tuple(remarks))


def _choose(found: PhotoFaces, number: int | None) -> Face:
    """Return the face of this number, or the one that can be meant."""
    count = len(found.faces)
    if not count:
        raise FaceUnusable("no face was found in the picture; use one where the face is large and well lit")
    if number is not None:
        if not 1 <= number <= count:
            raise FaceUnusable(f"there is no face {number} in the picture; it holds {count}, from the left")
        return found.faces[number - 1]
    whole = [face for face in found.faces if _inside(face, found.image) > 0.7] or list(found.faces)
    largest = max(whole, key=lambda face: face.size)
    rivals = [face for face in whole if face.size > _RIVAL * largest.size]
    if len(rivals) > 1:
        raise FaceUnusable(
            f"the picture holds {count} faces; choose one with --face N, they count from the left"
        )
    return largest


def _inside(face: Face, image: Image) -> float:
    """Share of a face's landmarks that are inside the picture."""
    x, y = face.landmarks[:, 0], face.landmarks[:, 1]
    return float(((x >= 0) & (y >= 0) & (x < image.shape[1]) & (y < image.shape[0])).mean())


def _cut_out(image: Image, face: Face, others: Sequence[Face] | None) -> tuple[Image, Face]:
    """Return the picture, and the face in it, no larger than LONGEST.

    A face that is small in a larger picture is cut out with head and shoulders; from ``others``, where
    they are given, in any case, so that it is the only one in it.
    """
    small = max(image.shape) > LONGEST and face.size < _SHARP * min(image.shape[:2])
    left, top, right, bottom = 0, 0, image.shape[1], image.shape[0]
    if others or small:
        left, top, right, bottom = _around(face, others or (), image)
    cut = image[top:bottom, left:right]
    shrunk = shrink(np.ascontiguousarray(cut), LONGEST)
    scale = shrunk.shape[1] / cut.shape[1], shrunk.shape[0] / cut.shape[0]
    factor = np.array([*scale, sum(scale) / 2], np.float32)
    landmarks = (face.landmarks - np.array([left, top, 0], np.float32)) * factor
    return shrunk, replace(face, landmarks=landmarks, raw=None)


def _around(face: Face, others: Sequence[Face], image: Image) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of head and shoulders, without the middles of other faces."""
    x, y = face.centre
    low = np.array([x - 1.7 * face.size, y - 1.3 * face.size])
    high = np.array([x + 1.7 * face.size, y + 2.1 * face.size])
    own_low, own_high = np.array(face.box[:2]), np.array(face.box[2:])
    for other in others:
        centre = np.array(other.centre)
        if (centre + other.size / 2 < low).any() or (centre - other.size / 2 > high).any():
            continue
        axis = int(np.abs(centre - (x, y)).argmax())
        if centre[axis] > (x, y)[axis]:
            high[axis] = max(min(high[axis], other.box[axis]), own_high[axis])
        else:
            low[axis] = min(max(low[axis], other.box[axis + 2]), own_low[axis])
    left, top = np.maximum(np.floor(low), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high), image.shape[1::-1]).astype(int)
    return int(left), int(top), int(right), int(bottom)
