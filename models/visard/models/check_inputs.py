"""What the networks we ship are tried with before they serve: three generated people."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from visard.engines import Array
from visard.models.assets import asset
from visard.models.blendshapes import SUBSET
from visard.models.face import Image
from visard.models.geometry.canonical import canonical
from visard.models.picture_file import read_picture

_PEOPLE = 3
_SIDE = 256
_EYES = (33, 133), (362, 263)
"""Landmarks at the corners of the eyes, in the order of the irises."""


def samples(name: str) -> list[tuple[Array, ...]]:
    """Return inputs as the tracker gives them to a network we ship; noise would say nothing of faces."""
    return [(_INPUTS[name](picture),) for picture in pictures()]


@cache
def pictures() -> tuple[Image, ...]:
    """Return the three people, one face each, BGR [256, 256, 3]."""
    return tuple(read_picture(asset(f"sample_{number + 1}.jpg")) for number in range(_PEOPLE))


def _signed(side: int) -> Callable[[Image], Array]:
    """Pictures as detectors take them, -1 to 1."""
    return lambda picture: _unsigned(side)(picture) * 2 - 1


def _unsigned(side: int) -> Callable[[Image], Array]:
    def tensor(picture: Image) -> Array:
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float32)[None] / 255

    return tensor


def _planes(side: int) -> Callable[[Image], Array]:
    """The middle of pictures, where the face is, as SFace takes it: channels first, 0 to 255."""

    def tensor(picture: Image) -> Array:
        edge = picture.shape[0] // 8
        middle = _unsigned(side)(np.ascontiguousarray(picture[edge:-edge, edge:-edge]))
        return np.ascontiguousarray(middle.transpose(0, 3, 1, 2) * 255)

    return tensor


def _occluded(side: int) -> Callable[[Image], Array]:
    """Pictures as the occlusion network takes them, with something before the mouth to be found."""

    def tensor(picture: Image) -> Array:
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        cv2.circle(
            small, (side // 2, round(0.65 * side)), round(0.16 * side), (190, 120, 30), -1, cv2.LINE_AA
        )
        return np.asarray(small)[None]

    return tensor


def _points(picture: Image) -> Array:
    """The canonical face with its irises in the middle of the eyes, a little larger for brighter pictures."""
    face = canonical().points[:, :2] * (1, -1)
    irises = [np.repeat(face[list(eye)].mean(0)[None], 5, 0) for eye in _EYES]
    side = 10 + 4 * float(picture.mean()) / 255
    points = np.concatenate([face, *irises]) * side + _SIDE / 2
    return np.asarray(points[SUBSET], np.float32)[None]


_INPUTS: dict[str, Callable[[Image], Array]] = {
    "mp_face_detector_short": _signed(128),
    "mp_face_detection_full_range": _signed(192),
    "mp_face_landmarks_v2_478": _unsigned(256),
    "mp_face_blendshapes_52": _points,
    "occlusion": _occluded(160),
    "mp_selfie_segmentation": _unsigned(256),
    "sface_2021dec_fp16w": _planes(112),
}
