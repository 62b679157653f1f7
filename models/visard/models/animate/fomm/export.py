"""Writes a checkpoint as the graphs that run: one for a portrait, and a frame's in two parts.

``prepare``: portrait -> the state: ``value`` [1, K, 2], ``features`` [1, C, H, W], ``small`` [1, 3, h, w]
and, where the model has Jacobians, ``jacobian`` [1, K, 2, 2].
``motion``: a crop of the frame, the state, and the reference that motion is counted from (value, scale [1]
and Jacobian) -> ``warped`` [1, C, H, W], and the driver's own keypoints.
``draw``: ``warped`` -> a crop of the moved portrait.

Crops are uint8 [1, 256, 256, 3], BGR. Coordinates need fp32: in bf16 a keypoint is off by a pixel. A frame's
part is two graphs as nine tenths of the work, which ``draw`` does, look the same in half precision.
A reference that is the source's own keypoints, with a scale of 1, makes motion absolute.
"""

import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from visard.engines.errors import ModelRefused
from visard.engines.precision import declare_fp32
from visard.models.animate._squares import SIDE
from visard.models.animate._torch_layers import product, to_bytes, to_picture
from visard.models.animate.fomm.checkpoint import DETECTOR, GENERATOR, read
from visard.models.animate.fomm.graphs import GRAPHS
from visard.models.animate.fomm.network import Generator, KeypointDetector, Keypoints, inverse

_OPSET = 16
"""The first with GridSample; TensorRT is wrong about that of 20."""
_HALF = "/encoder/", "/reduce/", "/motion/hourglass/", "/motion/heads/"
"""Layers whose names begin so may be in half precision; the rest of what is about places stays in fp32."""


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


class Motion(nn.Module):
    """The part of a frame that is about places."""

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
        """Return warped features and the driver's keypoints; ``jacobians``: the source's, the reference's."""
        found = self.detector(to_picture(driver))
        moved = value + (found.value - reference_value) * reference_scale
        if not jacobians:
            warped = self.generator.warp(features, small, Keypoints(value, None), Keypoints(moved, None))
            return warped, found.value
        jacobian, reference = jacobians
        driving = Keypoints(moved, product(product(found.jacobian, inverse(reference)), jacobian))
        warped = self.generator.warp(features, small, Keypoints(value, jacobian), driving)
        return warped, found.value, found.jacobian


class Draw(nn.Module):
    """The part of a frame that is about looks."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, warped: Tensor) -> Tensor:
        """Return the moved picture."""
        return to_bytes(self.generator.draw(warped))


def modules(checkpoint: Path, *, align_corners: bool) -> tuple[Prepare, Motion, Draw]:
    """Return a checkpoint as modules. Raises ModelRefused when it holds something else."""
    parts = read(checkpoint)
    try:
        detector = KeypointDetector(parts[DETECTOR])
        generator = Generator(parts[GENERATOR], align_corners=align_corners)
    except (RuntimeError, ValueError, IndexError) as error:
        raise _unfit(checkpoint, error) from error
    for part in parts.values():
        part.finish()
    return (
        Prepare(detector, generator).eval(),
        Motion(detector, generator).eval(),
        Draw(generator).eval(),
    )


def write(checkpoint: Path, graph: str, path: Path, *, align_corners: bool) -> None:
    """Write one of GRAPHS. Raises ModelRefused when the checkpoint is none of this model."""
    prepare, motion, draw = modules(checkpoint, align_corners=align_corners)
    crop = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are fixed, which is what the exporter warns of
            value, features, small, *jacobian = prepare(crop)
            state = (value, features, small, value, torch.ones(1), *jacobian, *jacobian)
            given = {"prepare": (crop,), "motion": (crop, *state), "draw": (features,)}
            names = GRAPHS[graph]
            chosen: nn.Module = {"prepare": prepare, "motion": motion, "draw": draw}[graph]
            torch.onnx.export(
                chosen,
                given[graph],
                path,
                dynamo=False,
                opset_version=_OPSET,
                input_names=names.inputs[: len(given[graph])],
                output_names=names.outputs if jacobian else names.outputs[: names.least],
            )
    except (RuntimeError, ValueError) as error:
        raise _unfit(checkpoint, error) from error
    if graph != "draw":
        network = onnx.load(path)
        declare_fp32(network, [node.name for node in network.graph.node if not node.name.startswith(_HALF)])
        onnx.save(network, path)


def _unfit(checkpoint: Path, error: Exception) -> ModelRefused:
    return ModelRefused(f"{checkpoint.name}: sizes of its weights do not fit together: {error}")


def main(checkpoint: str, graph: str, path: str, align_corners: str) -> None:
    """Write a graph, as ``write`` does."""
    write(Path(checkpoint), graph, Path(path), align_corners=align_corners == "True")
