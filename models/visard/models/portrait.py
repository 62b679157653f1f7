"""A picture that a persona is made from: its face found and judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visard.models.blendshapes import NAMES
from visard.models.errors import FaceUnusable
from visard.models.face import IRIS_LEFT, IRIS_RIGHT, Face, Image
from visard.models.geometry.pose import fit_pose
from visard.models.picture_file import read_picture, shrink
from visard.models.track.tracker import Tracker

LONGEST = 1600


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture with one usable face."""

    image: Image
    face: Face
    warnings: tuple[str, ...] = ()
    """What will look less good than it could, one sentence each."""


def examine(picture: Path | Image) -> Portrait:
    """Find the one face of a picture and judge it.

    Raises PictureUnreadable, or FaceUnusable when a persona made from it could not look right.
    """
    image = read_picture(picture, LONGEST) if isinstance(picture, Path) else shrink(picture, LONGEST)
    faces = sorted(Tracker(max_faces=8).update(image, 0.0).faces, key=lambda face: -face.size)
    if not faces:
        raise FaceUnusable("no face was found in the picture; use one where the face is large and well lit")
    face, others = faces[0], faces[1:]
    rivals = [other for other in others if other.size > 0.6 * face.size]
    if rivals:
        raise FaceUnusable(f"the picture holds {len(rivals) + 1} faces; cut it down to one")
    remarks = list(_judge(face))
    if others:
        remarks.append("there are smaller faces in the picture; the largest one is used")
    return Portrait(image, face, tuple(remarks))


def _judge(face: Face) -> Iterator[str]:
    """Yield remarks; raise FaceUnusable for what no swapper could repair."""
    apart = float(np.linalg.norm(face.landmarks[IRIS_LEFT] - face.landmarks[IRIS_RIGHT]))
    if apart < 24:
        raise FaceUnusable(
            f"the face is too small: {apart:.0f} pixels between the eyes; 24 are needed, 60 look good"
        )
    if apart < 60:
        yield f"the face is small ({apart:.0f} pixels between the eyes); it will look soft from near"
    yaw, pitch, _ = fit_pose(face.landmarks).degrees
    if abs(yaw) > 40 or abs(pitch) > 40:
        turn = max(abs(yaw), abs(pitch))
        raise FaceUnusable(f"the head is turned {turn:.0f} degrees; use a picture taken from the front")
    if abs(yaw) > 18:
        yield f"the head is turned {abs(yaw):.0f} degrees; one side of the face is guessed from the other"
    expression = dict(zip(NAMES, face.blendshapes, strict=True))
    if min(expression["eyeBlinkLeft"], expression["eyeBlinkRight"]) > 0.55:
        raise FaceUnusable("the eyes are closed; use a picture with open eyes")
    if expression["jawOpen"] > 0.35:
        yield "the mouth is wide open; a picture with a calm face looks better"
