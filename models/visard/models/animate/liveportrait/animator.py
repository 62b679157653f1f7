"""``liveportrait``: a portrait moved by LivePortrait, live."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from visard.engines import Array, Engine, close, load
from visard.models.animate._animation import Closing, MotionKind, NetworkAnimation
from visard.models.animate._squares import Square
from visard.models.animate.liveportrait.controls import Openness, choices
from visard.models.animate.liveportrait.crops import PortraitView, driver_crop, driver_square
from visard.models.animate.liveportrait.graphs import MODEL, MOTION, STATE, graphs
from visard.models.animate.liveportrait.options import LivePortraitOptions
from visard.models.face import Face, Image
from visard.models.portrait import examine
from visard.models.processor import Kind, Material, Report
from visard.models.sample_faces import sample_faces
from visard.models.store import open_store

_LARGEST = (1280, 720)
"""Pixels of the longer and shorter side that a portrait is cut down to."""
_QUALITY, _WITHOUT = 45, 5
"""How good it looks, and how much that counts where its files are not here."""
_COPIES = 2
"""How often an engine has the weights in memory."""
_OWN = slice(STATE.index(MOTION[0]), STATE.index(MOTION[-1]) + 1)
"""Where the portrait's motion is in the state."""

State = tuple[Array, ...]
"""Of a portrait, as ``graphs`` lists it."""
MotionArrays = tuple[Array, ...]
"""Rotation, expression, translation and scale."""


@dataclass(frozen=True, slots=True)
class DriverReference:
    """What motion is counted from, and which part of the frame it was seen in."""

    square: Square
    motion: MotionArrays


class LivePortraitNetwork(Closing):
    """The graph of a frame on its engine, for one portrait. One thread."""

    def __init__(self, step: Engine, state: State, source: Openness) -> None:
        self._step, self._state = step, state
        self.source = source
        """How open the portrait's eyes and lips are."""
        self.still: MotionArrays = state[_OWN]
        """The reference that makes motion absolute."""

    def move(
        self, crop: Image, reference: MotionArrays, options: LivePortraitOptions, driver: Openness
    ) -> Image:
        """Return the portrait's crop moved by the driver's, uint8 [512, 512, 3]; ``crop`` is [1, ...]."""
        return np.asarray(self._ask(crop, reference, options, driver)[0][0])

    def reference(self, crop: Image) -> MotionArrays:
        """Return the motion of the driver of a crop, to count from."""
        _, *motion = self._ask(crop, self.still, LivePortraitOptions(), self.source)
        return tuple(np.array(array) for array in motion)

    def _ask(
        self, crop: Image, reference: MotionArrays, options: LivePortraitOptions, driver: Openness
    ) -> tuple[Array, ...]:
        given: tuple[Array, ...] = (*self._state, *reference, *choices(options, self.source, driver))
        return self._step(crop, *given)

    def close(self) -> None:
        """Stop looking for better engines."""
        close(self._step)


class LivePortraitAnimation(NetworkAnimation[LivePortraitOptions, LivePortraitNetwork, DriverReference]):
    """One portrait, ready to move."""

    PREPARED_ANEW = frozenset({"source_scale", "source_vy", "source_rotate", "output"})

    def __init__(
        self,
        network: LivePortraitNetwork,
        view: PortraitView,
        portrait: Face,
        size: int,
        options: LivePortraitOptions,
    ) -> None:
        super().__init__(network, portrait.landmarks, view.size, size, options)
        self._view = view

    def _moved(
        self, network: LivePortraitNetwork, picture: Image, driver: Face, options: LivePortraitOptions
    ) -> Image:
        if self._reference is None:
            square = driver_square(driver, options)
            self._reference = DriverReference(square, network.reference(driver_crop(picture, square)))
        crop = driver_crop(picture, self._reference.square.followed(driver))
        counted = self._reference.motion if options.motion is MotionKind.relative else network.still
        return self._view.show(network.move(crop, counted, options, Openness.of(driver.landmarks)))


class LivePortrait:
    """The animator: needs LivePortrait's files, which are fetched or imported, and PyTorch once."""

    name = "liveportrait"
    summary = (
        "LivePortrait moves one portrait, eyes and lips too; wants a fast GPU, and a model from the store"
    )
    kind: Kind = "animate"
    accepts = frozenset({"photo"})
    Options = LivePortraitOptions

    @property
    def quality(self) -> int:
        """How good it looks; less than what ships where its files are not in the store."""
        return _QUALITY if open_store().get(MODEL).here else _WITHOUT

    def check(self, material: Material) -> tuple[str, ...]:
        """Examine the photo."""
        return examine(material.photos[0]).warnings

    def check_models(self, options: LivePortraitOptions) -> None:  # noqa: ARG002  # all options use the same
        """Raise ModelMissing with the command that gets the files."""
        open_store().path(MODEL)

    def prepare(
        self, material: Material, options: LivePortraitOptions, report: Report
    ) -> LivePortraitAnimation:
        """Ask the network all that the portrait alone answers, and start on an engine that is ready.

        Raises ModelMissing without the files, EngineError when they have to be written for engines and
        PyTorch is not there.
        """
        report(0.0, "reading the portrait")
        portrait = examine(material.photos[0]).within(*_LARGEST)
        paths = graphs(lambda share, text: report(0.05 + 0.5 * share, text))
        view, source = PortraitView(portrait, options), Openness.of(portrait.face.landmarks)
        report(0.6, "preparing the portrait")
        prepare = load(paths["prepare"], "cpu", "fp32", backend="onnxruntime")
        lips: Array = np.array([[source.lips]], np.float32)
        state = tuple(np.array(array) for array in prepare(view.crop, lips))
        network = LivePortraitNetwork(_open(paths["step"], prepare, state, source, report), state, source)
        size = _COPIES * paths["step"].stat().st_size
        animation = LivePortraitAnimation(network, view, portrait.face, size, options)
        try:
            report(1.0, "ready")
        except BaseException:
            animation.close()
            raise
        return animation


def samples(prepare: Engine, state: State, source: Openness) -> list[tuple[Array, ...]]:
    """Return what the step graph is given when the people we ship drive, the first as reference."""
    options = LivePortraitOptions()
    crops = [driver_crop(picture, driver_square(face, options)) for picture, face in sample_faces()]
    lips: Array = np.array([[source.lips]], np.float32)
    asked = prepare(crops[0], lips)
    reference = tuple(np.array(array) for array in asked[_OWN])
    return [(crop, *state, *reference, *choices(options, source, source)) for crop in crops]


def _open(path: Path, prepare: Engine, state: State, source: Openness, report: Report) -> Engine:
    """Open the engine of a frame, the fastest that passes the check."""
    return load(
        path,
        threads=psutil.cpu_count(logical=False) or 1,
        samples=samples(prepare, state, source),
        wait=False,
        isolated=True,
        report=lambda progress: report(0.7 + 0.2 * progress.done, "opening the model"),
    )


processor = LivePortrait()
