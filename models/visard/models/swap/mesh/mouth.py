"""Lips that close on any photo."""

from functools import cache

import numpy as np
import numpy.typing as npt

from visard.models.geometry.canonical import LIPS_INNER, LIPS_OUTER, canonical
from visard.models.swap.mesh.light import smoothstep

Floats = npt.NDArray[np.float32]

_RIM = 0.22
"""How far the texture at the inner rim is taken from, as a share of the lip's height."""


@cache
def lip_flesh() -> Floats:
    """Texture coordinates of the mesh with the inner rim of the lips taken further out, float32 [468, 2].

    Where the lips of a photo end is half tooth or shadow of its own mouth, which closed lips would show.
    """
    uv = canonical().uv.copy()
    uv[LIPS_INNER] += np.float32(_RIM) * (uv[LIPS_OUTER] - uv[LIPS_INNER])
    return uv


def apart(lips: Floats) -> float:
    """How much of the distance between the driver's lips is real, 0..1: the network rarely says none.

    ``lips`` is the ring of their inner rim, [20, 2].
    """
    return float(smoothstep(_gap(lips), 0.005, 0.05))


def touching(lips: Floats) -> float:
    """How much the lips touch, 0..1; ``lips`` is the ring of their inner rim, [20, 2]."""
    return 1 - float(smoothstep(_gap(lips), 0.02, 0.1))


def _gap(lips: Floats) -> Floats:
    """How far the middle of the lips is apart, over the mouth's width, a scalar."""
    between = np.linalg.norm(lips[3:8] - lips[17:12:-1], axis=1).mean()
    return np.asarray(between / max(float(np.linalg.norm(lips[0] - lips[10])), 1e-3), np.float32)
