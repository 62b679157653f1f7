"""The portrait as one sheet of skin, hair and shoulders, bent and drawn over a still background."""

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.animate.puppet.layer import resample
from visard.models.face import EYE_LEFT, EYE_RIGHT, Image, Landmarks
from visard.models.geometry.canonical import OVAL, canonical
from visard.models.geometry.pose import Pose
from visard.models.geometry.raster import Raster

Floats = npt.NDArray[np.float32]

_RINGS = (1.06, 1.13, 1.22, 1.34, 1.48, 1.66, 1.9, 2.2, 2.8, 9.0)
"""Sizes of the rings, in face ovals."""
_BACK = 2.5
"""Depth of hair and ears behind the head's origin, centimetres."""
_NECK, _NECK_LENGTH = 9.0, 10.0
"""Where the neck begins below the head's origin and how long it bends, centimetres."""
_SQUEEZE = 0.15
"""Least distance of a ring from the face, as a share of what it is in the portrait."""

_TORN = 0.04
"""A jump between neighbours in the map, over the distance of the eyes, that is an edge."""


class Sheet:
    """A portrait that can be bent: face landmarks go where they are told, the rest follows."""

    def __init__(self, image: Image, background: Image, opacity: Floats, face: Landmarks, pose: Pose) -> None:
        self._rings = Rings(face, pose, opacity)
        self._background = background
        self._person = _premultiplied(image, opacity)
        self._seen = np.empty_like(self._person)
        self._out = image.copy()
        self._pixels = float(np.linalg.norm(face[EYE_LEFT] - face[EYE_RIGHT]))
        self._cell = 2 if max(image.shape) <= 640 else 3
        rows, columns = (-(-side // self._cell) + 2 for side in image.shape[:2])
        triangles = np.concatenate([canonical().triangles, self._rings.triangles(468)])
        self._raster = Raster(triangles, columns, rows)
        source = np.concatenate([face[:468], self._rings.points])
        self._values = np.where([True, True, False], source, 0).astype(np.float32)
        self._map = np.empty((rows * self._cell, columns * self._cell, 2), np.float32)

    def draw(self, face: Landmarks, pose: Pose) -> Image:
        """Draw with the face's points at ``face`` (pixels) and the head at ``pose``; the array is reused."""
        where = self._where(np.concatenate([face[:468], self._rings.bend(face, pose)]))
        resample(self._person, where, self._seen)
        through = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(self._seen, 3)), cv2.COLOR_GRAY2BGR)
        behind = cv2.multiply(self._background, through, scale=1 / 255)
        cv2.cvtColor(self._seen, cv2.COLOR_BGRA2BGR, dst=self._out)
        cv2.add(self._out, behind, dst=self._out)
        self._soften_edges()
        return self._out

    def _where(self, points: Landmarks) -> Floats:
        """Where each pixel comes from when the sheet's points are at ``points``: [height, width, 2]."""
        height, width = self._out.shape[:2]
        cell = self._cell
        small = points / cell
        small[:, :2] += 1 - (cell - 1) / 2 / cell
        drawn = np.ascontiguousarray(self._raster(small.astype(np.float32), self._values)[..., :2])
        self._torn = np.abs(np.diff(drawn[..., 0], axis=1)) > _TORN * self._pixels
        cv2.resize(drawn, self._map.shape[1::-1], dst=self._map, interpolation=cv2.INTER_LINEAR)
        return self._map[cell : cell + height, cell : cell + width]

    def _soften_edges(self) -> None:
        """Blur where one part of the sheet hides another, which the coarse map would leave as steps."""
        cell = self._cell
        steps = cv2.dilate(self._torn.astype(np.uint8)[1:-1, 1:-1], np.ones((3, 3), np.uint8))
        left, top, width, height = (cell * side for side in cv2.boundingRect(steps))
        if not width:
            return
        mask = cv2.resize(steps, None, fx=cell, fy=cell, interpolation=cv2.INTER_NEAREST)
        rows, columns = slice(top, top + height), slice(left, left + width)
        part = self._out[rows, columns]
        cv2.copyTo(
            cv2.blur(part, (2 * cell + 1, 2 * cell + 1)),
            mask[rows, columns][: len(part), : part.shape[1]],
            part,
        )


