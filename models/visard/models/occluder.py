"""The interface of occluders, which find what is in front of faces, so that it stays there."""

from collections.abc import Sequence
from typing import Protocol

from visard.engines.plugins import Registry
from visard.models.face import Face, Image
from visard.models.occlusion import Occlusion


class OcclusionFinder(Protocol):
    """An opened occluder; keeps state per ``face.id``; one thread."""

    def __call__(self, image: Image, faces: Sequence[Face]) -> list[Occlusion | None]:
        """Return what is in front of each face of a BGR picture; None: nothing."""
        ...

    def forget(self) -> None:
        """Drop what was learned about the drivers."""
        ...


class Occluder(Protocol):
    """One way to find what is in front of faces."""

    name: str
    summary: str

    def open(self, *, wait: bool = True) -> OcclusionFinder:
        """Load what it needs; without ``wait`` at once, and a better engine takes over while it runs."""
        ...


occluders: Registry[Occluder] = Registry("visard.models.occlude", "occluder")
