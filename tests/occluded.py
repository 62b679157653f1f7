"""Things drawn over faces, and how much of them a swap paints over."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import CHIN, FOREHEAD, MOUTH_LEFT, MOUTH_RIGHT, Face, Image

Mask = npt.NDArray[np.uint8]

CHANGED = 14
"""Levels by which a pixel differs that is painted over; recoding stays below."""

_LEFT_CHEEK, _RIGHT_CHEEK, _BROWS, _NOSE = 234, 454, (105, 334), 4


def _cup(mask: Mask, picture: Image, face: Face) -> None:
    middle = face.landmarks[[MOUTH_LEFT, MOUTH_RIGHT], :2].mean(0) + np.array([0, 0.06 * face.size])
    size = (0.22 * face.size, 0.2 * face.size)
    cv2.ellipse(mask, _box(middle, size), 255, -1, cv2.LINE_AA)
    cv2.ellipse(picture, _box(middle, size), (232, 238, 240), -1, cv2.LINE_AA)
    cv2.ellipse(
        picture, _box(middle - (0, 0.05 * face.size), (size[0] * 0.8, size[1] * 0.5)), (30, 60, 110), -1
    )


def _phone(mask: Mask, picture: Image, face: Face) -> None:
    corner = face.landmarks[_RIGHT_CHEEK, :2] - (0.3 * face.size, 0.25 * face.size)
    ends = [tuple(map(int, corner)), tuple(map(int, corner + np.array([0.22, 0.55]) * face.size))]
    cv2.rectangle(mask, *ends, 255, -1)
    cv2.rectangle(picture, *ends, (28, 26, 25), -1)


def _microphone(mask: Mask, picture: Image, face: Face) -> None:
    head = face.landmarks[MOUTH_RIGHT, :2]
    tail = head + np.array([0.5, 0.9]) * face.size
    for canvas, colour in ((mask, 255), (picture, (45, 42, 40))):
        cv2.line(canvas, tuple(map(int, head)), tuple(map(int, tail)), colour, max(int(face.size * 0.07), 2))
        cv2.circle(canvas, tuple(map(int, head)), int(face.size * 0.1), colour, -1, cv2.LINE_AA)


def _mask(mask: Mask, picture: Image, face: Face) -> None:
    points = face.landmarks[[_NOSE, 280, 361, 365, CHIN, 136, 132, 50], :2]
    loop = [np.round(points + np.array([0, 0.02]) * face.size).astype(np.int32)]
    cv2.fillPoly(mask, loop, 255, cv2.LINE_AA)
    cv2.fillPoly(picture, loop, (214, 200, 150), cv2.LINE_AA)


def _cap(mask: Mask, picture: Image, face: Face) -> None:
    brow, top = face.landmarks[list(_BROWS), :2].mean(0), face.landmarks[FOREHEAD, :2]
    up, across = top - brow, face.landmarks[_RIGHT_CHEEK, :2] - face.landmarks[_LEFT_CHEEK, :2]
    edge = brow + 0.45 * up
    loop = np.array([edge - 0.62 * across, edge + 0.62 * across, edge + 0.5 * across + 2.2 * up,
                     edge - 0.5 * across + 2.2 * up])  # fmt: skip
    for canvas, colour in ((mask, 255), (picture, (40, 30, 150))):
        cv2.fillPoly(canvas, [np.round(loop).astype(np.int32)], colour, cv2.LINE_AA)


def _fingertip(mask: Mask, picture: Image, face: Face) -> None:
    """In the face's own colour, from the side to the cheek."""
    tip = face.landmarks[280, :2] - (0.02 * face.size, 0)
    root, radius = tip + np.array([0.7, 0.35]) * face.size, 0.055 * face.size
    x, y = face.landmarks[[50, 205, 425], :2].astype(int).T
    skin = picture[y, x].mean(0)
    line = [tuple(map(int, tip)), tuple(map(int, root))]
    cv2.line(mask, *line, 255, int(2 * radius))
    for share in np.linspace(1, 0.1, 12):
        cv2.line(picture, *line, (skin * (1.04 - 0.3 * share**2)).tolist(), max(int(2 * radius * share), 1))
    cv2.ellipse(picture, _box(tip + radius * 0.2, (radius * 0.6, radius * 0.45)), (skin * 1.12).tolist(), -1)


def _strand(mask: Mask, picture: Image, face: Face) -> None:
    """From the hairline over an eye to the cheek, six pixels wide on a face of 400."""
    top, past, end = face.landmarks[FOREHEAD, :2], face.landmarks[159, :2], face.landmarks[205, :2]
    t = np.linspace(0, 1, 20)[:, None]
    curve = (1 - t) ** 2 * top + 2 * t * (1 - t) * (past - (0.1 * face.size, 0)) + t**2 * end
    line, thick = [np.round(curve).astype(np.int32)], max(round(0.015 * face.size), 2)
    cv2.polylines(mask, line, False, 255, thick)
    cv2.polylines(picture, line, False, (34, 44, 62), thick, cv2.LINE_AA)


SMALL: dict[str, Callable[[Mask, Image, Face], None]] = {"fingertip": _fingertip, "strand": _strand}
"""Things that hide few landmarks, or none."""
THINGS: dict[str, Callable[[Mask, Image, Face], None]] = {
    "cup": _cup, "phone": _phone, "microphone": _microphone, "mask": _mask, "cap": _cap,
}  # fmt: skip


def put(name: str, picture: Image, face: Face) -> tuple[Image, Mask]:
    """Return the picture with a thing before the face, and where it is, uint8 [height, width], 0 or 255."""
    drawn, mask = picture.copy(), np.zeros(picture.shape[:2], np.uint8)
    (THINGS | SMALL)[name](mask, drawn, face)
    rough = np.random.default_rng(0).normal(0, 3, picture.shape)
    drawn = np.where(mask[..., None] > 0, np.clip(drawn + rough, 0, 255), drawn).astype(np.uint8)
    return drawn, np.where(mask > 200, 255, 0).astype(np.uint8)


def painted(before: Image, after: Image, mask: Mask) -> float:
    """Return the share of a thing whose pixels are not what they were, 0..1."""
    changed = cv2.absdiff(before, after).max(2) > CHANGED
    return float(changed[mask > 0].mean())


def _box(middle: npt.NDArray[np.floating], radii: tuple[float, float]) -> tuple:  # type: ignore[type-arg]
    return (tuple(map(float, middle)), (2 * radii[0], 2 * radii[1]), 0.0)
