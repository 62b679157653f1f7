"""More detail for swapped faces, by the enhancer that was chosen.

Where the network is fast enough it sees every frame. Where it is not it works beside the frames, on the
newest one whenever it is done, and what it added to that is added to those that follow, softly.
"""

import logging
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from visard.daemon.config.settings import NO_ENHANCER, Colour, Settings
from visard.daemon.media.frame import Frame
from visard.daemon.pipeline.blend import Blender
from visard.daemon.pipeline.stats import Stats
from visard.models import align
from visard.models.enhancer import Enhancer, EnhancerModel, FaceEnhancer, enhancers
from visard.models.face import Face, Image
from visard.models.five_points import crop_matrix
from visard.models.processor import FrameWorker, Patch
from visard.models.swap.one_shot.masks import face_mask

log = logging.getLogger(__name__)

_BUDGET = 0.4
"""Share of the time between two frames that the network may take in each of them."""
_FIRST = 2
"""Times it has to have run before its speed is believed: the first is slow."""
_MIX = 0.6
"""How much of what a new look adds counts beside what was added before."""
_LONGEST = 600.0
"""Seconds that are waited where everything is waited for; opening may compile."""
_PLAIN = Settings(colour=Colour.none)

Detail = npt.NDArray[np.int16]
"""What the network added to a crop, [side, side, 3]."""


@dataclass(frozen=True, slots=True)
class _Look:
    """A crop that the network is at, or was."""

    crop: Image
    made: Future[Iterable[Patch]]


class EnhanceStep:
    """Enhances faces in place; opens the enhancer when it is first needed. One thread."""

    def __init__(self, stats: Stats, fps: float, patience: float, *, wait: bool) -> None:
        """``wait``: every frame is enhanced however long it takes, as where nobody watches the clock."""
        self._stats, self._budget, self._wait = stats, _BUDGET / max(fps, 1), wait
        self._patience = _LONGEST if wait else patience
        self._blend = Blender()
        self._chosen: tuple[str, EnhancerModel, _Runner] | None = None
        self.forget()

    def forget(self) -> None:
        """Drop what was learned about faces."""
        self._details: dict[int, Detail] = {}
        self._looks: dict[int, _Look] = {}
        self._waited: dict[int, int] = {}

    def __call__(self, frame: Frame, face: Face, settings: Settings) -> None:
        """Enhance a face that was swapped; where that fails it stays as it is."""
        if settings.enhancer == NO_ENHANCER:
            self._close()
            return
        try:
            with frame.span("enhance"):
                self._enhance(frame.image, face, settings)
        except Exception as error:  # one bad frame must not end the call
            if self._stats.failed("enhance", error):
                log.error("faces are not enhanced: %s: %s", type(error).__name__, error)

    def _enhance(self, image: Image, face: Face, settings: Settings) -> None:
        model, runner = self._opened(settings.enhancer)
        matrix = crop_matrix(face.landmarks, model.template, model.side)
        crop = align.crop(image, matrix, model.side)
        detail = self._detail(crop, face.id, runner, settings)
        if detail is not None:
            self._put(image, face, matrix, crop, detail)

    def _opened(self, name: str) -> "tuple[EnhancerModel, _Runner]":
        if self._chosen is None or self._chosen[0] != name:
            self._close()
            enhancer = enhancers.get(name)
            model = enhancer.model()
            self._chosen = name, model, _Runner(enhancer, model, wait=self._wait)
        return self._chosen[1:]

    def _close(self) -> None:
        if self._chosen is not None:
            self._chosen[2].close()
            self._chosen = None
            self.forget()

    def _detail(self, crop: Image, face: int, runner: "_Runner", settings: Settings) -> Detail | None:
        """Return what is to be added to a face's crop; None: nothing is known yet."""
        every = settings.enhance_every or (1 if self._wait or runner.seconds <= self._budget else 0)
        look = self._looks.get(face)
        if look is not None and (every == 1 or look.made.done()):
            del self._looks[face]
            self._details[face] = _mixed(self._added(look), self._details.get(face))
        if every == 1:
            self._details[face] = self._added(_Look(crop, runner.submit(crop, settings.enhance_weight)))
            return self._details[face]
        self._waited[face] = self._waited.get(face, every) + 1
        if face not in self._looks and runner.idle and self._waited[face] >= every:
            self._looks[face] = _Look(crop, runner.submit(crop, settings.enhance_weight))
            self._waited[face] = 0
        return self._details.get(face)

    def _added(self, look: _Look) -> Detail:
        (patch,) = look.made.result(self._patience)
        return np.asarray(cv2.subtract(patch.image, look.crop, dtype=cv2.CV_16S), np.int16)

    def _put(self, image: Image, face: Face, matrix: align.Matrix, crop: Image, detail: Detail) -> None:
        made = np.asarray(cv2.add(crop, detail, dtype=cv2.CV_8U), np.uint8)
        mask = face_mask(matrix, face.landmarks, crop.shape[0], 1, 1)
        self._blend(image, Patch(made, mask, align.invert(matrix).astype(np.float32)), face, _PLAIN)


def _mixed(fresh: Detail, old: Detail | None) -> Detail:
    return fresh if old is None else np.asarray(cv2.addWeighted(fresh, _MIX, old, 1 - _MIX, 0), np.int16)


class _Runner:
    """The network on a thread of its own, which opens it first."""

    def __init__(self, enhancer: Enhancer, model: EnhancerModel, *, wait: bool) -> None:
        self.seconds = float("inf")
        """What a crop takes, once that is known."""
        self._worker = FrameWorker("enhance")
        self._opened: FaceEnhancer | None = None
        self._open = partial(enhancer.open, model, wait=wait)
        self._runs = 0
        self._last: Future[Iterable[Patch]] | None = None

    @property
    def idle(self) -> bool:
        """Whether it is at nothing."""
        return self._last is None or self._last.done()

    def submit(self, crop: Image, weight: float) -> Future[Iterable[Patch]]:
        """Begin with a crop; raises ProcessorFailed while the one before hangs."""
        self._last = self._worker.submit(lambda: self._made(crop, weight))
        return self._last

    def close(self) -> None:
        """Give the memory back once the crop that is being made is done."""
        self._worker.close(self._release)

    def _release(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._opened = None

    def _made(self, crop: Image, weight: float) -> Iterable[Patch]:
        if self._opened is None:
            self._opened = self._open()
        start = time.perf_counter()
        made = self._opened(crop, weight)
        took, self._runs = time.perf_counter() - start, self._runs + 1
        if self._runs > _FIRST:
            self.seconds = took if self.seconds == float("inf") else 0.8 * self.seconds + 0.2 * took
        return (Patch.whole(made),)
