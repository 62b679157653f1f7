"""Occluders whose network is in the store: it says of each pixel whether it is the face's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil

from visard.engines import Engine, load
from visard.models.align import Matrix, crop, invert
from visard.models.face import Face, Image, Landmarks
from visard.models.occlude._things import Mask, inside, things
from visard.models.occlusion import Occlusion
from visard.models.sample_faces import sample_faces
from visard.models.store import open_store

_SLIVER = 40
"""Widths of a sliver in a crop: what is thinner lies between the outline and where the network sees it."""


@dataclass(frozen=True, slots=True)
class PublishedOccluder:
    """A family of networks: the first that is in the store is opened."""

    name: str
    summary: str
    models: tuple[str, ...]
    side: int
    matrix: Callable[[Landmarks], Matrix]
    """From landmarks to the crop that the networks want."""
    write: Callable[[Path, Path], None]
    """Writes what runs, of a published file: crop, uint8 [1, S, S, 3] -> uint8 [1, S, S], 255 in front."""
    version: int = 1
    """Goes up with what is written."""

    def open(self, *, wait: bool = True) -> "PublishedOcclusion":
        """Load the network. Raises ModelMissing with the command that gets it, and ModelRefused."""
        store = open_store()
        name = store.choose(self.models)
        source = store.path(name)
        path = store.exported(source, f"{name}-{self.version}", lambda made: self.write(source, made))
        samples = [
            (crop(picture, self.matrix(face.landmarks), self.side)[None],) for picture, face in sample_faces()
        ]
        cores = psutil.cpu_count(logical=False) or 1
        return PublishedOcclusion(self, load(path, threads=cores, samples=samples, wait=wait, isolated=True))


class PublishedOcclusion:
    """Finds what is in front of faces, in every frame anew."""

    def __init__(self, occluder: PublishedOccluder, engine: Engine) -> None:
        self._occluder, self._engine = occluder, engine

    def forget(self) -> None:
        """Nothing is learned about drivers."""

    def __call__(self, image: Image, faces: Sequence[Face]) -> list[Occlusion | None]:
        """Return what is in front of each face."""
        return [self._find(image, face) for face in faces]

    def _find(self, image: Image, face: Face) -> Occlusion | None:
        side, matrix = self._occluder.side, self._occluder.matrix(face.landmarks)
        seen = self._look(crop(image, matrix, side)).reshape(side, side)
        oval = inside(matrix, face, side)
        thick = np.ones((max(3, side // _SLIVER),) * 2, np.uint8)
        mask = things(np.asarray(cv2.morphologyEx(seen & oval, cv2.MORPH_OPEN, thick), np.uint8), oval)
        return Occlusion(mask, invert(matrix).astype(np.float32)) if mask.any() else None

    def _look(self, cut: Image) -> Mask:
        (seen,) = self._engine(cut[None])
        return np.asarray(seen, np.uint8)
