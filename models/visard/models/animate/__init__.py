"""Animators: move a still portrait with the driver's motion.

A module here with ``animator`` is found by itself.
"""

from typing import Protocol

from visard.engines.plugins import Registry
from visard.models.face import Face, Image
from visard.models.portrait import Portrait


class Animation(Protocol):
    """An animator prepared for one portrait. Keeps state; not thread-safe."""

    def __call__(self, driver: Face) -> Image:
        """Return the portrait moved by the driver, in the portrait's shape, which may be cut down in size.

        The first driver serves as the reference until ``calibrate`` was called. The array may be reused.
        """
        ...

    def calibrate(self, driver: Face) -> None:
        """Take this frame's driver as the neutral reference."""
        ...

    def mismatch(self, driver: Face) -> float:
        """How far the driver's shape is from the portrait's: 0 is equal, about 0.1 is good (shown x100)."""
        ...


class Animator(Protocol):
    """A way to animate."""

    name: str
    summary: str

    def prepare(self, portrait: Portrait) -> Animation:
        """Make everything that can be made once per portrait; may take seconds."""
        ...


animators: Registry[Animator] = Registry("visard.models.animate", "animator")
