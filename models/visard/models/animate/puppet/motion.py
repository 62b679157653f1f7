"""What the driver does, relative to a neutral reference, put on the portrait's own shape."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.blendshapes import NAMES
from visard.models.face import Face, Landmarks
from visard.models.geometry.canonical import BROW_LEFT, BROW_RIGHT, LIPS_INNER, LIPS_OUTER
from visard.models.geometry.expression import displacement
from visard.models.geometry.pose import Pose, canonical_upright, fit_pose

Floats = npt.NDArray[np.float32]

_CALM = np.array([0.1 if name.startswith(("jaw", "mouth")) else 0.3 for name in NAMES], np.float32)
"""Coefficients up to here can belong to a face at rest."""
_CALM_TURN = 10.0
"""Degrees from the front that a head at rest can be turned, seen by its camera."""
_FREE_TURN, _MOST_TURN = 18.0, 32.0
"""Degrees from the portrait's pose up to which the head follows fully, and that it never passes."""
_FREE_FRONT, _MOST_FRONT = 26.0, 38.0
"""The same from the front, where the portrait itself is not turned further."""

SETTLING = 120
"""Frames over which the neutral reference is learned when nobody chose it."""
_SLEW = 0.08
"""Share of the way to a calmer frame that the reference goes at once."""
_FLAT = 0.6
"""How much of a landmark's motion in depth is believed; it is the least certain part."""
_FREE_RISE, _MOST_RISE = 0.2, 0.38
"""How far the lip comes to the nose, as shares of their distance: fully followed, and never passed."""


@dataclass(frozen=True, slots=True)
class DriverReference:
    """The driver's neutral frame."""

    pose: Pose
    shape: Landmarks
    """Upright centimetres."""
    coefficients: Floats

    @classmethod
    def exact(cls, face: Face) -> "DriverReference":
        """This very frame is neutral."""
        pose = fit_pose(face.landmarks)
        return cls(pose, pose.upright(face.landmarks), face.blendshapes)

    @classmethod
    def estimated(cls, face: Face) -> "DriverReference":
        """What the neutral frame of this driver may look like: a strong expression or turn is taken off."""
        seen = cls.exact(face)
        calm = np.minimum(face.blendshapes, _CALM)
        shape = seen.shape - displacement(face.blendshapes - calm)
        rest = _turned(seen.pose.rotation, min(1.0, _CALM_TURN / max(_angle(seen.pose.rotation), 1e-6)))
        return cls(Pose(seen.pose.scale, rest, seen.pose.shift), shape, calm)

    def towards(self, other: "DriverReference", share: float) -> "DriverReference":
        """Go a share of the way to another reference."""
        ours, theirs = self.pose, other.pose
        rotation = _turned(theirs.rotation @ ours.rotation.T, share) @ ours.rotation
        scale = ours.scale + share * (theirs.scale - ours.scale)
        shift = ours.shift + np.float32(share) * (theirs.shift - ours.shift)
        return DriverReference(
            Pose(scale, rotation.astype(np.float32), shift),
            self.shape + np.float32(share) * (other.shape - self.shape),
            self.coefficients + np.float32(share) * (other.coefficients - self.coefficients),
        )


class SettlingReference:
    """The neutral frame of a driver who chose none: the calmest of the first seconds counts most.

    It moves towards what it learns, so that the portrait does not jump when a grimace ends.
    """

    def __init__(self, first: Face) -> None:
        self.now = DriverReference.estimated(first)
        self._weight = _calmness(first)
        self._frames = 0

    def __call__(self, driver: Face) -> DriverReference:
        """Take one more frame into account and return the reference so far."""
        self._frames += 1
        if self._frames < SETTLING:
            weight = _calmness(driver)
            self._weight += weight
            share = min(weight / self._weight, _SLEW)
            self.now = self.now.towards(DriverReference.estimated(driver), share)
        return self.now


