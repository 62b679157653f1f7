"""What the step graph is told of the options and of how open eyes and lips are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visard.engines import Array
from visard.models.animate._animation import MotionKind
from visard.models.animate.liveportrait.options import LivePortraitOptions, Region
from visard.models.face import MOUTH_LEFT, MOUTH_RIGHT, Landmarks

CONTROLS = "pose", "scale", "moving", "stitching", "eyes", "lips", "closing", "multiplier"
"""Each 0 or 1 but for the last: the head turns and moves; it grows; keypoints follow the motion at all;
stitching; eyes and lips are retargeted; the portrait's lips are closed; how much larger all becomes."""
_LIP = 6, 12, 14, 17, 19, 20
_EYE = 11, 13, 15, 16, 18
_ABSOLUTE = {
    **dict.fromkeys((1, 2, 6, *range(11, 21)), (0, 1, 2)),
    3: (1,),
    4: (1,),
    5: (2,),
    8: (2,),
    9: (1, 2),
}
"""Axes of the points whose expression is the driver's in absolute motion; of others it shows identity."""
_OPEN = 0.03
"""Least ratio of lips that are open."""
_EYES = (33, 133, 159, 145), (362, 263, 386, 374)
"""Landmarks at the corners of each eye, and in the middle of its lids."""
_LIPS_MIDDLE = 13, 14


@dataclass(frozen=True, slots=True)
class Openness:
    """How open eyes and lips are: their height as a share of their width."""

    eyes: tuple[float, float]
    """Left and right in the picture."""
    lips: float

    @classmethod
    def of(cls, landmarks: Landmarks) -> "Openness":
        """Measure a face."""
        left, right = (_ratio(landmarks, high, low, *corners) for *corners, high, low in _EYES)
        return cls((left, right), _ratio(landmarks, *_LIPS_MIDDLE, MOUTH_LEFT, MOUTH_RIGHT))


def _ratio(landmarks: Landmarks, high: int, low: int, left: int, right: int) -> float:
    def length(one: int, other: int) -> float:
        return float(np.linalg.norm(landmarks[one, :2] - landmarks[other, :2]))

    return length(high, low) / (length(left, right) + 1e-6)


def region(options: LivePortraitOptions) -> npt.NDArray[np.float32]:
    """Return which expression moves, [1, 21, 3]."""
    mask = np.zeros((1, 21, 3), np.float32)
    match options.animation_region:
        case Region.lip | Region.eyes as part:
            mask[:, list(_LIP if part is Region.lip else _EYE)] = 1
        case Region.all | Region.exp if options.motion is MotionKind.relative:
            mask[:] = 1
        case Region.all | Region.exp:
            for point, axes in _ABSOLUTE.items():
                mask[:, point, list(axes)] = 1
        case Region.pose:
            pass
    return mask


def controls(options: LivePortraitOptions, source: Openness) -> npt.NDArray[np.float32]:
    """Return CONTROLS, [1, 8].

    Both of the driving options are the same: the reference's own keypoints are the portrait's, and so are
    their hulls, by which one of them would scale.
    """
    relative = options.motion is MotionKind.relative
    retargeting = options.eye_retargeting or options.lip_retargeting
    pose = options.animation_region in (Region.all, Region.pose)
    values = {
        "pose": pose,
        "scale": relative and options.animation_region is Region.all,
        "moving": not (relative and retargeting),
        "stitching": options.stitching,
        "eyes": options.eye_retargeting,
        "lips": options.lip_retargeting,
        "closing": options.normalize_lip and source.lips >= _OPEN and not retargeting,
        "multiplier": options.driving_multiplier,
    }
    return np.array([[float(values[name]) for name in CONTROLS]], np.float32)


def choices(options: LivePortraitOptions, source: Openness, driver: Openness) -> tuple[Array, ...]:
    """Return the step graph's last inputs."""
    ratios = np.array([[*source.eyes, driver.eyes[0], source.lips, driver.lips]], np.float32)
    return region(options), controls(options, source), ratios
