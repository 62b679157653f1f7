"""Colours of HDR and wide-gamut video for screens of BT.709, as a lookup table of three dimensions.

HLG and PQ become light (ITU-R BT.2100), whose highlights are rolled off to what an ordinary screen shows
(BT.2390), in the colours of BT.709. White paper, 203 nits (BT.2408), comes out light but not burnt; up to
half of that, where faces are, nothing changes.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]
"""Colours, float64 [..., 3], red first."""

NODES = 33
"""Of the table in each direction; between them it is interpolated: off by half a grey level on average."""
PAPER, PEAK = 203.0, 1000.0
"""Nits of diffuse white, and of the brightest that is told apart."""
_GAMMA = 2.2
"""Of the screens that the result is looked at on."""

PQ, HLG = 16, 18
BT2020, P3 = 9, 12
"""Code points of ITU-T H.273: transfer characteristics, and primaries."""
_TO_BT709 = {
    BT2020: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    P3: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128


def wanted(transfer: int, primaries: int) -> bool:
    """Whether colours with these code points are others than an ordinary screen's."""
    return transfer in _LIGHT or primaries in _TO_BT709


def write_table(path: Path, transfer: int, primaries: int) -> None:
    """Write the table as a .cube file, which FFmpeg's filter lut3d reads."""
    axis = np.linspace(0, 1, NODES)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    colours = to_bt709(np.stack([red, green, blue], -1).reshape(-1, 3), transfer, primaries)
    np.savetxt(path, colours, fmt="%.5f", header=f"LUT_3D_SIZE {NODES}", comments="")


def to_bt709(colours: Samples, transfer: int, primaries: int) -> Samples:
    """Return non-linear RGB, 0..1, as RGB for a screen of BT.709, 0..1."""
    light = _rolled_off(_LIGHT[transfer](colours)) / PAPER if transfer in _LIGHT else colours**_GAMMA
    matrix = np.array(_TO_BT709[primaries if primaries in _TO_BT709 else BT2020])
    return np.asarray(np.clip(light @ matrix.T, 0, 1) ** (1 / _GAMMA))


def _hlg_light(signal: Samples) -> Samples:
    """Return nits of a screen of 1000 nits."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    brightness = np.maximum(scene @ _LUMINANCE, 1e-6)[..., None]
    return np.asarray(PEAK * scene * brightness**0.2)


def _pq_light(signal: Samples) -> Samples:
    root = np.maximum(signal, 0) ** (1 / _M2)
    return np.asarray(10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))


def _pq_signal(nits: Samples) -> Samples:
    power = (nits / 10_000) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def _rolled_off(nits: Samples) -> Samples:
    """Bring what is brighter than paper below it, by the largest channel, so that no hue changes."""
    largest = np.clip(nits.max(-1, keepdims=True), 1e-4, PEAK)
    top = _pq_signal(np.array(PEAK))
    signal, white = _pq_signal(largest) / top, _pq_signal(np.array(PAPER)) / top
    knee = 1.5 * white - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * white
    )
    reduced = _pq_light(np.where(signal < knee, signal, curve) * top)
    return np.asarray(np.minimum(nits, PEAK) * reduced / largest)


_LIGHT: dict[int, Callable[[Samples], Samples]] = {PQ: _pq_light, HLG: _hlg_light}
