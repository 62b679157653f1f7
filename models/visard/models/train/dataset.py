"""Batches of faces: which ones, and how they are changed, is a function of seed, step and place in the batch.

So a training that goes on after a crash sees what it would have seen, and devices that share a batch see
what one would that has all of it.
"""

from functools import cached_property, lru_cache
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from visard.models.train import augment
from visard.models.train.augment import Picture, Placement
from visard.models.train.colour_transfer import transfer
from visard.models.train.errors import FacesUnusable
from visard.models.train.options import ColourTransferMode, TrainOptions, parse_archi
from visard.models.train.sets import check_lengths

_RINGS = {
    68: (range(36, 42), range(42, 48), range(48, 60)),
    478: (
        (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
        (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
        (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    ),
}
"""Eyes and lips of the usual 68 landmarks and of MediaPipe's."""
_AXIS = {68: (36, 45, 30), 478: (33, 263, 1)}
"""Outer corners of the eyes, and the tip of the nose."""
_YAWS = 16
"""Parts that yaws are divided into, so that all are seen as often."""
_PROFILE = 90.0
"""Degrees of yaw that count as 1."""
PEOPLE = "src", "dst"


class TrainingFace(Protocol):
    """A face as it is kept: aligned, square."""

    @property
    def picture(self) -> npt.NDArray[np.uint8]:
        """Return [S, S, 3], BGR."""
        ...

    @property
    def mask(self) -> npt.NDArray[np.uint8]:
        """Return [S, S], 255 on the face."""
        ...

    @property
    def landmarks(self) -> npt.NDArray[np.float32]:
        """Return [68 or 478, 2 or 3], pixels of the picture."""
        ...


class FaceSource(Protocol):
    """A set of faces of one person; workers get a copy, so that it must be possible to pickle it.

    One that has ``column("yaw")``, degrees of all faces, spares reading them all for ``uniform_yaw``.
    """

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def face(self, number: int, /) -> TrainingFace:
        """Return one of them."""
        ...


class Batches(Dataset[dict[str, Tensor]]):
    """Item i is the i-th step's batch for one of several devices: [B, C, R, R], fp32, 0..1."""

    def __init__(
        self, src: FaceSource, dst: FaceSource, options: TrainOptions, rank: int = 0, ranks: int = 1
    ) -> None:
        check_lengths(src, dst, options)
        self.faces = {"src": src, "dst": dst}
        self.options, self.rank, self.ranks = options, rank, ranks

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Return warped pictures, pictures, masks and features of both people."""
        count = self.options.batch_size * self.options.accumulation
        first = self.rank * count
        samples = [self.sample(step, slot) for slot in range(first, first + count)]
        return {name: torch.from_numpy(np.stack([each[name] for each in samples])) for name in samples[0]}

    def sample(self, step: int, slot: int) -> dict[str, Picture]:
        """Return one place of a step's whole batch, by names, [C, R, R]."""
        made: dict[str, Picture] = {}
        for name in PEOPLE:
            made |= self._person(name, step, slot)
        if parse_archi(self.options.archi).kind == "amp":
            generator = np.random.default_rng([self.options.seed, step, slot, 4])
            chosen = generator.random(self.options.inter_dims) < self.options.morph_factor
            made["own"] = chosen.astype(np.float32)[:, None, None]
        return made

    def plain(self, name: str, index: int) -> dict[str, Picture]:
        """Return a face as it is: its picture and mask, [C, R, R]."""
        face = self.faces[name].face(index % len(self.faces[name]))
        picture, mask = _checked(face)
        side = (self.options.resolution,) * 2
        whole, area = (cv2.resize(each, side, interpolation=cv2.INTER_AREA) for each in (picture, mask))
        return {
            name: _chw(_unit(whole)),
            f"{name}_mask": _unit(area)[None],
        }

    def _person(self, name: str, step: int, slot: int) -> dict[str, Picture]:
        options = self.options
        index = self._chosen("dst" if options.paired else name, step, slot)
        number = 0 if options.paired else PEOPLE.index(name)
        generator = np.random.default_rng([options.seed, step, slot, number])
        face = self.faces[name].face(index)
        picture, mask = _checked(face)
        flip = options.random_dst_flip if options.paired or name == "dst" else options.random_src_flip
        warp, gentle = options.random_warp, options.paired
        placement = augment.place(
            generator, picture.shape[0], options.resolution, warp=warp, flip=flip, gentle=gentle
        )
        whole = _unit(picture)
        if name == "src" and options.ct_mode is not ColourTransferMode.none:
            whole = self._recoloured(whole, step, slot, generator)
        wanted = augment.moved(whole, placement, options.resolution)
        area = augment.moved(_unit(mask), placement, options.resolution)
        seen = augment.warped(wanted, placement)
        if name == "src" and options.random_hsv_power:
            seen = augment.shift_colours(seen, generator, options.random_hsv_power)
        if options.blur_out_mask:
            wanted = augment.blur_outside(wanted, area)
        features = _features(face.landmarks, placement, options.resolution)
        return {
            f"{name}_warped": _chw(seen),
            name: _chw(wanted),
            f"{name}_mask": area[None],
            f"{name}_features": features[None],
        }

    def _recoloured(self, picture: Picture, step: int, slot: int, generator: np.random.Generator) -> Picture:
        colours = self.faces["dst"].face(self._chosen("dst", step, slot)).picture
        small = cv2.resize(colours, (128, 128), interpolation=cv2.INTER_AREA)
        return transfer(self.options.ct_mode, picture, _unit(small), generator)

    def _chosen(self, name: str, step: int, slot: int) -> int:
        """Return the face of a place in a step's batch: all come once, in a new order each time round."""
        options = self.options
        if options.uniform_yaw:
            return self._by_yaw(name, step, slot)
        count = len(self.faces[name])
        place = step * options.batch_size * options.accumulation * self.ranks + slot
        order = _order(options.seed, PEOPLE.index(name), place // count, count)
        return int(order[place % count])

    def _by_yaw(self, name: str, step: int, slot: int) -> int:
        generator = np.random.default_rng([self.options.seed, step, slot, 2 + PEOPLE.index(name)])
        groups = self._yaws[name]
        group = groups[generator.integers(len(groups))]
        return int(group[generator.integers(len(group))])

    @cached_property
    def _yaws(self) -> dict[str, list[npt.NDArray[np.intp]]]:
        """Faces of similar yaw, by person."""
        return {name: _grouped(faces) for name, faces in self.faces.items()}


def _grouped(faces: FaceSource) -> list[npt.NDArray[np.intp]]:
    known = getattr(faces, "column", None)
    if known:
        yaws = np.asarray(known("yaw")) / _PROFILE
    else:
        yaws = np.array([_yaw(faces.face(index).landmarks) for index in range(len(faces))])
    parts = np.digitize(yaws, np.linspace(-1, 1, _YAWS + 1)[1:-1])
    return [np.flatnonzero(parts == part) for part in np.unique(parts)]


def _yaw(landmarks: npt.NDArray[np.float32]) -> float:
    """Return how far a face is turned, about -1 to 1: where the nose is between the eyes."""
    right, left, nose = (landmarks[index, :2] for index in _AXIS[_layout(landmarks)])
    axis = left - right
    share = float(np.dot(nose - right, axis) / max(float(np.dot(axis, axis)), 1e-6))
    return float(np.clip(share * 2 - 1, -1, 1))


def _features(landmarks: npt.NDArray[np.float32], placement: Placement, side: int) -> Picture:
    """Return 1 on eyes and mouth and around them, softly, [R, R]."""
    area = np.zeros((side, side), np.float32)
    moved = landmarks[:, :2] @ placement.matrix[:, :2].T + placement.matrix[:, 2]
    for ring in _RINGS[_layout(landmarks)]:
        hull = cv2.convexHull(moved[list(ring)].astype(np.float32))
        cv2.fillConvexPoly(area, np.round(hull * 16).astype(np.int32), 1.0, shift=4)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, [max(3, side // 24 | 1)] * 2)
    return np.asarray(cv2.GaussianBlur(cv2.dilate(area, disc), (0, 0), max(side / 64, 1)))


def _layout(landmarks: npt.NDArray[np.float32]) -> int:
    return 68 if len(landmarks) == 68 else 478


def _checked(face: TrainingFace) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    picture, mask = face.picture, face.mask
    side = picture.shape[0]
    if picture.shape != (side, side, 3) or mask.shape != (side, side):
        raise FacesUnusable(
            f"a face has a picture of {picture.shape} and a mask of {mask.shape}; "
            "expected are [S, S, 3] and [S, S]"
        )
    return picture, mask


def _unit(picture: npt.NDArray[Any]) -> Picture:
    return np.asarray(picture, np.float32) / np.float32(255)


def _chw(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture.transpose(2, 0, 1))


@lru_cache(maxsize=8)
def _order(seed: int, person: int, epoch: int, count: int) -> npt.NDArray[np.intp]:
    return np.random.default_rng([seed, 7, person, epoch]).permutation(count)
