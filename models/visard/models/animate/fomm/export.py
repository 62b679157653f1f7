"""Writes a checkpoint as the two graphs that run: what is done once for a portrait, and once for a frame.

``prepare``: portrait uint8 [1, 256, 256, 3], BGR -> the state: ``value`` [1, K, 2], ``features``
[1, C, H, W], ``small`` [1, 3, h, w] and, where the model has Jacobians, ``jacobian`` [1, K, 2, 2].
``step``: ``driver``, as large a crop of the frame, the state, and the reference that motion is counted from:
``reference_value``, ``reference_scale`` [1], ``reference_jacobian`` -> ``picture``, such a crop of the moved
portrait, and the driver's own keypoints, ``driver_value`` and ``driver_jacobian``.

A reference that is the source's own keypoints, with a scale of 1, makes motion absolute.
"""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from visard.engines.errors import ModelRefused
from visard.models.animate.fomm.checkpoint import DETECTOR, GENERATOR, read
from visard.models.animate.fomm.network import Generator, KeypointDetector, Keypoints, inverse

SIDE = 256
"""Of the pictures that all published models were trained with, pixels."""
_OPSET = 16
"""The first with GridSample; TensorRT is wrong about that of 20."""
_JACOBIANS = "jacobian", "reference_jacobian", "driver_jacobian"


def to_picture(image: Tensor) -> Tensor:
    """Return bytes [N, H, W, 3], BGR, as fp32 [N, 3, H, W], RGB, 0..1."""
    return image.float().permute(0, 3, 1, 2)[:, [2, 1, 0]] / 255


def to_bytes(picture: Tensor) -> Tensor:
    """Return a picture as bytes, cut off and not rounded, as Avatarify has it."""
    return (picture * 255).floor().clamp(0, 255)[:, [2, 1, 0]].permute(0, 2, 3, 1).to(torch.uint8)


class Prepare(nn.Module):
    """What the portrait is asked for, once."""

    def __init__(self, detector: KeypointDetector, generator: Generator) -> None:
        super().__init__()
        self.detector, self.reduce, self.encoder = detector, generator.motion.reduce, generator.encoder

    def forward(self, portrait: Tensor) -> tuple[Tensor, ...]:
        """Return value, features, small and perhaps the Jacobians."""
        picture = to_picture(portrait)
        found = self.detector(picture)
        jacobian = () if found.jacobian is None else (found.jacobian,)
        return found.value, self.encoder(picture), self.reduce(picture), *jacobian


class Step(nn.Module):
    """What every frame is asked for."""

    def __init__(self, detector: KeypointDetector, generator: Generator) -> None:
        super().__init__()
        self.detector, self.generator = detector, generator

    def forward(
        self,
        driver: Tensor,
        value: Tensor,
        features: Tensor,
        small: Tensor,
        reference_value: Tensor,
        reference_scale: Tensor,
        *jacobians: Tensor,
    ) -> tuple[Tensor, ...]:
        """Return the moved picture and the driver's keypoints; ``jacobians``: the source's, the reference's."""
        found = self.detector(to_picture(driver))
        moved = value + (found.value - reference_value) * reference_scale
        if not jacobians:
            picture = self.generator(features, small, Keypoints(value, None), Keypoints(moved, None))
            return to_bytes(picture), found.value
        jacobian, reference = jacobians
        driving = Keypoints(moved, found.jacobian @ inverse(reference) @ jacobian)
        picture = self.generator(features, small, Keypoints(value, jacobian), driving)
        return to_bytes(picture), found.value, found.jacobian


def modules(checkpoint: Path, *, align_corners: bool) -> tuple[Prepare, Step]:
    """Return a checkpoint as modules. Raises ModelRefused when it holds something else."""
    parts = read(checkpoint)
    try:
        detector = KeypointDetector(parts[DETECTOR])
        generator = Generator(parts[GENERATOR], align_corners=align_corners)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ModelRefused(f"{checkpoint.name}: sizes of weights do not fit together: {error}") from error
    for part in parts.values():
        part.finish()
    return Prepare(detector, generator).eval(), Step(detector, generator).eval()


def write(checkpoint: Path, prepare: Path, step: Path, *, align_corners: bool) -> None:
    """Write both graphs. Raises ModelRefused when the checkpoint is none of this model."""
    first, second = modules(checkpoint, align_corners=align_corners)
    crop = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    try:
        with torch.no_grad():
            value, features, small, *jacobian = first(crop)
            given = (crop, value, features, small, value, torch.ones(1), *jacobian, *jacobian)
            state = ["value", "features", "small"]
            known = _JACOBIANS if jacobian else ()
            _save(first, (crop,), prepare, ["portrait"], [*state, *known[:1]])
            inputs = ["driver", *state, "reference_value", "reference_scale", *known[:2]]
            _save(second, given, step, inputs, ["picture", "driver_value", *known[2:]])
    except RuntimeError as error:
        raise ModelRefused(f"{checkpoint.name}: sizes of weights do not fit together: {error}") from error


def _save(
    module: nn.Module, given: tuple[Tensor, ...], path: Path, inputs: list[str], outputs: list[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes are fixed, which is what the exporter warns of
        torch.onnx.export(
            module, given, path, dynamo=False, opset_version=_OPSET, input_names=inputs, output_names=outputs
        )
