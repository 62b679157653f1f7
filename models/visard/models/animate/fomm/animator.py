"""``fomm``: a portrait moved by the First Order Motion Model, with the habits of Avatarify."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import psutil

from visard.engines import Array, Engine, close, load
from visard.models.animate._animation import Closing, MotionKind, NetworkAnimation
from visard.models.animate._squares import Square
from visard.models.animate.fomm.crops import PortraitView, around, driver_square
from visard.models.animate.fomm.graphs import graphs
from visard.models.animate.fomm.options import DriverCrop, FommOptions
from visard.models.face import Face, Image, Landmarks
from visard.models.portrait import examine
from visard.models.processor import Kind, Material, Report
from visard.models.sample_faces import sample_faces
from visard.models.store import open_store

_LARGEST = (1280, 720)
"""Pixels of the longer and shorter side that a portrait is cut down to."""
_COPIES = 2
"""How often an engine has the weights in memory."""

State = tuple[Array, ...]
"""Of a portrait: value, features, small, and the Jacobians where the model has them."""


@dataclass(frozen=True, slots=True)
class MotionReference:
    """What motion is counted from."""

    value: npt.NDArray[np.float32]
    """[1, K, 2]"""
    scale: float
    jacobian: Sequence[Array] = ()
    """[1, K, 2, 2], or nothing."""

    def arrays(self) -> tuple[Array, ...]:
        """Return value and scale as the network takes them."""
        return self.value, np.array([self.scale], np.float32)


def hull_side(value: Array) -> float:
    """Return the square root of the area that keypoints [1, K, 2] span."""
    return float(np.sqrt(cv2.contourArea(cv2.convexHull(np.asarray(value[0], np.float32)))))


class FommNetwork(Closing):
    """The graphs of a frame on their engines, for one portrait. One thread."""

    def __init__(self, motion: Engine, draw: Engine, state: State) -> None:
        self._motion, self._draw = motion, draw
        self._state, self._jacobian = state[:3], state[3:]
        self.still = MotionReference(state[0], 1.0, self._jacobian)
        """The reference that makes motion absolute."""

    def move(self, crop: Image, reference: MotionReference) -> Image:
        """Return the portrait's crop moved by the driver's, uint8 [SIDE, SIDE, 3]; ``crop`` is [1, ...]."""
        warped, *_ = self._moved(crop, reference)
        return np.asarray(self._draw(warped)[0][0])

    def reference(self, crop: Image, *, adaptive: bool) -> MotionReference:
        """Return the driver of a crop as the reference; ``adaptive``: with the ratio of hulls as scale."""
        _, value, *jacobian = (np.array(array) for array in self._moved(crop, self.still))
        own, drivers = hull_side(self.still.value), hull_side(value)
        return MotionReference(value, own / drivers if adaptive and drivers > 0 else 1.0, jacobian)

    def _moved(self, crop: Image, reference: MotionReference) -> tuple[Array, ...]:
        jacobians = (*self._jacobian, *reference.jacobian)
        return self._motion(crop, *self._state, *reference.arrays(), *jacobians)

    def close(self) -> None:
        """Stop looking for better engines."""
        close(self._motion, self._draw)


class FommAnimation(NetworkAnimation[FommOptions, FommNetwork, tuple[Square, MotionReference]]):
    """One portrait, ready to move."""

    PREPARED_ANEW = frozenset({"checkpoint", "align_corners", "portrait_crop", "coverage"})

    def __init__(
        self, network: FommNetwork, view: PortraitView, points: Landmarks, size: int, options: FommOptions
    ) -> None:
        super().__init__(network, points, view.size, size, options)
        self._view = view

    def _moved(self, network: FommNetwork, picture: Image, driver: Face, options: FommOptions) -> Image:
        square, reference = self._reference or self._taken(network, picture, driver, options)
        self._reference = square, reference
        if options.motion is MotionKind.absolute:
            reference = network.still
        if options.driver_crop is DriverCrop.face:
            square = square.followed(driver)
        return self._view.show(network.move(square.inside(picture).crop(picture), reference))

    @staticmethod
    def _taken(
        network: FommNetwork, picture: Image, driver: Face, options: FommOptions
    ) -> tuple[Square, MotionReference]:
        square = driver_square(picture, driver, options)
        crop = square.inside(picture).crop(picture)
        return square, network.reference(crop, adaptive=options.adaptive_scale)


class Fomm:
    """The animator: needs a checkpoint, which is fetched or imported, and PyTorch once."""

    name = "fomm"
    summary = "the network of Avatarify moves one portrait; wants a GPU, and a model from the store"
    kind: Kind = "animate"
    accepts = frozenset({"photo"})
    quality = 35
    Options = FommOptions

    def check(self, material: Material) -> tuple[str, ...]:
        """Examine the photo."""
        return examine(material.photos[0]).warnings

    def check_models(self, options: FommOptions) -> None:
        """Raise ModelMissing with the command that gets the checkpoint."""
        open_store().path(options.checkpoint.model)

    def prepare(self, material: Material, options: FommOptions, report: Report) -> FommAnimation:
        """Ask the network all that the portrait alone answers, and start on engines that are ready.

        Raises ModelMissing without the checkpoint, EngineError when it has to be written for engines and
        PyTorch is not there.
        """
        report(0.0, "reading the portrait")
        portrait = examine(material.photos[0]).within(*_LARGEST)
        paths = graphs(
            options.checkpoint.model,
            lambda share, text: report(0.05 + 0.5 * share, text),
            align_corners=options.align_corners,
        )
        view = PortraitView(portrait, options)
        report(0.6, "preparing the portrait")
        prepare = load(paths["prepare"], "cpu", "fp32", backend="onnxruntime")
        state = tuple(np.array(array) for array in prepare(view.crop))
        given = samples(prepare, state)
        network = _open(paths, state, given, report)
        size = _COPIES * sum(paths[name].stat().st_size for name in ("motion", "draw"))
        animation = FommAnimation(network, view, portrait.face.landmarks, size, options)
        try:
            report(1.0, "ready")
        except BaseException:
            animation.close()
            raise
        return animation


def samples(prepare: Engine, state: State) -> list[tuple[Array, ...]]:
    """Return what the motion network is given when the people we ship drive, the first as reference."""
    coverage = FommOptions().coverage
    crops = [around(face, coverage).inside(picture).crop(picture) for picture, face in sample_faces()]
    value, _, _, *jacobian = (np.array(array) for array in prepare(crops[0]))
    reference = MotionReference(value, hull_side(state[0]) / hull_side(value), jacobian)
    given = (*state[:3], *reference.arrays(), *state[3:], *reference.jacobian)
    return [(crop, *given) for crop in crops]


def _open(
    paths: dict[str, Path], state: State, given: list[tuple[Array, ...]], report: Report
) -> FommNetwork:
    """Open the two engines of a frame, each in what is fastest and passes the check."""
    cores = psutil.cpu_count(logical=False) or 1
    motion = load(paths["motion"], threads=cores, samples=given, wait=False, isolated=True,
                  report=lambda progress: report(0.7 + 0.1 * progress.done, "opening the model"))  # fmt: skip
    warped = [(np.array(motion(*sample)[0]),) for sample in given]
    draw = load(paths["draw"], threads=cores, samples=warped, wait=False, isolated=True,
                report=lambda progress: report(0.8 + 0.1 * progress.done, "opening the model"))  # fmt: skip
    return FommNetwork(motion, draw, state)


processor = Fomm()
