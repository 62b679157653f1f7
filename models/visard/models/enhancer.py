"""The interface of enhancers, which restore what a swapped face has lost, and what all of them share.

An enhancer is a family of published networks: square crop in, the same crop with more detail out.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil

from visard.engines import Array, Engine, close, load
from visard.engines.plugins import Registry
from visard.models import align
from visard.models.face import Image
from visard.models.five_points import crop_matrix
from visard.models.onnx_model import Wrapper
from visard.models.sample_faces import sample_faces
from visard.models.scale import SIGNED
from visard.models.store import Store, open_store

_VERSION = 1
"""Goes up with what is written."""
_USUAL = 0.5


@dataclass(frozen=True, slots=True)
class EnhancerModel:
    """One network; the name is the store's. All take and give RGB, -1..1."""

    name: str
    side: int = 512
    """Pixels of its crops."""
    template: str = "ffhq_512"
    """Where the face lies in them: a name of ``five_points.TEMPLATES``."""
    weighted: bool = False
    """It also takes how true to its input it stays, 0 to 1."""

    def graph(self, store: Store) -> Path:
        """Return what runs: bytes in and out. Raises ModelMissing, and ModelRefused for another file."""
        source = store.path(self.name)
        return store.exported(source, f"{self.name}-{_VERSION}", partial(self._write, source))

    def _write(self, source: Path, path: Path) -> None:
        shape = (1, 3, self.side, self.side)
        weight: dict[str, tuple[int, ...]] = {"weight": ()} if self.weighted else {}
        wrapper = Wrapper(source, {"input": shape, **weight}, shape)
        wrapper.picture_in("input", self.side, SIGNED)
        if self.weighted:
            wrapper.number_in("weight")
        wrapper.picture_out(self.side, SIGNED)
        wrapper.save(path)


class FaceEnhancer:
    """A network, opened. One thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, crop: Image, weight: float = _USUAL) -> Image:
        """Return a BGR crop of the network's size with more detail; ``weight`` is for those that take it."""
        return np.array(self._run(*_inputs(crop, weight, len(self._engine.inputs)))[0])

    def _run(self, *arrays: Array) -> Array:
        return self._engine(*arrays)[0]

    def close(self) -> None:
        """Stop looking for better engines."""
        close(self._engine)


class Enhancer(Protocol):
    """One way to restore faces."""

    name: str
    summary: str
    models: tuple[EnhancerModel, ...]
    """The best first."""

    def model(self) -> EnhancerModel:
        """Return the first that is in the store. Raises ModelMissing with the command that gets one."""
        ...

    def open(self, model: EnhancerModel, *, wait: bool = True) -> FaceEnhancer:
        """Load one; without ``wait`` what is ready, and a better engine takes over while it runs."""
        ...


@dataclass(frozen=True, slots=True)
class EnhancerFamily:
    """An enhancer whose networks are rows of data."""

    name: str
    summary: str
    models: tuple[EnhancerModel, ...]

    def model(self) -> EnhancerModel:
        """Return the first that is in the store. Raises ModelMissing with the command that gets one."""
        rows = {model.name: model for model in self.models}
        return rows[open_store().choose(list(rows))]

    def open(self, model: EnhancerModel, *, wait: bool = True) -> FaceEnhancer:
        """Load one, tried with the people we ship."""
        crops = [
            align.crop(picture, crop_matrix(face.landmarks, model.template, model.side), model.side)
            for picture, face in sample_faces()[:1]
        ]
        engine = load(
            model.graph(open_store()),
            threads=psutil.cpu_count(logical=False) or 1,
            samples=[_inputs(crop, _USUAL, 1 + model.weighted) for crop in crops],
            wait=wait,
            isolated=True,
        )
        return FaceEnhancer(engine)


def _inputs(crop: Image, weight: float, count: int) -> tuple[Array, ...]:
    return crop[None], *([np.array([weight], np.float32)] if count > 1 else [])


enhancers: Registry[Enhancer] = Registry("visard.models.enhance", "enhancer")