def _calmness(face: Face) -> float:
    """How much a frame says about the face at rest, 0..1."""
    strongest = float(np.maximum(face.blendshapes - _CALM, 0).max())
    turned = _angle(fit_pose(face.landmarks).rotation) / 30
    return float(np.exp(-5 * strongest - turned**2))


def soften(value: float, free: float, most: float) -> float:
    """Return ``value`` up to ``free``, and beyond that ever less, never past ``most``."""
    size = abs(value)
    if size <= free:
        return value
    return float(np.sign(value) * (free + (most - free) * np.tanh((size - free) / (most - free))))


def _angle(rotation: Floats) -> float:
    """Degrees."""
    return float(np.degrees(np.linalg.norm(cv2.Rodrigues(rotation)[0])))


def _turned(rotation: Floats, share: float) -> Floats:
    """A share of a rotation, about the same axis."""
    return np.asarray(cv2.Rodrigues(cv2.Rodrigues(rotation)[0] * share)[0], np.float32)


def _limited(rotation: Floats, free: float, most: float) -> Floats:
    """A rotation about the same axis that never passes ``most`` degrees."""
    angle = _angle(rotation)
    return _turned(rotation, soften(angle, free, most) / max(angle, 1e-6))


def head_pose(portrait: Pose, reference: Pose, driver: Pose, reach: float) -> Pose:
    """The portrait's pose after the driver's turn, shift and lean since the reference.

    ``reach`` is how far the head may move in the picture, in pixels.
    """
    turn = _limited(driver.rotation @ reference.rotation.T, _FREE_TURN, _MOST_TURN)
    own = max(0.0, _angle(portrait.rotation) + 4 - _FREE_FRONT)
    rotation = _limited(turn @ portrait.rotation, _FREE_FRONT + own, _MOST_FRONT + own)
    scale = portrait.scale * float(np.exp(soften(float(np.log(driver.scale / reference.scale)), 0.12, 0.25)))
    shift = (driver.shift - reference.shift) * (portrait.scale / reference.scale)
    shift = np.array([soften(float(v), reach / 2, reach) for v in shift[:2]] + [0])
    return Pose(scale, rotation.astype(np.float32), (portrait.shift + shift).astype(np.float32))


@cache
def _faith() -> Floats:
    """How far each landmark follows the driver's own landmark rather than the table, [478, 1], 0..1.

    The network's landmarks are exact at lips, eyes and brows; along the outline they slide as the head turns.
    """
    points = canonical_upright()[:, :2]
    exact = points[LIPS_INNER + LIPS_OUTER + BROW_LEFT + BROW_RIGHT + [33, 133, 159, 145, 263, 362, 386, 374]]
    apart = np.linalg.norm(points[:, None] - exact[None], axis=2).min(1)
    faith = np.clip(1.2 - apart / 2.5, 0.6, 1)
    return np.concatenate([faith, np.ones(10)]).astype(np.float32)[:, None]


@cache
def _around_the_mouth() -> Floats:
    """1 at the lips, 0 from the nose up and at the chin, float32 [478, 1]."""
    down = canonical_upright()[:, 1]
    weight = np.clip((down - 1.5) / 1.7, 0, 1) * np.clip((8 - down) / 2, 0, 1)
    return np.concatenate([weight, np.zeros(10)]).astype(np.float32)[:, None]


def expression(reference: DriverReference, driver: Face, pose: Pose, own: Landmarks) -> Landmarks:
    """How far the driver's expression moves each landmark of the portrait's ``own`` upright shape.

    Returns float32 [478, 3], upright centimetres.
    """
    table = displacement(driver.blendshapes - reference.coefficients)
    seen = pose.upright(driver.landmarks) - reference.shape
    moved = table + _faith() * (seen - table)
    moved[:468, 2] *= _FLAT
    lip, nose = LIPS_INNER[5], 2
    room = float(own[lip, 1] - own[nose, 1])
    rise = float(moved[nose, 1] - moved[lip, 1])
    moved[:, 1:2] += (rise - soften(rise, _FREE_RISE * room, _MOST_RISE * room)) * _around_the_mouth()
    return np.asarray(moved, np.float32)
