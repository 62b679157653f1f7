"""Puppet: a portrait as a bent sheet in front of its background, with eyeballs and a mouth below the skin.

No network runs per frame. The driver's turn, shift, lean and expression since a neutral reference move the
portrait's own landmarks; the picture follows them.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.animate.puppet.eyeballs import EYES, Eye, Eyeball
from visard.models.animate.puppet.layer import plane, polygon
from visard.models.animate.puppet.matte import behind, fill, person
from visard.models.animate.puppet.motion import (
    SETTLING,
    DriverReference,
    SettlingReference,
    expression,
    head_pose,
)
from visard.models.animate.puppet.mouth import LOWER, UPPER, Mouth
from visard.models.animate.puppet.sheet import Sheet
from visard.models.blendshapes import NAMES
from visard.models.face import Face, Image, Landmarks
from visard.models.geometry.canonical import LIPS_INNER, OVAL, canonical
from visard.models.geometry.expression import displacement
from visard.models.geometry.mismatch import mismatch
from visard.models.geometry.pose import Pose, facing, fit_pose
from visard.models.geometry.raster import Raster
from visard.models.portrait import Portrait, examine
from visard.models.processor import Done, Kind, Material, NoOptions, Patch, ProcessorFailed, Report

Floats = npt.NDArray[np.float32]

_LARGEST = (1280, 720)
"""Pixels of the longer and shorter side that a portrait is cut down to."""
_SHUT = 0.3
"""A lid gap, as a share of the reference's, at which an eye counts as closed."""


_STICKY = 0.15
"""A gap of the lips in centimetres below which they are drawn nearer together."""

_AWAY = 0.35
"""Skin that faces the viewer less than this shows nothing of itself in a portrait."""
_PARTED = 0.05
"""A gap of the portrait's lips over their width below which its mouth is closed."""


class PuppetAnimation:
    """One portrait, ready to move. Not thread-safe."""

    settles = SETTLING

    def __init__(self, portrait: Portrait) -> None:
        portrait = portrait.within(*_LARGEST)
        image, face = portrait.image, portrait.face
        self._points = face.landmarks
        self._pose = fit_pose(self._points)
        self._shape = self._pose.upright(self._points)
        self._rest = _at_rest(self._shape, face.blendshapes)
        self._reach = 0.35 * face.size
        seen = person(image, face)
        opacity = np.maximum(seen, polygon(image.shape, self._points[OVAL, :2]))
        background = behind(image, opacity, face.size)
        self._sheet = Sheet(_skin(image, self._points, seen), background, opacity, self._points, self._pose)
        self._eyeballs = [Eyeball(image, self._points, eye) for eye in EYES]
        self._mouth = Mouth(image, self._points, self._pose)
        self._reference: DriverReference | None = None
        self._settling: SettlingReference | None = None
        self._calibrating: bool | None = None
        self._closed = False
        self.size = image.shape[1], image.shape[0]
        self.bytes = 24 * image.shape[0] * image.shape[1]  # the layers and the map

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Done:  # noqa: ARG002
        """Move the portrait; nothing of ``picture`` is looked at."""
        if self._closed:
            raise ProcessorFailed("this persona was closed")
        (driver,) = faces
        if self._calibrating is not None:
            self._take(driver, chosen=self._calibrating)
            self._calibrating = None
        return Done((Patch.whole(self(driver)),))

    def adjust(self, options: NoOptions) -> bool:  # noqa: ARG002
        """There is nothing to adjust."""
        return True

    def forget(self) -> None:
        """Nothing is learned but the reference, which ``calibrate`` replaces."""

    def close(self) -> None:
        """Move no more; the memory goes with the last reference."""
        self._closed = True

    def __call__(self, driver: Face) -> Image:
        """Return the portrait moved by the driver; the array is reused."""
        reference = self._referred(driver)
        seen = fit_pose(driver.landmarks)
        pose = head_pose(self._pose, reference.pose, seen, self._reach)
        moved = expression(reference, driver, seen, self._rest)
        driven = seen.upright(driver.landmarks)
        shape = self._rest + moved
        for eye in EYES:
            _move_lids(shape, self._shape, moved, eye, reference.shape, driven)
        _part_lips(shape)
        points = pose.picture(shape)
        out = self._sheet.draw(points, pose)
        self._draw_eyes(out, points, moved, pose, _look(reference.shape, driven))
        self._draw_mouth(out, points, pose)
        return out

    def calibrate(self, *, chosen: bool = True) -> None:
        """Take the next frame's driver as neutral, exactly as it is if it was ``chosen``.

        Else a strong expression or a turned head is taken off it, and calmer ones of the next frames count
        more.
        """
        self._calibrating = chosen

    def _take(self, driver: Face, *, chosen: bool) -> None:
        self._reference = DriverReference.exact(driver) if chosen else None
        self._settling = None if chosen else SettlingReference(driver)

    def _referred(self, driver: Face) -> DriverReference:
        """The neutral frame: the one that was chosen, or what is known of it so far."""
        if self._reference is not None:
            return self._reference
        self._settling = self._settling or SettlingReference(driver)
        return self._settling(driver)

    def mismatch(self, driver: Face) -> float:
        """How far the driver's shape is from the portrait's: 0 is equal, about 0.1 is good."""
        return mismatch(driver.landmarks, self._points)

    def _draw_eyes(self, out: Image, points: Landmarks, moved: Landmarks, pose: Pose, look: Floats) -> None:
        for eye, eyeball in zip(EYES, self._eyeballs, strict=True):
            corners = list(eye.corners)
            socket = plane(self._pose, pose, float(self._shape[corners, 2].mean()))
            slide = np.array([*moved[corners, :2].mean(0), 0], np.float32)
            turn = np.array([*(look * eye.width(self._shape)), 0], np.float32)
            socket[:, 2] += pose.turn(slide[None])[0, :2]
            eyeball.draw(out, points[list(eye.ring), :2], socket, pose.turn(turn[None])[0, :2])

    def _draw_mouth(self, out: Image, points: Landmarks, pose: Pose) -> None:
        skull = plane(self._pose, pose, self._mouth.depth)
        lip = self._points[LOWER[4], :2]
        jaw = points[LOWER[4], :2] - (skull[:, :2] @ lip + skull[:, 2])
        self._mouth.draw(out, points[LIPS_INNER, :2], skull, jaw)


