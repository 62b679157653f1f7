"""Faces to test with: the shipped portraits, and the driver of the demo clip."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from visard.daemon.config.settings import Settings
from visard.daemon.pipeline.blend import Blender
from visard.models.face import Face, Image
from visard.models.portrait import Portrait, examine
from visard.models.track.tracker import Tracker

DAEMON = Path(__file__).resolve().parent.parent / "daemon" / "visard" / "daemon"
DEMO = DAEMON / "sources" / "demo.mp4"


@cache
def portrait(name: str) -> Portrait:
    """Return a shipped persona's portrait."""
    return examine(DAEMON / "personas" / "shipped" / name / "picture.jpg")


@cache
def driver(every: int = 8) -> list[tuple[Image, Face]]:
    """Return frames of the demo clip, one of ``every``, with the driver's face; all frames are tracked."""
    capture, tracker, seen, number = cv2.VideoCapture(str(DEMO)), Tracker(), [], 0
    while (frame := capture.read())[0]:
        faces = tracker.update(frame[1], number / 30).faces
        if number % every == 0 and faces:
            seen.append((frame[1], faces[0]))
        number += 1
    return seen


def headshot(name: str, size: int) -> Image:
    """Return a shipped persona's head, ``size`` pixels wide and high; the face fills most of it."""
    image, face = portrait(name).image, portrait(name).face
    height, width = image.shape[:2]
    reach = min(face.size, *face.centre, width - face.centre[0], height - face.centre[1])
    left, top, right, bottom = (round(c + s * reach) for s in (-1, 1) for c in face.centre)
    return np.asarray(cv2.resize(image[top:bottom, left:right], (size, size), interpolation=cv2.INTER_AREA))


def scene(*heads: tuple[Image, int, int], size: tuple[int, int] = (640, 360)) -> Image:
    """Return a grey room of (width, height) with heads pasted at their (left, top); they must fit."""
    room = np.full((size[1], size[0], 3), 96, np.uint8)
    for head, left, top in heads:
        room[top : top + head.shape[0], left : left + head.shape[1]] = head
    return room


def shown(frame: Image, patch, face: Face) -> Image:
    """Return the frame with the patch in it, as the product blends it."""
    result = frame.copy()
    Blender()(result, patch, face, Settings())
    return result


def look(image: Image) -> list[Face]:
    """Return the faces of one picture, from the left."""
    return sorted(Tracker().update(image, 0.0).faces, key=lambda face: face.centre[0])


def moved(face: Face, x: float = 0, y: float = 0, scale: float = 1, id_: int | None = None) -> Face:
    """Return the face enlarged about the picture's corner and then moved by pixels."""
    points = face.landmarks * np.float32(scale) + np.array([x, y, 0], np.float32)
    return Face(face.id if id_ is None else id_, points, face.blendshapes)
