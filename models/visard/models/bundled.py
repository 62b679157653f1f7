"""Opens the networks we ship, and can keep what they are given: what int8 is calibrated with."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from visard.engines import Array, Engine, load
from visard.models.assets import asset
from visard.models.check_inputs import samples
from visard.models.face import Image

_FAR = "mp_face_detection_full_range"
TRACKED = (
    "mp_face_detector_short",
    _FAR,
    "mp_face_landmarks_v2_478",
    "mp_face_blendshapes_52",
)
"""The networks that a tracker runs."""


@dataclass(slots=True)
class _Tape:
    """What one network was given."""

    network: str
    most: int
    samples: list[tuple[Array, ...]] = field(default_factory=list)


_tape: ContextVar[_Tape | None] = ContextVar("tape", default=None)


class _Recorded:
    """An engine whose inputs are kept; everything else is the engine's own."""

    def __init__(self, engine: Engine, tape: _Tape) -> None:
        self._engine, self._tape = engine, tape

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        if len(self._tape.samples) < self._tape.most:
            self._tape.samples.append(tuple(np.array(array) for array in arrays))
        return self._engine(*arrays)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def shipped() -> dict[str, Path]:
    """Return the networks we ship by name."""
    return {path.stem: path for path in sorted(asset("SHA256SUMS").parent.glob("*.onnx"))}


def network(name: str, **options: Any) -> Engine:
    """Open a network we ship, checked with faces; ``options`` are those of ``engines.load``."""
    engine, tape = load(asset(f"{name}.onnx"), samples=samples(name), **options), _tape.get()
    return engine if tape is None or tape.network != name else cast(Engine, _Recorded(engine, tape))


@contextmanager
def recording(name: str, most: int) -> Iterator[list[tuple[Array, ...]]]:
    """Keep the inputs of a network that is opened meanwhile, in this thread, up to ``most`` of them."""
    tape = _Tape(name, most)
    token = _tape.set(tape)
    try:
        yield tape.samples
    finally:
        _tape.reset(token)


def watched(name: str, images: Iterable[Image], most: int) -> list[tuple[Array, ...]]:
    """Return what a tracker gives one of its networks (see TRACKED) while it looks at these pictures."""
    with recording(name, most) as samples:
        look = _watcher(name)
        for number, image in enumerate(images):
            if len(samples) >= most:
                break
            look(image, float(number))
    return samples


def _watcher(name: str) -> Callable[[Image, float], object]:
    from visard.models.track.detector import Detector
    from visard.models.track.tracker import Tracker

    if name == _FAR:  # a tracker asks for it only when nobody is near
        detector = Detector.full_range()
        return lambda image, now: detector(image)  # noqa: ARG005
    return Tracker(max_faces=1).update