def _skin(image: Image, points: Landmarks, opacity: Floats) -> Image:
    """The portrait with eyes and mouth grown over; what is in them lies below and is drawn there.

    The seams are dark, as the line between closed lips and the lashes of closed eyes are.
    """
    skin = _far_cheek(image.astype(np.float32), points, opacity)
    seams = [(list(eye.ring), 0.85) for eye in EYES]
    if np.linalg.norm(points[UPPER] - points[LOWER], axis=1).max() > _PARTED * np.ptp(points[LIPS_INNER, 0]):
        seams.append((LIPS_INNER, 0.65))
    for ring, shade in seams:
        corners = points[ring, :2]
        wide = max(3, round(float(np.ptp(corners[:, 0])) / 20)) | 1
        hole = polygon(image.shape, corners)
        inside = np.asarray(cv2.dilate(hole, np.ones((wide, wide), np.uint8)), np.float32)
        seam = cv2.GaussianBlur(cv2.dilate(hole, np.ones((3, 3), np.uint8)), (0, 0), wide / 6)[..., None]
        skin += (fill(skin, 1 - inside) * shade - skin) * seam
    return np.asarray(np.round(skin), np.uint8)


def _far_cheek(skin: Floats, points: Landmarks, opacity: Floats) -> Floats:
    """Let the cheek go on where it turns away: along there the landmarks lie on what is behind it."""
    side = np.repeat(facing(fit_pose(points))[:, None], 3, 1)
    height, width = skin.shape[:2]
    drawn = Raster(canonical().triangles, width, height)(points[:468], side, background=-2.0)[..., 0]
    soft = max(1.0, float(np.ptp(points[:, 0])) / 80)
    rim = 2 * round(3 * soft) + 1
    beside = (drawn < 2 * _AWAY) & (cv2.erode(opacity, np.ones((rim, rim), np.uint8)) < 0.9)
    away = ((drawn < _AWAY) | beside) & (drawn > -2)
    around = cv2.dilate(away.astype(np.uint8), np.ones((rim, rim), np.uint8))
    known = ((drawn > -2) & (around == 0)).astype(np.float32)
    share = cv2.GaussianBlur(away.astype(np.float32), (0, 0), soft)[..., None]
    return np.asarray(skin + (fill(skin, known) - skin) * share, np.float32)


def _look(reference: Landmarks, driven: Landmarks) -> Floats:
    """How far the gaze has moved since the reference, in eye widths, float32 [2]; both eyes together."""
    change = np.mean([eye.gaze(driven) - eye.gaze(reference) for eye in EYES], axis=0)
    return np.asarray(np.clip(change, (-0.3, -0.15), (0.3, 0.15)), np.float32)


def _move_lids(
    shape: Landmarks, own: Landmarks, moved: Landmarks, eye: Eye, reference: Landmarks, driven: Landmarks
) -> None:
    """Open or close the lids of ``shape`` as far as the driver's, so that shut is shut."""
    share = eye.openness(driven) / max(eye.openness(reference), 0.05)
    share = float(np.clip((share - _SHUT) / (1 - _SHUT), 0, 1.4))
    slide = moved[list(eye.corners)].mean(0)
    upper, lower = own[eye.upper] + slide, own[eye.lower] + slide
    meet = lower + 0.2 * (upper - lower)
    shape[eye.upper] = meet + (upper - meet) * share
    shape[eye.lower] = meet + (lower - meet) * share


def _part_lips(shape: Landmarks) -> None:
    """Keep the lips from passing through each other, and let them stick together until really parted."""
    gap = shape[LOWER, 1] - shape[UPPER, 1]
    wanted = np.clip(gap, 0, None) * np.clip(gap / _STICKY, 0, 1)
    shape[UPPER, 1] += (gap - wanted) / 2
    shape[LOWER, 1] -= (gap - wanted) / 2


def _at_rest(shape: Landmarks, coefficients: Floats) -> Landmarks:
    """The portrait's shape without its smile and with closed lips, so that the driver's mouth is free."""
    mouth = np.array([name.startswith(("mouth", "jaw")) for name in NAMES])
    rest = shape - displacement(np.where(mouth, coefficients, 0).astype(np.float32))
    middle = (rest[UPPER] + rest[LOWER]) / 2
    rest[UPPER], rest[LOWER] = middle, middle
    return rest


class Puppet:
    """The animator."""

    name = "puppet"
    summary = "bends one portrait like a sheet; no training, a few milliseconds on a CPU"
    kind: Kind = "animate"
    accepts = frozenset({"photo"})
    quality = 40
    Options = NoOptions

    def check(self, material: Material) -> tuple[str, ...]:
        """Examine the photo."""
        return examine(material.photos[0]).warnings

    def prepare(self, material: Material, options: NoOptions, report: Report) -> PuppetAnimation:  # noqa: ARG002
        """Cut the person out, draw in the background, and take eyes and mouth apart."""
        report(0.1, "reading the portrait")
        portrait = examine(material.photos[0])
        report(0.5, "taking the portrait apart")
        return PuppetAnimation(portrait)


processor = Puppet()
