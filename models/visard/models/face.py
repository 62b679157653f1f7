"""A face found in a frame."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from visard.models.occlusion import Occlusion

Image = npt.NDArray[np.uint8]
"""Picture, uint8 [height, width, 3], BGR."""

Landmarks = npt.NDArray[np.float32]
"""MediaPipe's 478 points, float32 [478, 3]: x right, y down, z away from the viewer, all in frame pixels."""

# Indices into Landmarks. Left and right are the picture's, not the person's.
EYE_LEFT, EYE_RIGHT = 33, 263
IRIS_LEFT, IRIS_RIGHT = 468, 473
NOSE_TIP, MOUTH_LEFT, MOUTH_RIGHT, CHIN, FOREHEAD = 1, 61, 291, 152, 10


@dataclass(frozen=True, slots=True)
class Face:
    """One driver or portrait face; ``id`` stays the same while the tracker follows it."""

    id: int
    landmarks: Landmarks
    blendshapes: npt.NDArray[np.float32]
    """The 52 ARKit coefficients, float32 [52], 0..1; the order is ``blendshapes.NAMES``."""
    presence: float = 1.0
    """The landmark network's belief that this is a face, 0..1."""
    raw: Landmarks | None = field(default=None, repr=False)
    """The landmarks before smoothing, where the tracker smoothed them."""
    occlusion: Occlusion | None = field(default=None, repr=False)
    """What is in front of it, where somebody looked and found something."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Bounding box of the landmarks: left, top, right, bottom in pixels."""
        low, high = self.landmarks[:, :2].min(0), self.landmarks[:, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the box in pixels."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


@dataclass(frozen=True, slots=True)
class UntrackedFace:
    """A face without landmarks: only a detector sees it, or it was there and was not seen to leave."""

    id: int
    """Shared with faces: once it has landmarks it keeps its id, and once it has lost them too."""
    centre: tuple[float, float]
    """Where it was last, pixels."""
    size: float
    """Longer side of its box, pixels."""
    reach: float
    """Radius around the centre in which it is by now, with hair and chin, pixels."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the tracker saw in one frame."""

    faces: tuple[Face, ...]
    missing: tuple[int, ...] = ()
    """Faces that had landmarks before and have none now, until detectors have confirmed that they left."""
    looks: int = field(default=0, compare=False)
    """How often detectors have looked over the whole picture, up to this frame; ten a second at most."""
    untracked: tuple[UntrackedFace, ...] = ()
    """Every other face that is or may be in the picture, the missing ones among them."""

    @property
    def ids(self) -> frozenset[int]:
        """Return every face that is or may be in the picture."""
        others = (face.id for face in self.untracked)
        return frozenset((*(face.id for face in self.faces), *self.missing, *others))
