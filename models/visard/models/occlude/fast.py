"""``fast``: a small network that ships with Visard, trained on things drawn over people who do not exist."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.align import align, crop, invert
from visard.models.bundled import network
from visard.models.face import Face, Image
from visard.models.occlude._things import Mask, inside, things
from visard.models.occlusion import Occlusion

SIDE = 160
"""Width and height in pixels of what the network sees and says."""
COVERAGE, OFFSET = 1.8, (0.0, 0.06)
"""How much around a face it sees, as ``align`` has it."""

_FADE = 0.35
"""How much of what was in front a frame ago still is, at most: fingers do not flicker."""

_LOOK_EVERY = 4
"""Frames between two looks at a face that nothing is in front of and that looks the same."""
_CHANGED = 10
"""Grey levels by which a block of a face differs that looks otherwise.

What covers another hundredth of a face changes a block by 23 and more, a fingertip by less; of bare faces,
which talk and turn, more than half of the frames differ by less than 10 from the one before.
"""

Blocks = npt.NDArray[np.int16]


@dataclass(slots=True)
class _Bare:
    """How a face looked when nothing was in front of it."""

    blocks: Blocks
    frames: int = 0
    """Since then."""

    def still(self, blocks: Blocks, inside: npt.NDArray[np.bool_]) -> bool:
        """Whether it looks the same, so that nothing can have come, and was looked at lately."""
        self.frames += 1
        change = np.abs(blocks - self.blocks).max(-1)[inside]
        return self.frames < _LOOK_EVERY and int(change.max(initial=0)) < _CHANGED


class FastOcclusion:
    """Finds it in about 2 ms a face, 1 ms of that in the network in bf16; .3 ms where nothing changed."""

    def __init__(self, *, wait: bool = True) -> None:
        self._engine = network("occlusion", precision="auto", wait=wait)
        self.forget()

    def forget(self) -> None:
        """Drop what was in front before."""
        self._before: dict[int, Mask] = {}
        self._bare: dict[int, _Bare] = {}

    def __call__(self, image: Image, faces: Sequence[Face]) -> list[Occlusion | None]:
        """Return what is in front of each face."""
        found = [self._find(image, face) for face in faces]
        self._before = {face.id: seen.mask for face, seen in zip(faces, found, strict=True) if seen}
        self._bare = {face.id: self._bare[face.id] for face in faces if face.id in self._bare}
        return found

    def _find(self, image: Image, face: Face) -> Occlusion | None:
        matrix = align(face.landmarks, SIDE, coverage=COVERAGE, offset=OFFSET)
        cut, oval = crop(image, matrix, SIDE), inside(matrix, face, SIDE)
        blocks, within = _blocks(cut), _blocks(oval) > 100
        known = self._bare.get(face.id)
        if known is not None and known.still(blocks, within):
            return None
        mask = self._look(cut, oval, self._before.get(face.id))
        self._bare.pop(face.id, None)
        if mask.any():
            return Occlusion(mask, invert(matrix).astype(np.float32))
        self._bare[face.id] = _Bare(blocks)
        return None

    def _look(self, cut: Image, oval: Mask, before: Mask | None) -> Mask:
        seen = np.asarray(self._engine(cut[None])[0], np.uint8).reshape(SIDE, SIDE)
        mask = things(seen, oval)
        return mask if before is None else np.maximum(mask, (before * _FADE).astype(np.uint8))


def _blocks(picture: npt.NDArray[np.uint8]) -> Blocks:
    """Means of blocks of 8 x 8 pixels, int16 [20, 20, ...]."""
    size = SIDE // 8, SIDE // 8
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.int16)


class Fast:
    """The occluder."""

    name = "fast"
    summary = "a small network that ships with Visard; 1 to 2 ms a face"

    def open(self, *, wait: bool = True) -> FastOcclusion:
        """Load the network."""
        return FastOcclusion(wait=wait)


occluder = Fast()
