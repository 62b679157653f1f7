"""Gives a picture the colours of another, fp32 [H, W, 3], BGR, 0..1: six ways, by DeepFaceLab's names.

- rct: mean and deviation of each channel of Lab (Reinhard et al. 2001).
- lct: the covariance of BGR, by principal axes.
- mkl: the covariance of BGR, moving colours as little as can be (Monge-Kantorovich, Pitie and Kokaram 2007).
- idt: the whole distribution, one random turn of the axes after another (Pitie et al. 2005).
- sot: the whole distribution along random lines, smoothed over the picture (sliced optimal transport).
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.train.options import ColourTransferMode

Picture = npt.NDArray[np.float32]
_ROUNDS = 8
_SAMPLES = 8192
"""Pixels of each picture that a distribution is read from."""
_LEAST = 1e-5


def transfer(
    mode: ColourTransferMode, picture: Picture, colours: Picture, generator: np.random.Generator
) -> Picture:
    """Return ``picture`` with the colours of ``colours``, which may have any size."""
    if mode is ColourTransferMode.none:
        return picture
    if mode is ColourTransferMode.rct:
        return _reinhard(picture, colours)
    if mode in _LINEAR:
        return _linear(picture, colours, _LINEAR[mode])
    turn = _axes if mode is ColourTransferMode.idt else _lines
    moved = _matched(picture.reshape(-1, 3), colours.reshape(-1, 3), generator, turn).reshape(picture.shape)
    if mode is ColourTransferMode.sot:
        change = cv2.GaussianBlur(moved - picture, (0, 0), max(picture.shape[0] / 64, 0.5))
        return np.asarray((picture + change).clip(0, 1), np.float32)
    return np.asarray(moved.clip(0, 1), np.float32)


def _reinhard(picture: Picture, colours: Picture) -> Picture:
    ours, theirs = (cv2.cvtColor(each, cv2.COLOR_BGR2Lab) for each in (picture, colours))
    (mean, deviation), (other_mean, other) = (cv2.meanStdDev(each) for each in (ours, theirs))
    factor = other / np.maximum(deviation, _LEAST)
    moved = (ours - mean.ravel()) * factor.ravel() + other_mean.ravel()
    low, high = np.array([0, -127, -127]), np.array([100, 127, 127])
    made = cv2.cvtColor(moved.clip(low, high).astype(np.float32), cv2.COLOR_Lab2BGR)
    return np.asarray(made.clip(0, 1), np.float32)


def _linear(picture: Picture, colours: Picture, matrix: Callable[..., npt.NDArray[np.float64]]) -> Picture:
    ours, theirs = (each.reshape(-1, 3).astype(np.float64) for each in (picture, colours))
    spreads = [np.cov(each.T) + _LEAST * np.eye(3) for each in (ours, theirs)]
    moved = (ours - ours.mean(0)) @ matrix(*spreads).T + theirs.mean(0)
    return np.asarray(moved.reshape(picture.shape).clip(0, 1), np.float32)


def _root(matrix: npt.NDArray[np.float64], power: float = 0.5) -> npt.NDArray[np.float64]:
    values, axes = np.linalg.eigh(matrix)
    return np.asarray((axes * np.maximum(values, 1e-12) ** power) @ axes.T)


def _principal(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(_root(theirs) @ _root(ours, -0.5))


def _least_motion(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    root, back = _root(ours), _root(ours, -0.5)
    return np.asarray(back @ _root(root @ theirs @ root) @ back)


_LINEAR = {ColourTransferMode.lct: _principal, ColourTransferMode.mkl: _least_motion}


def _axes(generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Three axes, turned at random."""
    return np.asarray(np.linalg.qr(generator.normal(size=(3, 3)))[0])


def _lines(generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """One direction, at random."""
    direction = generator.normal(size=(3, 1))
    return np.asarray(direction / np.linalg.norm(direction))


def _matched(
    ours: Picture,
    theirs: Picture,
    generator: np.random.Generator,
    turn: Callable[[np.random.Generator], npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64]:
    """Move colours so that both distributions agree along directions, one round after another."""
    moved = ours.astype(np.float64)
    wanted = theirs[:: max(1, len(theirs) // _SAMPLES)].astype(np.float64)
    ranks = np.linspace(0, 1, 256)
    for _ in range(_ROUNDS):
        directions = turn(generator)
        seen, target = moved[:: max(1, len(moved) // _SAMPLES)] @ directions, wanted @ directions
        for axis, direction in enumerate(directions.T):
            source, goal = (np.quantile(each[:, axis], ranks) for each in (seen, target))
            along = moved @ direction
            moved += np.outer(np.interp(along, source, goal) - along, direction)
    return moved
