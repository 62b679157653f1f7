"""Colour transfer: fits a small map from the swapped face's colours to the scene's, and applies it."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from visard.daemon.config.settings import Colour
from visard.models.face import Image

Map = npt.NDArray[np.float32]
"""Either an affine map of BGR colours [3, 4] or one curve per channel [256, 3]; both can be averaged."""

Colours = npt.NDArray[np.floating[Any]]
"""BGR pixels, 0..255, float [n, 3]."""

_SAMPLE = 96
_TO_YCC = np.array([[0.114, 0.587, 0.299], [-0.081, -0.419, 0.5], [0.5, -0.331, -0.169]], np.float64)


def mean_deviation(source: Colours, target: Colours) -> Map:
    """Match mean and deviation per channel of luma and two chromas; both inputs are BGR [n, 3]."""
    ours, theirs = source @ _TO_YCC.T, target @ _TO_YCC.T
    gain = np.clip((theirs.std(0) + 1) / (ours.std(0) + 1), 0.4, 2.5)
    return _affine(np.linalg.solve(_TO_YCC, np.diag(gain) @ _TO_YCC), source, target)


def covariance(source: Colours, target: Colours) -> Map:
    """Match mean and full covariance by the linear map that moves colours least (Monge-Kantorovich)."""
    ours, theirs = (np.cov(x.T) + 4 * np.eye(3) for x in (source, target))
    root = _power(ours, 0.5)
    inverse = _power(ours, -0.5)
    return _affine(inverse @ _power(root @ theirs @ root, 0.5) @ inverse, source, target)


def histogram(source: Colours, target: Colours) -> Map:
    """Match the distribution of each BGR channel, with curves that are smoothed against banding."""
    levels = np.arange(256)
    curves = np.empty((256, 3), np.float32)
    for channel in range(3):
        ours = np.searchsorted(np.sort(source[:, channel]), levels, "right") / len(source)
        curves[:, channel] = np.quantile(target[:, channel], ours)
    return np.asarray(cv2.GaussianBlur(curves, (1, 0), sigmaX=0.1, sigmaY=6), np.float32)


FITS: dict[Colour, Callable[[Colours, Colours], Map]] = {
    Colour.mean_deviation: mean_deviation,
    Colour.covariance: covariance,
    Colour.histogram: histogram,
}


def _power(matrix: Colours, exponent: float) -> Colours:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 1e-6) ** exponent) @ vectors.T)


def _affine(linear: Colours, source: Colours, target: Colours) -> Map:
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)]).astype(np.float32)


def fit(kind: Colour, patch: Image, scene: Image, mask: npt.NDArray[np.uint8]) -> Map | None:
    """Fit the map for ``kind`` from what two pictures of one size show under the mask; None if too little."""
    scale = min(1.0, _SAMPLE / max(mask.shape))
    size = max(round(mask.shape[1] * scale), 1), max(round(mask.shape[0] * scale), 1)
    small = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (patch, scene, mask)]
    inside = small[2] > 127
    if inside.sum() < 64:
        return None
    return FITS[kind](small[0][inside].astype(np.float64), small[1][inside].astype(np.float64))


def apply(colours: Map, patch: Image, out: Image) -> Image:
    """Write ``patch`` with the map applied to ``out`` and return it."""
    if colours.shape == (3, 4):
        return np.asarray(cv2.transform(patch, colours, dst=out), np.uint8)
    table = np.clip(colours.round(), 0, 255).astype(np.uint8).reshape(1, 256, 3)
    return np.asarray(cv2.LUT(patch, table, dst=out), np.uint8)
