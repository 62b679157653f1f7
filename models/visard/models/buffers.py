"""Buffers that are used again: touching fresh memory costs more than filling it."""

import math

import numpy as np
import numpy.typing as npt


class Buffers:
    """Named arrays that grow when needed; one that was given is valid until its name is asked again."""

    def __init__(self) -> None:
        self._bytes: dict[str, npt.NDArray[np.uint8]] = {}

    def bytes(self, name: str, *shape: int) -> npt.NDArray[np.uint8]:
        """Return a uint8 array of this shape with undefined content."""
        needed = math.prod(shape)
        if name not in self._bytes or self._bytes[name].size < needed:
            self._bytes[name] = np.empty(needed, np.uint8)
        return self._bytes[name][:needed].reshape(shape)

    def words(self, name: str, *shape: int) -> npt.NDArray[np.uint16]:
        """Return a uint16 array of this shape with undefined content."""
        return self.bytes(name, *shape[:-1], shape[-1] * 2).view(np.uint16)

    def floats(self, name: str, *shape: int) -> npt.NDArray[np.float32]:
        """Return a float32 array of this shape with undefined content."""
        return self.bytes(name, *shape[:-1], shape[-1] * 4).view(np.float32)
