"""Which faces look like one that is there already."""

import numpy as np
import numpy.typing as npt

from visard.models.train.faces.index import Rows
from visard.models.train.faces.measures import HASH_BYTES, Hash, bits_apart

_BITS = 10
"""Bits of the hash within which two pictures look alike; frames of a still head differ by 2 to 7."""
_DEGREES, _EXPRESSION = 1.5, 0.12
"""Within which they show one pose and one expression: a blink changes a coefficient by 0.3 and more."""

Looks = npt.NDArray[np.floating]
"""Yaw and pitch in degrees and the 52 coefficients, [54]."""


class Duplicates:
    """Remembers faces by perceptual hash, pose and expression."""

    def __init__(self) -> None:
        self._count = 0
        self._hashes = np.zeros((256, HASH_BYTES), np.uint8)
        self._looks = np.zeros((256, 54), np.float32)

    def remember(self, rows: Rows) -> None:
        """Take in faces that are there already."""
        for row in rows:
            if np.isfinite(row["expression"]).all():
                looks = np.concatenate([[row["yaw"], row["pitch"]], row["expression"]])
                self._append(row["fingerprint"], looks)

    def add(self, fingerprint: Hash, looks: Looks) -> bool:
        """Remember a face unless it looks like one that is known; return whether it is new."""
        near = np.flatnonzero(bits_apart(fingerprint, self._hashes[: self._count]) <= _BITS)
        apart = np.abs(self._looks[near] - looks)
        if ((apart[:, :2] < _DEGREES).all(1) & (apart[:, 2:] < _EXPRESSION).all(1)).any():
            return False
        self._append(fingerprint, looks)
        return True

    def _append(self, fingerprint: Hash, looks: Looks) -> None:
        if self._count == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._looks = np.concatenate([self._looks, np.zeros_like(self._looks)])
        self._hashes[self._count], self._looks[self._count] = fingerprint, looks
        self._count += 1
