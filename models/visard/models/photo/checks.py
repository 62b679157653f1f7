"""Judges a photo's face: what a persona made from it could not be is refused, what would look less good said.

Limits were set on about 120 faces, real and generated, and on copies of them that were darkened, blurred,
tinted, lit from the side, or given glasses and fringes.
"""

from collections.abc import Iterator

import numpy as np

from visard.models.blendshapes import NAMES
from visard.models.errors import FaceUnusable
from visard.models.face import IRIS_LEFT, IRIS_RIGHT, NOSE_TIP, Face, Image
from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER
from visard.models.geometry.pose import fit_pose
from visard.models.photo import measures
from visard.models.photo.remark import Remark


def judge(image: Image, face: Face) -> Iterator[Remark]:
    """Yield remarks on a face of a picture; raise FaceUnusable for what no swapper could repair."""
    yield from _size(face)
    yield from _place(image, face)
    yield from _pose(face)
    texture = measures.unrolled(image, face)
    exposed = list(_exposure(texture))
    yield from exposed
    yield from _covered(texture)
    yield from _look(image, face, texture, well_exposed=not exposed)


def apart(face: Face) -> float:
    """Return the distance of the eyes in pixels."""
    return float(np.linalg.norm(face.landmarks[IRIS_LEFT] - face.landmarks[IRIS_RIGHT]))


def _size(face: Face) -> Iterator[Remark]:
    pixels = f"{apart(face):.0f} pixels between the eyes"
    if apart(face) < 24:
        raise FaceUnusable(f"the face is too small: {pixels}; 24 are needed, 60 look good")
    if apart(face) < 60:
        yield Remark("small", f"the face is small ({pixels}); it will look soft from near")


def _place(image: Image, face: Face) -> Iterator[Remark]:
    outside = measures.outside(image, face.landmarks)
    eyes = min(outside[ring].mean() for ring in (EYE_RING_LEFT, EYE_RING_RIGHT))
    if max(eyes, outside[[NOSE_TIP, *LIPS_OUTER]].mean() / 3) > 0.1:
        raise FaceUnusable("the picture's edge cuts nose, mouth or both eyes; use one with the whole face")
    if outside.mean() > 0.01:
        yield Remark("cut", "the picture's edge cuts the face; what is missing is guessed")


def _pose(face: Face) -> Iterator[Remark]:
    yaw, pitch, _ = fit_pose(face.landmarks).degrees
    if abs(yaw) > 40 or abs(pitch) > 40:
        turn = max(abs(yaw), abs(pitch))
        raise FaceUnusable(f"the head is turned {turn:.0f} degrees; use a picture taken from the front")
    if abs(yaw) > 18:
        text = f"the head is turned {abs(yaw):.0f} degrees; one side of the face is guessed from the other"
        yield Remark("turned", text)
    expression = dict(zip(NAMES, face.blendshapes, strict=True))
    if min(expression["eyeBlinkLeft"], expression["eyeBlinkRight"]) > 0.55:
        raise FaceUnusable("the eyes are closed; use a picture with open eyes")
    if expression["jawOpen"] > 0.35:
        yield Remark("mouth", "the mouth is wide open; a picture with a calm face looks better")


def _exposure(texture: Image) -> Iterator[Remark]:
    brightest, clipped = measures.brightest(texture), measures.clipped(texture)
    if brightest < 36:
        raise FaceUnusable("the face is too dark to be seen; use a picture with more light")
    if clipped > 0.8:
        raise FaceUnusable("most of the face is plain white; use a picture with less light")
    if brightest < 100:
        yield Remark("dark", "the picture is under-exposed; colours are faint and noise will show")
    if clipped > 0.12:
        yield Remark("bright", "the picture is over-exposed; the skin has white spots without any detail")


def _covered(texture: Image) -> Iterator[Remark]:
    if measures.lens_darkness(texture) > measures.DARK_LENS:
        yield Remark("sunglasses", "sunglasses hide the eyes; what is below them cannot be made up well")
    elif measures.bridge(texture) > measures.BRIDGE:
        yield Remark("glasses", "there are glasses in the picture; they are painted out, which leaves traces")
    if measures.streaks(texture) > measures.STREAKS:
        yield Remark("fringe", "hair or a cap covers the forehead; it is painted over with skin")


def _look(image: Image, face: Face, texture: Image, *, well_exposed: bool) -> Iterator[Remark]:
    if apart(face) >= 60 and measures.blur(texture) > 0.36:
        yield Remark("blurred", "the picture is blurred; the face will look soft")
    if abs(measures.side_light(texture)) > 0.72:
        yield Remark("side-light", "hard light comes from one side; it is evened out as well as can be")
    if not well_exposed:
        return
    monochrome = measures.monochrome(texture)
    if measures.flat(image, face) > (0.9 if monochrome else 0.75):
        yield Remark("drawing", "this seems to be a drawing; a photo looks better")
    if monochrome:
        yield Remark("grey", "the picture has no colours; those of the skin are guessed")
    elif measures.tinted(texture):
        yield Remark("tinted", "the picture has a strong tint; it is taken off as well as can be")
