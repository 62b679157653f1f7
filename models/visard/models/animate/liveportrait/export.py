"""Writes LivePortrait's files as the graphs that run; see ``graphs`` for what they take and give."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from visard.engines.errors import ModelRefused
from visard.engines.precision import declare_fp32
from visard.models.animate._squares import SIDE
from visard.models.animate._torch_layers import product, to_bytes, to_picture
from visard.models.animate.liveportrait import checkpoint
from visard.models.animate.liveportrait.checkpoint import FILES, read
from visard.models.animate.liveportrait.controls import CONTROLS
from visard.models.animate.liveportrait.graphs import GRAPHS
from visard.models.animate.liveportrait.motion import POINTS, Correction, Motion, MotionExtractor, stitched
from visard.models.animate.liveportrait.picture import AppearanceExtractor, Generator, Warping, nearness

_OPSET = 16
"""The first with GridSample; TensorRT is wrong about that of 20."""
_FP32 = "/driving/", "/warping/motion/shifts/", "/warping/motion/places/", "/warping/sample/"
"""Layers whose names begin so stay in fp32: in half precision a face trembles, and places are off."""


class Corrections(nn.Module):
    """The three networks that correct keypoints."""

    def __init__(self, stitching: Correction, eyes: Correction, lips: Correction) -> None:
        super().__init__()
        self.stitching, self.eyes, self.lips = stitching, eyes, lips


class Prepare(nn.Module):
    """What the portrait is asked for, once."""

    def __init__(
        self, appearance: AppearanceExtractor, extractor: MotionExtractor, warping: Warping, lips: Correction
    ) -> None:
        super().__init__()
        self.appearance, self.extractor, self.lips = appearance, extractor, lips
        self.compress = warping.motion.compress

    def forward(self, portrait: Tensor, lip_ratio: Tensor) -> tuple[Tensor, ...]:
        """Return the state."""
        picture = to_picture(portrait)
        volume = self.appearance(picture)
        motion, own = self.extractor(picture)
        posed = motion.applied(own)
        closing = self.lips.delta(posed, torch.cat([lip_ratio, lip_ratio * 0], 1))
        told = (motion.rotation, motion.expression, motion.translation, motion.scale)
        return volume, self.compress(volume), nearness(posed), posed, own, *told, closing


class Driving(nn.Module):
    """Where the driver's motion takes the portrait's keypoints."""

    def __init__(self, extractor: MotionExtractor, corrections: Corrections) -> None:
        super().__init__()
        self.extractor, self.corrections = extractor, corrections

    def forward(
        self, driver: Tensor, posed: Tensor, own: Tensor, motion: Motion, closing: Tensor, reference: Motion,
        *choices: Tensor,
    ) -> tuple[Tensor, Motion]:  # fmt: skip
        """Return keypoints, [N, 21, 3], and the driver's own motion; ``choices`` are the last inputs."""
        region, controls, ratios = choices
        found, _ = self.extractor(to_picture(driver))
        chosen = dict(zip(CONTROLS, controls.split(1, 1), strict=True))
        moved = _moved(motion, found, reference, region, chosen).applied(own)
        moved = posed + chosen["moving"][..., None] * (moved - posed)
        moved = self._retargeted(moved, posed, ratios, chosen)
        moved = moved + chosen["stitching"][..., None] * stitched(self.corrections.stitching, posed, moved)
        moved = moved + chosen["closing"][..., None] * closing
        return posed + chosen["multiplier"][..., None] * (moved - posed), found

    def _retargeted(self, moved: Tensor, posed: Tensor, ratios: Tensor, chosen: dict[str, Tensor]) -> Tensor:
        """Add what opens eyes and lips as the driver's are."""
        eyes, lips = ratios.split([3, 2], 1)
        moved = moved + chosen["eyes"][..., None] * self.corrections.eyes.delta(posed, eyes)
        return moved + chosen["lips"][..., None] * self.corrections.lips.delta(posed, lips)


def _moved(
    source: Motion, driver: Motion, reference: Motion, region: Tensor, chosen: dict[str, Tensor]
) -> Motion:
    """Return the source's motion with what the driver's is beyond the reference."""
    pose, scale = chosen["pose"], chosen["scale"]
    turned = product(product(driver.rotation, reference.rotation.transpose(1, 2)), source.rotation)
    return Motion(
        source.rotation * (1 - pose[..., None]) + turned * pose[..., None],
        source.expression + region * (driver.expression - reference.expression),
        source.translation + pose * (driver.translation - reference.translation),
        source.scale * (1 - scale) + source.scale * (driver.scale / reference.scale) * scale,
    )


class Step(nn.Module):
    """A frame."""

    def __init__(self, driving: Driving, warping: Warping, generator: Generator) -> None:
        super().__init__()
        self.driving, self.warping, self.generator = driving, warping, generator

    def forward(self, driver: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        """Return the picture and the driver's motion; ``given`` is in the order of the graph's inputs."""
        volume, small, near, posed, own = given[:5]
        motion, closing, reference, choices = Motion(*given[5:9]), given[9], Motion(*given[10:14]), given[14:]
        keypoints, found = self.driving(driver, posed, own, motion, closing, reference, *choices)
        picture = self.generator(self.warping(volume, small, near, posed, keypoints))
        told = (found.rotation, found.expression, found.translation, found.scale)
        return to_bytes(picture), *told


def modules(folder: Path) -> tuple[Prepare, Step]:
    """Return the files in a folder as modules. Raises ModelRefused when they hold something else."""
    parts = read(folder)
    try:
        extractor, warping = MotionExtractor(parts[checkpoint.MOTION]), Warping(parts[checkpoint.WARPING])
        stitching, eyes, lips = (
            Correction(parts[name]) for name in (checkpoint.STITCHING, checkpoint.EYES, checkpoint.LIPS)
        )
        appearance = AppearanceExtractor(parts[checkpoint.APPEARANCE])
        generator = Generator(parts[checkpoint.GENERATOR])
    except (RuntimeError, ValueError, IndexError) as error:
        raise _unfit(error) from error
    for part in parts.values():
        part.finish()
    driving = Driving(extractor, Corrections(stitching, eyes, lips))
    return Prepare(appearance, extractor, warping, lips).eval(), Step(driving, warping, generator).eval()


def write(folder: Path, graph: str, path: Path) -> None:
    """Write one of GRAPHS. Raises ModelRefused when the files are not those of this model."""
    prepare, step = modules(folder)
    portrait = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8), torch.zeros(1, 1)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are fixed, which is what the exporter warns of
            state = prepare(*portrait)
            choices = torch.ones(1, POINTS, 3), torch.ones(1, len(CONTROLS)), torch.ones(1, 5)
            given = {"prepare": portrait, "step": (portrait[0], *state, *state[5:9], *choices)}[graph]
            inputs, outputs = GRAPHS[graph]
            chosen: nn.Module = {"prepare": prepare, "step": step}[graph]
            torch.onnx.export(chosen, given, path, dynamo=False, opset_version=_OPSET,
                              input_names=inputs, output_names=outputs)  # fmt: skip
    except (RuntimeError, ValueError) as error:
        raise _unfit(error) from error
    network = onnx.load(path)
    declare_fp32(network, _FP32 if graph == "step" else ("/",))
    onnx.save(network, path)


def _unfit(error: Exception) -> ModelRefused:
    return ModelRefused(f"sizes of the weights in {', '.join(FILES)} do not fit together: {error}")


def main(folder: str, graph: str, path: str) -> None:
    """Write a graph, as ``write`` does."""
    write(Path(folder), graph, Path(path))
