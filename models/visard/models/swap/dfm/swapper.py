"""``dfm``: a face trained with DeepFaceLab, in the file that DeepFaceLive uses, unchanged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil

from visard.engines import Array, Engine, close, load
from visard.engines.cache import cache, files
from visard.engines.cache.digest import digest
from visard.engines.errors import EngineError, ModelRefused
from visard.models import align
from visard.models.face import Face, Image, Landmarks
from visard.models.geometry.pose import fit_pose
from visard.models.processor import FrameWorker, Kind, Material, Patch, Pending, ProcessorFailed, Report
from visard.models.sample_faces import sample_faces
from visard.models.swap.dfm import crop_steps as steps
from visard.models.swap.dfm.morph import morph_mask
from visard.models.swap.dfm.onnx_file import convert, inspect, ports
from visard.models.swap.dfm.options import (
    CROPS,
    ColourTransfer,
    DfmOptions,
    FaceType,
    Interpolation,
    MaskMode,
)

_REWRITTEN = "dfm-1"
"""Folder of rewritten networks; the number goes up with what is rewritten."""
_KEPT = 6
"""Networks that stay there; each is as large as its file."""
_COPIES = 2
"""How often an engine has the weights in memory: 1.46 GB measured for a file of 0.72 GB on OpenVINO."""
FLAGS = {
    Interpolation.bilinear: cv2.INTER_LINEAR,
    Interpolation.bicubic: cv2.INTER_CUBIC,
    Interpolation.lanczos4: cv2.INTER_LANCZOS4,
}


@dataclass(frozen=True, slots=True)
class Swapped:
    """What a network makes of a crop, at the crop's size."""

    source_mask: steps.Mask
    """Where the driver's face is."""
    image: Image
    celeb_mask: steps.Mask
    """Where the new face is."""


class DfmNetwork:
    """The network on an engine, bytes in and bytes out, as DeepFaceLive calls it. One thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.resolution = int(engine.inputs[0].shape[1] or 0)
        self.channels = int(engine.inputs[1].shape[1] or 0) if len(engine.inputs) > 1 else 0

    def __call__(self, crop: Image, morph: float, *, two_pass: bool = False) -> Swapped:
        """Swap the face of a square BGR crop of any size."""
        once = self._pass(crop, morph)
        if not two_pass:
            return once
        twice = self._pass(once.image, morph)
        return Swapped(once.source_mask, twice.image, twice.celeb_mask)

    def _pass(self, crop: Image, morph: float) -> Swapped:
        made = self._engine(*inputs(crop, self.resolution, self.channels, morph))
        own, image, mask = (steps.resized(output[0], crop.shape[0]) for output in made)
        return Swapped(own, image, mask)

    def close(self) -> None:
        """Stop looking for better engines."""
        close(self._engine)


def inputs(crop: Image, resolution: int, channels: int, morph: float) -> tuple[Array, ...]:
    """Return what a network takes: the crop as fp32 0..1, and the mask of the morph if it has one."""
    if crop.shape[0] != resolution:
        crop = np.asarray(cv2.resize(crop, (resolution, resolution)), np.uint8)
    tensor = crop[None].astype(np.float32) / np.float32(255)
    return (tensor, morph_mask(channels, morph)) if channels else (tensor,)


def crop_matrix(landmarks: Landmarks, options: DfmOptions) -> align.Matrix:
    """Return the map from frame pixels to the crop's; ``landmarks`` are the 478 in frame pixels."""
    coverage, down = CROPS[options.face_type]
    coverage, aside = options.coverage or coverage, 0.0
    whole_head = options.face_type is FaceType.head
    if options.head_mode and not whole_head:
        coverage, down = coverage + 1.0, down - 0.5
    if options.head_mode or options.freeze_z or whole_head:
        aside = align.behind_the_face(np.radians(fit_pose(landmarks).degrees[0]))
    return align.align(
        landmarks,
        options.resolution,
        coverage=coverage,
        offset=(options.x_offset + aside, options.y_offset + down),
        still=options.exclude_moving_parts,
        upright=options.freeze_z,
    )


def merge_matrix(matrix: align.Matrix, options: DfmOptions) -> align.Matrix:
    """Return the map from the crop's pixels back to the frame's, moved and scaled about the crop's middle."""
    scale, half = options.face_scale, options.resolution / 2
    shifts = (options.face_x_offset, options.face_y_offset)
    x, y = (half - scale * half + shift * options.resolution for shift in shifts)
    return align.compose(align.invert(matrix), np.array([[scale, 0, x], [0, scale, y]]))


def merge_mask(swapped: Swapped, points: align.Points, options: DfmOptions) -> steps.Mask:
    """Return the masks that are asked for as one; ``points`` are the landmarks in the crop's pixels.

    The product is soft, as on DeepFaceLive's processor path; its GPU path cuts it at one half.
    """
    size = swapped.image.shape[0]
    masks = [swapped.source_mask] if options.mask_source else []
    masks += [swapped.celeb_mask] if options.mask_celeb else []
    masks += [steps.hull(points, size)] if options.mask_landmarks else []
    mask = np.full((size, size), 255, np.uint8)
    for other in masks:
        if options.mask_mode is MaskMode.product:
            mask = np.asarray(cv2.multiply(mask, other, scale=1 / 255), np.uint8)
        else:
            mask = np.asarray(cv2.min(mask, other), np.uint8)
    return steps.soften(mask, options.erode, options.blur)


