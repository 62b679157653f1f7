"""Swappers: replace the face inside the driver's frame. A module here with ``swapper`` is found by itself."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from visard.engines.plugins import Registry
from visard.models.face import Face, Image
from visard.models.portrait import Portrait


@dataclass(frozen=True, slots=True)
class Patch:
    """A swapped crop, ready to be blended into the frame it came from."""

    image: Image
    mask: npt.NDArray[np.uint8]
    """How much of the patch shows, uint8 [height, width], 0..255."""
    matrix: npt.NDArray[np.float32]
    """Affine map from patch pixels to frame pixels, float32 [2, 3]; a pure translation is blended fastest."""
    under: "Under | None" = None
    """What takes the frame's place below the patch; None: the frame as it is."""


@dataclass(frozen=True, slots=True)
class Under:
    """The driver's own pixels, moved to fit below a patch. Equal to the frame along its border."""

    image: Image
    x: int
    """Column of its left edge in the frame; it lies wholly inside."""
    y: int


class Swap(Protocol):
    """A swapper prepared for one persona. Keeps state per face id; not thread-safe."""

    def __call__(self, image: Image, face: Face, *, relight: bool = True) -> Patch:
        """Swap one face of ``image``; with ``relight`` the swapper matches the scene's light and colour.

        The patch is valid until the next call.
        """
        ...

    def forget(self) -> None:
        """Drop what was learned about the drivers (on calibration or a new source)."""
        ...


class Swapper(Protocol):
    """A way to swap."""

    name: str
    summary: str

    def prepare(self, portrait: Portrait) -> Swap:
        """Make everything that can be made once per persona; may take seconds."""
        ...


swappers: Registry[Swapper] = Registry("visard.models.swap", "swapper")