class Rings:
    """Copies of the face's outline, ever larger, that carry hair, neck and shoulders."""

    def __init__(self, face: Landmarks, pose: Pose, opacity: Floats) -> None:
        self._pose = pose
        self._oval = face[OVAL]
        centre = self._oval.mean(0)
        sizes = np.array(_RINGS, np.float32)[:, None, None]
        rings = centre + (self._oval - centre) * _to_edges(sizes, self._oval - centre, centre, len(opacity))
        depth = _smooth((sizes[..., 0] - 1) / 0.4)
        rings[..., 2] = self._oval[:, 2] * (1 - depth) + (pose.shift[2] + pose.scale * _BACK) * depth
        self.points = rings.reshape(-1, 3).astype(np.float32)
        """Where they are in the portrait, float32 [n, 3], pixels."""
        low = pose.upright(self.points)[:, 1:2]
        near = np.repeat(1 - _smooth((sizes[:, 0] - 1.9) / 0.9), len(OVAL), 0)
        self._follow = near * (1 - _smooth((low - _NECK) / _NECK_LENGTH))
        self._give = np.repeat(1 - _smooth((sizes[:, 0] - 1) / 0.5), len(OVAL), 0)
        apart = rings[..., :2] - self._oval[:, :2]
        self._least = _SQUEEZE * np.linalg.norm(apart, axis=2)
        self._outwards = apart[0] / np.linalg.norm(apart[0], axis=1, keepdims=True)
        self._up, self._down = self._room(opacity)

    def _room(self, opacity: Floats) -> tuple[Floats, Floats]:
        """Share of up and down motion left to each point, so that a person cut off by the edge stays so."""
        y, height = self.points[:, 1], len(opacity)
        top, bottom = float(self._oval[:, 1].min()), float(self._oval[:, 1].max())
        up, down = np.ones_like(y), np.ones_like(y)
        if opacity[0].max() > 0.5:
            down = _smooth(y / max(top, 1.0))
        if opacity[-1].max() > 0.5:
            end = 0.92 * height
            up = _smooth((end - y) / max(end - bottom, 0.15 * height))
        return up, down

    def triangles(self, first: int) -> npt.NDArray[np.int32]:
        """Triangles from the oval outwards, when the rings' points begin at index ``first``."""
        around = len(OVAL)
        rows = [np.array(OVAL)] + [first + around * k + np.arange(around) for k in range(len(_RINGS))]
        found = []
        for a, c in pairwise(rows):
            b, d = np.roll(a, -1), np.roll(c, -1)
            found += [np.stack([a, b, c], 1), np.stack([b, d, c], 1)]
        return np.concatenate(found).astype(np.int32)

    def bend(self, face: Landmarks, pose: Pose) -> Landmarks:
        """Where the rings go: with the head near it, ever less down the neck and far away."""
        head = pose.picture(self._pose.upright(self.points)) - self.points
        given = face[OVAL] - pose.picture(self._pose.upright(self._oval))
        moved = self._follow * head + self._give * np.tile(given, (len(_RINGS), 1))
        moved[:, 1] *= np.where(moved[:, 1] < 0, self._up, self._down)
        bent = np.asarray(self.points + moved, np.float32)
        self._unfold(bent.reshape(len(_RINGS), -1, 3), face[:468, :2])
        return bent

    def _unfold(self, rings: Floats, face: Floats) -> None:
        """Push rings outwards where the turned face would cover them, so that the sheet never folds."""
        centre = face[OVAL].mean(0)
        along = (face - centre) @ self._outwards.T
        sector = along.argmax(1)
        reach = np.zeros(len(OVAL), np.float32)
        np.maximum.at(reach, sector, along[np.arange(len(face)), sector])
        now = ((rings[..., :2] - centre) * self._outwards).sum(-1)
        spare = np.maximum.accumulate(np.maximum(now - self._least, reach), axis=0)
        rings[..., :2] += (spare + self._least - now)[..., None] * self._outwards


def _to_edges(sizes: Floats, rays: Landmarks, centre: Floats, height: int) -> Floats:
    """Let the first ring that leaves the picture at its top or bottom lie on that edge: [rings, rays, 1]."""
    across = np.abs(rays[:, 1:2])
    room = np.where(rays[:, 1:2] > 0, height - centre[1], centre[1]) / np.maximum(across, 1e-3)
    before = np.concatenate([np.ones_like(sizes[:1]), sizes[:-1]])
    leaves = (sizes > room) & (before * 1.01 < room)
    return np.asarray(np.where(leaves, room, sizes), np.float32)


def _premultiplied(image: Image, opacity: Floats) -> Image:
    """BGRA with the colours already weakened by the opacity, uint8 [height, width, 4]."""
    full = np.dstack([image * opacity[..., None], opacity * 255])
    return np.ascontiguousarray(np.round(full), np.uint8)


def _smooth(x: Floats) -> Floats:
    """A soft step from 0 to 1."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)