class DfmSwap:
    """One trained face on any driver; frames are made on a thread of their own."""

    def __init__(self, network: DfmNetwork, size: int, options: DfmOptions) -> None:
        self.bytes = size
        self._network: DfmNetwork | None = network
        self._options = options
        self._worker = FrameWorker("dfm")

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Pending:
        """Begin with all faces of a frame, one after the other; ``relight``: with colour transfer."""
        options = self._options
        return self._worker.submit(lambda: [self._patch(picture, face, relight, options) for face in faces])

    def adjust(self, options: DfmOptions) -> bool:
        """Go on with other options, all of which can change at any time."""
        self._options = options
        return True

    def forget(self) -> None:
        """Nothing is learned about drivers."""

    def close(self) -> None:
        """Swap no more; the memory goes when the frame that is being made is done."""
        self._worker.close(self._release)

    def _release(self) -> None:
        if self._network is not None:
            self._network.close()
        self._network = None

    def _patch(self, picture: Image, face: Face, relight: bool, options: DfmOptions) -> Patch:
        if self._network is None:
            raise ProcessorFailed("this persona was closed")
        matrix = crop_matrix(face.landmarks, options)
        crop = align.crop(picture, matrix, options.resolution)
        given = steps.sharpen(crop, options.presharpen)
        given = steps.gamma(given, options.pre_gamma_blue, options.pre_gamma_green, options.pre_gamma_red)
        swapped = self._network(given, options.morph_factor, two_pass=options.two_pass)
        mask = merge_mask(swapped, align.apply(matrix, face.landmarks[:468, :2]), options)
        part, corner = steps.shown(mask)
        image, seen = swapped.image[part], mask[part]
        image = steps.gamma(image, options.post_gamma_blue, options.post_gamma_green, options.post_gamma_red)
        if relight and options.colour_transfer is ColourTransfer.rct:
            image = steps.transfer(image, crop[part], seen, mask.size)
        back = align.compose(merge_matrix(matrix, options), np.array([[1, 0, corner[0]], [0, 1, corner[1]]]))
        flags = FLAGS[options.interpolation]
        return Patch(image, seen, back.astype(np.float32), interpolation=flags)


class Dfm:
    """The swapper: needs a trained model of one person."""

    name = "dfm"
    summary = "a face trained with DeepFaceLab (.dfm); the most alike, wants a GPU"
    kind: Kind = "swap"
    accepts = frozenset({"dfm"})
    quality = 80
    Options = DfmOptions

    def check(self, material: Material) -> tuple[str, ...]:
        """Read the file; raises ModelRefused with what was found in it and what was expected."""
        info = inspect(_model(material))
        remarks = [
            "the file does not tell how much of the head it was trained on, so whole_face is assumed; "
            "if the face sits wrong, change the option face_type"
        ]
        if info.morphable:
            remarks.append("its likeness can be changed with the option morph_factor")
        return tuple(remarks)

    def prepare(self, material: Material, options: DfmOptions, report: Report) -> DfmSwap:
        """Check and rewrite the file, and start on the engine that is ready; better ones take over.

        Raises ModelRefused for a file that is not a DFM.
        """
        report(0.0, "reading the model")
        path = _rewritten(_model(material), report)
        report(0.5, "looking at faces to check the engine with")
        samples = _samples(path, options)
        report(0.7, "opening the model")
        cores = psutil.cpu_count(logical=False) or 1
        engine = load(
            path,
            threads=cores,
            samples=samples,
            wait=False,
            isolated=True,
            report=lambda progress: report(0.7 + 0.2 * progress.done, "opening the model"),
        )
        swap = DfmSwap(DfmNetwork(engine), _COPIES * path.stat().st_size, options)
        try:
            report(1.0, "ready")
        except BaseException:
            swap.close()
            raise
        return swap


def _model(material: Material) -> Path:
    if material.model is None:
        raise ModelRefused("dfm needs a trained model, a file that ends in .dfm")
    return material.model


def _rewritten(model: Path, report: Report) -> Path:
    """Return the network that engines take; it is made once and kept with the compiled engines."""
    folder = cache.default() / "kept" / _REWRITTEN
    path = folder / f"{model.stem[:80]}-{digest(model)[:16]}.onnx"
    if path.is_file():
        path.touch()
        return path
    network = convert(model)
    report(0.3, "writing the model for engines")
    reason = files.private(folder)
    try:
        if not reason:
            with files.replacing(path) as file:
                file.write(network.SerializeToString())
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise EngineError(f"{model.name} could not be written for engines: {reason}")
    files.shorten(folder, _KEPT)
    return path


def _samples(path: Path, options: DfmOptions) -> list[tuple[Array, ...]]:
    """Return what a rewritten network is given when it looks at the people we ship, at several morphs."""
    resolution, channels = ports(path)
    crops = [
        align.crop(picture, crop_matrix(face.landmarks, options), options.resolution)
        for picture, face in sample_faces()
    ]
    morphs = np.linspace(1, 0.5, len(crops))
    return [inputs(crop, resolution, channels, morph) for crop, morph in zip(crops, morphs, strict=True)]


processor = Dfm()
