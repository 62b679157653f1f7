"""Networks with random weights in the shapes of those that people bring; speed depends on nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx

from networks._graph import Array
from networks.dfm import dfm224
from networks.fomm import fomm_generator, fomm_keypoints
from networks.inswapper import inswapper
from networks.liveportrait import (
    liveportrait_appearance,
    liveportrait_motion,
    liveportrait_spade,
    liveportrait_warping,
)

__all__ = ["NETWORKS", "samples"]


class Writer(Protocol):
    """Writes a network as an ONNX file and returns its path."""

    def __call__(self, path: Path, width: float = 1.0, *, dynamic: bool = False) -> Path:
        """Write it with ``width`` times the real number of channels; ``dynamic``: the batch varies."""
        ...


NETWORKS: Mapping[str, Writer] = {
    "inswapper": inswapper,
    "dfm224": dfm224,
    "fomm_keypoints": fomm_keypoints,
    "fomm_generator": fomm_generator,
    "liveportrait_appearance": liveportrait_appearance,
    "liveportrait_motion": liveportrait_motion,
    "liveportrait_warping": liveportrait_warping,
    "liveportrait_spade": liveportrait_spade,
}


def samples(model: Path, count: int = 2, *, batch: int = 1, side: int = 128) -> list[tuple[Array, ...]]:
    """Return inputs such as these networks get; a batch or side that varies has the size given here."""
    inputs = onnx.load(model, load_external_data=False).graph.input
    random = np.random.default_rng(3)
    made = []
    for _ in range(count):
        arrays = []
        for tensor in inputs:
            dims = [dim.dim_value for dim in tensor.type.tensor_type.shape.dim]
            shape = tuple(dim or (side if axis else batch) for axis, dim in enumerate(dims))
            arrays.append(_fill(tensor.name, shape, random).astype(np.float32))
        made.append(tuple(arrays))
    return made


def _fill(name: str, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    if name.endswith("jacobian"):
        return np.eye(2) + 0.1 * random.standard_normal(shape)
    if name.endswith("value") or name.startswith("kp_"):
        return random.uniform(-0.7, 0.7, shape)
    if name.endswith("scale"):
        return np.ones(shape)
    if name.startswith(("feature", "warped")):
        return random.standard_normal(shape)
    if name == "source" and len(shape) == 2:
        vectors = random.standard_normal(shape)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return _picture(shape, random)


def _picture(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Return a smooth picture, 0..1, with the channels at either end."""
    import cv2

    coarse = random.random((shape[0], 6, 6, 3), np.float32)
    high, wide = shape[1:3] if shape[-1] == 3 else shape[2:]
    pictures = np.stack([cv2.resize(each, (wide, high), interpolation=cv2.INTER_CUBIC) for each in coarse])
    return np.asarray(np.clip(pictures if shape[-1] == 3 else pictures.transpose(0, 3, 1, 2), 0, 1))
