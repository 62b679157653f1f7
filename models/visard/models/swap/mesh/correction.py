"""A tuned correction: what is learned about one persona so that recognisers take the swap for them.

It is constant: an offset of the mesh and a pattern of light on the texture, both smooth, both put on once
when the persona is prepared. A frame costs no more with it than without.
"""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from visard.engines.file_access import read_plain
from visard.models.errors import ModelDamaged
from visard.models.face import Image
from visard.models.processor import Tuned

Floats = npt.NDArray[np.float32]

LIGHT_SIDE = 48
"""Side of the pattern of light on the texture plane."""
FARTHEST, STRONGEST = 0.5, 0.3
"""The most that a point moves, centimetres of a head, and that a texel's brightness changes, as a share."""
_LARGEST_FILE = 1 << 16
_GREY = np.array([0.114, 0.587, 0.299], np.float32)


@dataclass(frozen=True, slots=True)
class Correction:
    """An offset of the mesh and a pattern of light."""

    shape: Floats
    """Upright centimetres, float32 [468, 3]."""
    light: Floats
    """How much lighter (+) or darker (-), as a share of the grey value, float32 [48, 48]."""

    def lit(self, texture: Image) -> Image:
        """Return a texture in that light; all channels change by as much, so that colour stays."""
        side = texture.shape[0]
        change = cv2.resize(self.light, (side, side)) * (texture @ _GREY)
        return np.asarray(np.clip(texture + change[..., None] + np.float32(0.5), 0, 255), np.uint8)

    def scaled(self, share: float) -> "Correction":
        """Return so much of it."""
        return Correction(self.shape * np.float32(share), self.light * np.float32(share))

    def save(self, path: Path) -> Tuned:
        """Write it, whole or not at all, in 8 KB; raises OSError."""
        part = path.with_name(f".{path.name}.{os.getpid()}")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, shape=self.shape.astype(np.float16), light=self.light.astype(np.float16))
        part.write_bytes(buffer.getvalue())
        part.replace(path)
        return Tuned(path, hashlib.sha256(buffer.getvalue()).hexdigest())

    @classmethod
    def load(cls, tuned: Tuned) -> "Correction":
        """Read what ``save`` wrote. Raises ModelDamaged for any other file."""
        try:
            content = read_plain(tuned.path, _LARGEST_FILE)
            if hashlib.sha256(content).hexdigest() == tuned.sha256:
                with np.load(io.BytesIO(content), allow_pickle=False) as data:
                    return _checked(cls(data["shape"].astype(np.float32), data["light"].astype(np.float32)))
        except (OSError, ValueError, KeyError):
            pass
        raise ModelDamaged(
            f"{tuned.path} is not the correction that was made for this persona; "
            "'visard personas tune NAME' makes it anew, with --undo it goes on without"
        )


def _checked(correction: Correction) -> Correction:
    shape, light = correction.shape, correction.light
    if shape.shape != (468, 3) or light.shape != (LIGHT_SIDE, LIGHT_SIDE):
        raise ValueError("other shapes are expected")
    if not (np.abs(shape).max() < 2 * FARTHEST and np.abs(light).max() < 2 * STRONGEST):  # no NaN neither
        raise ValueError("it does more than any correction may")
    return correction
