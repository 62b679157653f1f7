"""Sets of generated faces to train with: an oval with eyes and a mouth, another colour for each person."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

SIDE = 96


class AlignedFace(NamedTuple):
    picture: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray


@dataclass(frozen=True)
class GeneratedFaces:
    """``count`` faces of one person, which the seed decides; mouths and gazes differ."""

    count: int = 12
    seed: int = 0
    side: int = SIDE

    def __len__(self) -> int:
        return self.count

    def face(self, index: int) -> AlignedFace:
        generator = np.random.default_rng([self.seed, index])
        skin = np.random.default_rng(self.seed).uniform(70, 230, 3)
        side, middle = self.side, self.side / 2
        picture = np.full((side, side, 3), generator.uniform(0, 255, 3), np.uint8)
        mask = np.zeros((side, side), np.uint8)
        oval = ((middle, middle), (side * 0.55, side * 0.75), generator.uniform(-6, 6))
        cv2.ellipse(mask, oval, 255, -1, cv2.LINE_AA)
        cv2.ellipse(picture, oval, skin.tolist(), -1, cv2.LINE_AA)
        look, opened = generator.uniform(-3, 3), generator.uniform(1, side * 0.08)
        for x in (-0.13, 0.13):
            centre = int(middle + x * side), int(side * 0.42)
            cv2.circle(picture, centre, side // 16, (240, 240, 240), -1, cv2.LINE_AA)
            cv2.circle(picture, (int(centre[0] + look), centre[1]), side // 32, (20, 20, 20), -1, cv2.LINE_AA)
        mouth = (int(middle), int(side * 0.68))
        cv2.ellipse(picture, mouth, (side // 7, int(opened)), 0, 0, 360, (40, 30, 120), -1, cv2.LINE_AA)
        return AlignedFace(picture, mask, landmarks(side))


def landmarks(side: int) -> np.ndarray:
    """68 points where the drawing has eyes, nose and mouth."""
    points = np.full((68, 2), 0.5, np.float32)
    around = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    for begin, x in ((36, 0.37), (42, 0.63)):
        points[begin : begin + 6] = np.stack(
            [x + 0.06 * np.cos(around + np.pi), 0.42 + 0.04 * np.sin(around)], 1
        )
    points[36], points[45] = (0.31, 0.42), (0.69, 0.42)
    around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    points[48:60] = np.stack([0.5 + 0.14 * np.cos(around), 0.68 + 0.06 * np.sin(around)], 1)
    points[30] = 0.5, 0.55
    return points * side
