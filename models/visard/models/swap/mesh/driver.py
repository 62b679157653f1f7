"""What is learned about one driver over time: neutral shape, light, hair over the face, glasses."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Face, Image, Landmarks
from visard.models.geometry.expression import displacement
from visard.models.geometry.pose import Pose
from visard.models.geometry.uv import Sampler, edge_distance, reduced
from visard.models.swap.mesh.beard import beard, driver_skin
from visard.models.swap.mesh.creases import SHADOW, Creases
from visard.models.swap.mesh.eyes import Lids
from visard.models.swap.mesh.glasses import SIDE as GLASSES_SIDE
from visard.models.swap.mesh.glasses import Spectacles
from visard.models.swap.mesh.light import SIDE, Colours, Relight, grey, smoothstep
from visard.models.swap.mesh.repair import MASK_SIDE, hair

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

ALPHA_SIDE = 192
"""Side of the mask on the texture plane: fine enough for the rim of glasses."""

_TURNED, _BACK = 36.0, 31.0
"""Degrees of yaw from which a photo of the front cannot look right, and below which it does again.

As the landmarks tell it: their 36 are about 50.
"""
_FADE = 6
"""Frames that the change takes."""
_NEUTRAL_FRAMES = 300
"""Frames over which a driver's neutral shape is averaged."""


class DriverState:
    """One driver, as far as a persona on top needs to know them."""

    def __init__(self, own: Image, before: "DriverState | None" = None) -> None:
        """``own`` is the persona's texture at the size of light; ``before`` was a face that is lost."""
        self._own = own
        self._relight = Relight(own)
        self._colours = Colours()
        self.monochrome = False
        self._creases = Creases()
        self.lids = Lids()
        self._neutral: Landmarks | None = None
        self._frames = 0
        self._hair = np.zeros((MASK_SIDE, MASK_SIDE), np.float32)
        self._gain: Floats | None = None
        self._looks = False
        self._turned = False
        self._doubt = 0.0
        self._spectacles: Spectacles = Spectacles(
            _sampler(GLASSES_SIDE), before._spectacles if before else None
        )

    def shape(self, face: Face, pose: Pose) -> Landmarks:
        """Take the face into account and return the neutral shape so far, upright centimetres."""
        now = pose.upright(face.landmarks) - displacement(face.blendshapes)
        self._frames = min(self._frames + 1, _NEUTRAL_FRAMES)
        known = now if self._neutral is None else self._neutral
        self._neutral = np.asarray(known + (now - known) / self._frames, np.float32)
        return self._neutral

    @property
    def neutral(self) -> Landmarks:
        """The neutral shape so far, upright centimetres; there is one after the first ``shape``."""
        assert self._neutral is not None, "shape was not called"
        return self._neutral

    def doubt(self, pose: Pose) -> float:
        """How little a swap can look right on the head as it is turned, 0..1, without flicker."""
        self._turned = abs(pose.degrees[0]) > (_BACK if self._turned else _TURNED)
        step = 1 / _FADE if self._turned else -1 / _FADE
        self._doubt = min(max(self._doubt + step, 0.0), 1.0)
        return self._doubt

    def surface(self, image: Image, face: Face, pose: Pose) -> tuple[Mask, Floats]:
        """Where the persona may show on the texture plane, uint8 [192, 192], and its light, [96, 96, 3].

        The light is the same object as long as it is the same light.

        What hangs or sits on the driver's face stays the driver's: a fringe, the rim of glasses.
        What is in front of the face says nothing about its light.
        """
        self._looks = not self._looks  # light and fringe change slowly: every other frame shows them
        if self._looks or self._gain is None:
            self._gain = self._look(image, face, pose)
        bare = cv2.resize(1 - self._hair, (ALPHA_SIDE, ALPHA_SIDE)) * _fade()
        frame = self._spectacles(image, face.landmarks[:468])
        if frame is not None:
            bare *= 1 - cv2.resize(frame, (ALPHA_SIDE, ALPHA_SIDE))
        return np.asarray(bare * 255, np.uint8), self._gain

    def _look(self, image: Image, face: Face, pose: Pose) -> Floats:
        """Learn where hair hangs and return the light with its creases; all averaged over some frames."""
        scene = _sampler(MASK_SIDE)(image, face.landmarks[:468, :2])
        small = reduced(scene, SIDE)
        if self._colours(small) is not self.monochrome:
            self.monochrome = self._colours.missing
            self._relight = Relight(np.asarray(grey(self._own), np.uint8) if self.monochrome else self._own)
        visible = None
        if face.occlusion is not None:
            visible = 1 - face.occlusion.at(_sampler(SIDE).lookup(face.landmarks[:468, :2]))
        skin = driver_skin(small, visible)
        self._hair += np.float32(0.4) * (hair(scene, skin) - self._hair)
        bare = 1 - self._hair
        if visible is not None:
            bare = bare * cv2.resize(visible, (MASK_SIDE, MASK_SIDE))
        creases = self._creases(skin.off(scene), bare, face, pose)
        light = self._relight(small, skin, visible, beard(skin.off(small)))
        broad = cv2.resize(light, (MASK_SIDE, MASK_SIDE))
        return np.asarray(broad * np.exp(creases[..., None] * SHADOW), np.float32)


@cache
def _sampler(side: int) -> Sampler:
    return Sampler(side)


@cache
def _fade() -> Floats:
    """The seam: 0 at the edge of the oval, 1 inside."""
    return smoothstep(edge_distance(ALPHA_SIDE), 0.0, 0.035)
